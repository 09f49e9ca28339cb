"""Cameras of a scene as they are drawn: frusta with what the calibration says of them, and where to look from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from epipose.calibration.result import CameraReport
from epipose.camera import Rig

FIELD_OF_VIEW = math.radians(42)
_EYES = 1.0  # metres above the floor that is looked at


@dataclass(frozen=True)
class CameraData:
    """A camera on the stage: centre, the image's corners and the axis at depth 1 (offsets from the centre, metres).

    The standard deviations, the median reprojection error and the share of inliers are those of the calibration; None
    where it says nothing.
    """

    name: str
    position: tuple[float, ...]
    corners: tuple[tuple[float, ...], ...]
    axis: tuple[float, ...]
    size: tuple[int, ...]
    focal_px: float
    position_sigma_m: float | None = None
    rotation_sigma_deg: float | None = None
    median_px: float | None = None
    inlier_share: float | None = None


@dataclass(frozen=True)
class Viewpoint:
    """Where the scene is looked at from: metres and radians, from ``target`` outwards."""

    target: tuple[float, float, float]
    azimuth: float
    elevation: float
    distance: float


def camera_data(rig: Rig, reports: Sequence[CameraReport] = ()) -> tuple[CameraData, ...]:
    """The cameras of a rig on the stage; ``reports`` are those of its calibration, matched by name."""
    camera, by_name = rig.camera.to(torch.float64), {report.name: report for report in reports}
    half = camera.size.double() / camera.K.diagonal(dim1=-2, dim2=-1)[:, :2] / 2
    signs = torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)
    corners = torch.nn.functional.pad(half[:, None] * signs, (0, 1), value=1.0) @ camera.R
    axes = camera.R[:, 2]
    return tuple(
        CameraData(
            name,
            _numbers(camera.center[index]),
            tuple(_numbers(corner) for corner in corners[index]),
            _numbers(axes[index]),
            tuple(camera.size[index].tolist()),
            round(float(camera.focal[index]), 1),
            *_said(by_name.get(name)),
        )
        for index, name in enumerate(rig.names)
    )


def _said(report: CameraReport | None) -> tuple[float | None, ...]:
    if report is None:
        return (None, None, None, None)
    sigma = report.center_sigma_mm / 1000
    return (round(sigma, 4), round(report.rotation_sigma_deg, 3), round(report.median_px, 2), report.inlier_share)


def _numbers(of: torch.Tensor) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in of.tolist())


def reach_of(rig: Rig | None) -> float:
    """Median distance of the cameras from their middle, metres; at least 1, and 1 without cameras."""
    if rig is None:
        return 1.0
    center = rig.camera.center.double()
    return max(1.0, float((center - center.mean(0)).norm(dim=-1).median()))


def viewpoint(rig: Rig | None) -> Viewpoint:
    """From the widest gap between the cameras, from above, far enough to have all of them in the image."""
    target = np.array([0.0, 0.0, _EYES])
    azimuth, radius = math.radians(-60), 2.0
    if rig is not None:
        offset = rig.camera.center.double().numpy() - target
        angles = np.sort(np.arctan2(offset[:, 1], offset[:, 0]))
        gaps = np.diff(np.append(angles, angles[0] + 2 * math.pi))
        azimuth = float(angles[gaps.argmax()] + gaps.max() / 2)
        radius = max(radius, float(np.linalg.norm(offset[:, :2], axis=1).max()))
    distance = 0.6 * radius / math.sin(FIELD_OF_VIEW / 2)
    return Viewpoint((0.0, 0.0, _EYES), azimuth, math.radians(20), distance)
