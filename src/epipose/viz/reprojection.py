"""Reprojection of labels into the views, and their distance from the keypoints over time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Rig
from epipose.poses import Poses2D, Poses3D, in_skeleton
from epipose.skeleton import Skeleton

_NEAREST = 0.05  # metres before a camera
_WIDEST = 1.5  # half the diagonals of an image, without distortion: farther out a lens model may fold back into it


def projected(
    rig: Rig, poses: Poses3D
) -> tuple[Float[Tensor, "camera frame person joint 2"], Bool[Tensor, "camera frame person joint"]]:
    """Pixels of the joints in every camera, and which of them are known, before the camera and near its image."""
    camera = rig.camera.to(torch.float32).spread(3)
    places = camera.into_frame(poses.xyz.float())
    depth = places[..., 2]
    off_axis = (places[..., :2] / depth[..., None].clamp_min(1e-6) * camera.focal[..., None]).norm(dim=-1)
    near = camera.fisheye | (off_axis < _WIDEST * camera.size.float().norm(dim=-1) / 2)
    return camera.project_in_frame(places), (poses.conf > 0) & (depth > _NEAREST) & near


def reprojection_errors(
    names: Sequence[str],
    uv: Float[Tensor, "camera frame person joint 2"],
    seen: Bool[Tensor, "camera frame person joint"],
    skeleton: Skeleton,
    keypoints: Poses2D,
) -> tuple[tuple[float | None, ...], ...]:
    """Median distance in pixels of the first person's joints from the keypoints, by camera and frame; None where unknown.

    ``keypoints`` are of the subject, of the same frames. In frames in which the detector took left for right, the
    distance from the keypoints put right counts.
    """
    xy, conf = in_skeleton(keypoints.xy[:, :, 0], keypoints.conf[:, :, 0], keypoints.skeleton, skeleton)
    flip, errors = list(skeleton.flip), list[tuple[float | None, ...]]()
    for index, name in enumerate(names):
        if name not in keypoints.views:
            errors.append((None,) * uv.shape[1])
            continue
        view = keypoints.views.index(name)
        both = torch.stack(
            [
                _median(uv[index, :, 0], seen[index, :, 0], xy[view][:, order], conf[view][:, order])
                for order in (list(range(len(flip))), flip)
            ]
        ).amin(0)
        errors.append(tuple(None if value == torch.inf else round(value, 1) for value in both.tolist()))
    return tuple(errors)


def _median(uv: Tensor, seen: Tensor, xy: Tensor, conf: Tensor) -> Tensor:
    """Median over the joints that both have; infinite where there is none."""
    distance = torch.where(seen & (conf > 0), (uv - xy).norm(dim=-1), torch.nan)
    return distance.nanmedian(-1).values.nan_to_num(torch.inf)
