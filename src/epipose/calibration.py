"""What is known of a calibration: the rig, how well every camera and every pair agree with it, and warnings.

A small reprojection error is necessary for good cameras and does not prove them, so the report also says what it
cannot see: a person who hardly moved, two cameras that nothing checks, pairs that contradict the rest.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.geometry.relative_pose import RelativePose
from epipose.geometry.rotation import angle_between
from epipose.geometry.triangulate import triangulate_robust
from epipose.observations import Observations
from epipose.skeleton import Skeleton


@dataclass(frozen=True)
class CameraReport:
    """How well one camera agrees with the rest: reprojection errors of the subject's joints."""

    name: str
    median_px: float
    median_mrad: float
    p90_px: float
    inlier_share: float  # observations within two expected errors
    swapped_frames: int  # frames in which the detector took left for right, repaired


@dataclass(frozen=True)
class PairReport:
    """What one pair of views said on its own, and how far that was from the final rig."""

    views: tuple[str, str]
    correspondences: int
    inlier_share: float
    in_front_share: float
    rotation_from_rig_deg: float
    outvoted: bool


@dataclass(frozen=True)
class Calibration:
    """The rig (camera 0 is the world frame), and the report on it."""

    rig: Rig
    cameras: tuple[CameraReport, ...]
    pairs: tuple[PairReport, ...]
    frames_used: int
    warnings: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """The report as JSON-ready content."""
        content = asdict(self)
        content.pop("rig")
        return content


def assess(
    rig: Rig, observed: Observations, pairs: dict[tuple[int, int], RelativePose], swapped: Tensor, skeleton: Skeleton
) -> Calibration:
    """Measure a rig against the observations it came from, or is said to explain."""
    camera = rig.camera
    points = triangulate_robust(camera.R, camera.t, *observed.per_point())
    enough = (observed.weight > 0).sum(0) >= 2
    cameras = []
    for view, name in enumerate(rig.names):
        counted = (observed.weight[view] > 0) & enough
        if not bool(counted.any()):
            raise EpiposeError(f"View '{name}' never shows the subject at the same time as another view. Leave it out.")
        residual = points.residual[..., view][counted]
        angle = residual * observed.noise[view][counted]
        cameras.append(
            CameraReport(
                name=name,
                median_px=float(angle.median() * camera.focal[view]),
                median_mrad=float(angle.median() * 1000),
                p90_px=float(angle.quantile(0.9) * camera.focal[view]),
                inlier_share=float((residual < 2).double().mean()),
                swapped_frames=int(swapped[view].sum()),
            )
        )
    pair_reports = tuple(_pair_report(rig, observed, i, j, pair) for (i, j), pair in pairs.items())
    roaming = _roaming(points.xyz, enough, skeleton)
    warnings = _warnings(cameras, pair_reports, roaming / limb_chain(points.xyz, enough.double(), skeleton))
    return Calibration(rig, tuple(cameras), pair_reports, observed.x.shape[1], warnings)


def _roaming(xyz: Float[Tensor, "frame joint 3"], seen: Bool[Tensor, "frame joint"], skeleton: Skeleton) -> float:
    """How far the hips moved about: diagonal of the box from the 5th to the 95th percentile of their middle."""
    hips = [skeleton.index("left_hip"), skeleton.index("right_hip")]
    middle = xyz[seen[:, hips].all(-1)][:, hips].mean(1)
    return float((middle.quantile(0.95, 0) - middle.quantile(0.05, 0)).norm()) if len(middle) else 0.0


def _pair_report(rig: Rig, observed: Observations, i: int, j: int, pair: RelativePose) -> PairReport:
    usable = int(((observed.weight[i] > 0) & (observed.weight[j] > 0)).sum())
    off = torch.rad2deg(angle_between(pair.R, rig.camera.R[j] @ rig.camera.R[i].mT)).item()
    return PairReport(
        views=(rig.names[i], rig.names[j]),
        correspondences=usable,
        inlier_share=float(pair.inlier.sum()) / usable,
        in_front_share=pair.in_front,
        rotation_from_rig_deg=off,
        outvoted=off > 10,
    )


def _warnings(cameras: list[CameraReport], pairs: tuple[PairReport, ...], roaming: float) -> tuple[str, ...]:
    """Plain words for what a user should look at before trusting the result; ``roaming`` in lengths of the limb chain."""
    warnings = []
    if roaming < 0.2:
        warnings.append(
            f"The person hardly moved about (by {roaming:.2f} of a shoulder-to-ankle length). Someone who stays in one "
            "place says little about the cameras: they may be off by several degrees with small errors below. Film a "
            "person who walks through the whole scene."
        )
    usual = sorted(camera.median_mrad for camera in cameras)[len(cameras) // 2]
    for camera in cameras:
        if camera.median_mrad > 15 or camera.median_mrad > 3.5 * usual:
            warnings.append(
                f"{camera.name} errs by {camera.median_mrad:.1f} mrad ({camera.median_px:.1f} px); the usual camera "
                f"here by {usual:.1f}. Its picture may be of another person, out of sync, or its intrinsics wrong."
            )
    outvoted = [pair for pair in pairs if pair.outvoted]
    if len(outvoted) > len(pairs) / 2:
        warnings.append(
            f"{len(outvoted)} of {len(pairs)} pairs of views, taken alone, contradict the result by more than 10 "
            "degrees. The views do not agree with each other: do not trust these cameras."
        )
    else:
        warnings += [
            f"{pair.views[0]} and {pair.views[1]} alone are {pair.rotation_from_rig_deg:.0f} degrees off the result of "
            "all views together and were outvoted."
            for pair in outvoted
        ]
    if len(cameras) == 2:
        warnings.append(
            "Two cameras cannot check each other: nothing here would reveal a wrong result. Use three or more."
        )
    return tuple(warnings)


def limb_chain(xyz: Float[Tensor, "frame joint 3"], trust: Float[Tensor, "frame joint"], skeleton: Skeleton) -> float:
    """Median length of shoulder line to hip line, plus thigh, plus shank (mean of left and right).

    Only frames in which all joints of a part are trusted count for it; EpiposeError where there is none.
    """

    def median_length(part: str, starts: tuple[str, ...], ends: tuple[str, ...]) -> float:
        i, j = [skeleton.index(joint) for joint in starts], [skeleton.index(joint) for joint in ends]
        seen = (trust[:, i + j] > 0).all(-1)
        if not bool(seen.any()):
            raise EpiposeError(
                f"The {part} of the subject is never seen by two views at once; the person's size is unknown."
            )
        return float((xyz[seen][:, i].mean(1) - xyz[seen][:, j].mean(1)).norm(dim=-1).median())

    trunk = median_length("trunk", ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))
    legs = [
        median_length(f"{side} {part}", (f"{side}_{start}",), (f"{side}_{end}",))
        for side in ("left", "right")
        for part, start, end in (("thigh", "hip", "knee"), ("shank", "knee", "ankle"))
    ]
    return trunk + sum(legs) / 2
