"""3D labels: every joint triangulated from the views that agree on it, with a confidence it has earned.

A label is only worth training on when it is right, and geometry knows when it is: two views or more must agree, from
directions far enough apart to fix the depth. What fails that is confidence 0, never a guess.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from epipose.camera import Rig
from epipose.geometry.swaps import unswapped
from epipose.geometry.triangulate import depth_in_views, triangulate_robust
from epipose.observations import Observations, observe
from epipose.poses import Poses2D, Poses3D
from epipose.skeleton import H36M17, Skeleton


def label(
    poses: Poses2D, rig: Rig, *, skeleton: Skeleton = H36M17, gate: float = 2.5, min_parallax_deg: float = 5.0
) -> Poses3D:
    """Triangulate the subject in world space and map it to ``skeleton``.

    ``gate``: a view supports a joint when it errs by less than this many expected errors (`NOISE_SHARE` of the
    person's size in the picture each). A joint's confidence is the number of supporting views, each counted by its
    2D confidence and its robust weight, less one, clipped to [0, 1]: one view alone is worth nothing, two perfect
    ones are worth 1. Joints whose supporting rays are all within ``min_parallax_deg`` of one line get 0.
    """
    observed = observe(poses, rig)
    blocks = torch.arange(poses.xy.shape[1]).split(_BLOCK)
    xyz, conf = zip(
        *(
            _triangulated(observed.frames(block), rig, poses.skeleton, gate, math.radians(min_parallax_deg))
            for block in tqdm(blocks, desc="label", unit=f"{_BLOCK} frames", delay=2, disable=None)
        ),
        strict=True,
    )
    world = torch.cat(xyz)[:, None].float(), torch.cat(conf)[:, None].float()
    return Poses3D(*world, poses.skeleton, "world", rig.metric).mapped_to(skeleton)


_BLOCK = 500  # frames at a time, so that memory does not grow with the length of the clip


def _triangulated(
    observed: Observations, rig: Rig, skeleton: Skeleton, gate: float, min_parallax: float
) -> tuple[Float[Tensor, "frame joint 3"], Float[Tensor, "frame joint"]]:
    camera = rig.camera.to(torch.float64)
    observed, _ = unswapped(observed, camera.R, camera.t, skeleton.flip)
    x, weight, noise = observed.per_point()
    points = triangulate_robust(camera.R, camera.t, x, weight, noise)
    depth = depth_in_views(camera.R, camera.t, points.xyz)
    supports = (weight > 0) & (points.residual < gate) & (depth > 0)
    support = (supports * weight * points.inlier).sum(-1)
    wide = widest_parallax(points.xyz, camera.center, supports) > min_parallax
    conf = (support - 1).clamp(0, 1) * (supports.sum(-1) >= 2) * wide
    return torch.where((conf > 0)[..., None], points.xyz, torch.zeros_like(points.xyz)), conf


def widest_parallax(
    xyz: Float[Tensor, "*points 3"], center: Float[Tensor, "view 3"], supports: Tensor
) -> Float[Tensor, "*points"]:
    """Largest angle (radians, at most pi/2) between the lines of two supporting rays; 0 with fewer than two.

    Cameras that face each other see a joint between them along one line, which fixes its depth as little as cameras
    side by side do.
    """
    ray = torch.nn.functional.normalize(center - xyz[..., None, :], dim=-1)
    cosine = (ray @ ray.mT).abs().clamp(max=1)
    both = supports[..., :, None] & supports[..., None, :]
    return torch.where(both, cosine, torch.ones_like(cosine)).amin((-2, -1)).acos()


def in_camera_frames(poses: Poses3D, rig: Rig) -> Float[Tensor, "view frame person joint 3"]:
    """World poses as each camera of the rig sees them: its axes, its origin. This is what the network learns."""
    return rig.camera.to(poses.xyz.dtype).spread(3).into_frame(poses.xyz)
