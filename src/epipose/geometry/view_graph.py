"""From relative poses of pairs to one rig, when some pairs may be wrong.

A pair of views that face each other, or whose detector failed, can be off by tens of degrees while its residual looks
fine. Averaging would spread that error over all cameras. So every pair is tried as the seed of a reconstruction: its
joints are triangulated, every further camera is placed where it sees those joints (resection), and the whole is
adjusted a little. A wrong seed cannot explain the other views; the reconstruction that explains them best wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.errors import EpiposeError
from epipose.geometry.bundle import bundle_adjust
from epipose.geometry.relative_pose import RelativePose
from epipose.geometry.triangulate import depth_in_views, triangulate_robust
from epipose.observations import Observations

_MOST_SEEDS = 12


@dataclass(frozen=True)
class Reconstruction:
    """Cameras (cam_from_world, one of the seed's cameras at the origin), points, and the mean robust cost."""

    R: Float[Tensor, "view 3 3"]
    t: Float[Tensor, "view 3"]
    xyz: Float[Tensor, "frame joint 3"]
    cost: float


def reconstruct(observed: Observations, pairs: dict[tuple[int, int], RelativePose]) -> Reconstruction:
    """The best reconstruction over all seed pairs; raises EpiposeError when no pair leads to one."""
    promising = sorted(pairs, key=lambda pair: pairs[pair].cost)[:_MOST_SEEDS]
    found = [_grow(observed, pair, pairs[pair]) for pair in promising]
    best = min((r for r in found if r is not None), key=lambda r: r.cost, default=None)
    if best is None:
        raise EpiposeError(
            "No pair of views leads to a rig that all views agree with. Check that all cameras show the same person "
            "at the same moment and that the intrinsics belong to these cameras."
        )
    return best


def _grow(observed: Observations, pair: tuple[int, int], start: RelativePose) -> Reconstruction | None:
    """Seed with a pair, add the camera that shares most joints until all are placed, adjust."""
    views = len(observed.x)
    R = torch.eye(3, dtype=torch.float64).repeat(views, 1, 1)
    t = torch.zeros(views, 3, dtype=torch.float64)
    R[pair[1]], t[pair[1]] = start.R, start.t
    placed = list(pair)
    while True:
        xyz, trust = triangulate_views(observed.views(placed), R[placed], t[placed])
        missing = [view for view in range(views) if view not in placed]
        if not missing:
            break
        view = max(missing, key=lambda v: float((observed.weight[v] * trust).sum()))
        pose = resect(xyz, observed.x[view], observed.weight[view] * trust, float(observed.noise[view].median()))
        if pose is None:
            return None
        R[view], t[view] = pose
        placed.append(view)
    weight = observed.weight * trust
    if int((weight > 0).sum()) < 8 * views:
        return None
    bundle = bundle_adjust(R, t, xyz, observed.x, weight, observed.noise, steps=15)
    # All observations count here, also those the reconstruction would rather not explain.
    x, weight, noise = observed.per_point()
    seen = triangulate_robust(bundle.R, bundle.t, x, weight, noise)
    w = weight * (weight > 0).sum(-1, keepdim=True).gt(1)
    cost = float((w * seen.residual.square().log1p()).sum() / w.sum())
    return Reconstruction(bundle.R, bundle.t, bundle.xyz, cost)


def triangulate_views(
    observed: Observations, R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], gate: float = 4.0
) -> tuple[Float[Tensor, "frame joint 3"], Float[Tensor, "frame joint"]]:
    """Robust points and a trust of 1 where two views or more agree within ``gate`` noise scales in front of them."""
    x, weight, noise = observed.per_point()
    points = triangulate_robust(R, t, x, weight, noise)
    depth = depth_in_views(R, t, points.xyz)
    agree = ((weight > 0) & (points.residual < gate) & (depth > 1e-3)).sum(-1)
    behind = ((weight > 0) & (depth <= 1e-3)).any(-1)
    return points.xyz, ((agree >= 2) & ~behind).to(x)


def resect(
    xyz: Float[Tensor, "frame joint 3"],
    x: Float[Tensor, "frame joint 2"],
    weight: Float[Tensor, "frame joint"],
    noise: float,
) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "3"]] | None:
    """cam_from_world of a camera that sees known points at x (PnP by OpenCV's RANSAC), or None."""
    usable = weight > 0
    if int(usable.sum()) < 8:
        return None
    try:
        found, rotation, translation, _ = cv2.solvePnPRansac(
            np.ascontiguousarray(xyz[usable].numpy()),
            np.ascontiguousarray(x[usable].numpy()),
            np.eye(3),
            np.zeros(4),
            iterationsCount=300,
            reprojectionError=2 * noise,
            flags=cv2.SOLVEPNP_SQPNP,
        )
    except cv2.error:  # degenerate input: all points at one place, say
        return None
    if not found or not np.isfinite(rotation).all() or not np.isfinite(translation).all():
        return None
    return torch.from_numpy(cv2.Rodrigues(rotation)[0]), torch.from_numpy(translation[:, 0])
