"""View graph: one rig from the relative poses of pairs, some of which may be wrong.

A pair of views that face each other, or whose detector failed, can be off by tens of degrees while its residual looks
fine. Averaging would spread that error over all cameras. So every pair is tried as the seed of a reconstruction: its
joints are triangulated, every further camera is added by resection, and the whole is adjusted a little. A wrong seed
cannot explain the other views; the reconstruction that explains them best wins. As soon as one explains them and most
of the other pairs, which are independent of each other, agree with it, it is right and the rest need not be tried. A
view whose left and right are swapped throughout fits nowhere as it is; each view is therefore resected both ways.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.errors import CalibrationError
from epipose.geometry.bundle import BundleProblem, bundle_adjust
from epipose.geometry.observations import Observations
from epipose.geometry.relative_pose import RelativePose
from epipose.geometry.reprojection import reproject
from epipose.geometry.resection import resect
from epipose.geometry.robust import mean_robust_cost
from epipose.geometry.rotation import angle_between
from epipose.geometry.triangulate import depth_in_views, triangulate_robust

_MAX_SEEDS = 12
_MAX_GROWN_VIEWS = 48  # views times seeds that are tried: a seed of many views costs more, and is confirmed by more
_MIN_SEEDS = 4
_TREES = 4  # spanning trees that the pairs of a view graph consist of
MAX_VIEWS_IN_ALL_PAIRS = 2 * _TREES  # so many views have no more pairs than that
_MIN_GAIN = 1e-4  # of a step of the adjustment, as a share of the cost: seeds differ by far more
_MAX_ANGLE = math.radians(3)  # between rotations that agree; or three standard deviations
_MAX_COST = 1.0  # mean log(1 + r^2) of a rig that explains the observations; noise as expected gives about this
_MAX_COST_RATIO = 0.6  # of a view's cost with left and right swapped over its cost as it is


@dataclass(frozen=True)
class Reconstruction:
    """Cameras (cam_from_world, one of the seed's cameras at the origin), points, and the mean robust cost.

    ``swapped``: views whose left and right were swapped throughout, and that were used the other way round.
    """

    R: Float[Tensor, "view 3 3"]
    t: Float[Tensor, "view 3"]
    xyz: Float[Tensor, "frame joint 3"]
    cost: float
    swapped: Bool[Tensor, " view"] = field(default_factory=lambda: torch.zeros(0, dtype=torch.bool))


def chosen_pairs(value: Float[Tensor, "view view"]) -> list[tuple[int, int]]:
    """The pairs of views whose relative poses are worth estimating, by what each is worth (0: none), in order.

    The union of `_TREES` spanning trees that share no pair: however the views are divided in two, so many pairs tie
    the parts together, and their number grows with the views, not with its square. Each tree takes the pairs worth
    most (Kruskal), less where a view has many already. Up to `MAX_VIEWS_IN_ALL_PAIRS` views all pairs are taken.
    """
    views = len(value)
    everyone = [pair for pair in combinations(range(views), 2) if float(value[pair]) > 0]
    if views <= MAX_VIEWS_IN_ALL_PAIRS:
        return everyone
    chosen: set[tuple[int, int]] = set()
    degree = [0] * views
    for _ in range(_TREES):
        part = list(range(views))  # the views of one part of the tree have one number
        while True:
            open_pairs = [pair for pair in everyone if pair not in chosen and part[pair[0]] != part[pair[1]]]
            if not open_pairs:
                break
            i, j = max(open_pairs, key=lambda pair: float(value[pair]) / (1 + max(degree[pair[0]], degree[pair[1]])))
            chosen.add((i, j))
            degree[i], degree[j] = degree[i] + 1, degree[j] + 1
            part = [part[i] if number == part[j] else number for number in part]
    return sorted(chosen)


def reconstruct(
    observed: Observations, pairs: dict[tuple[int, int], RelativePose], flip: Sequence[int] | None = None
) -> Reconstruction:
    """The best reconstruction over the seed pairs; raises CalibrationError when no pair leads to one.

    ``flip``: index of every joint's mirror partner; given, views that are swapped throughout are found (with three
    views or more; at most half of them, as either half may be right). The cameras are then those of
    ``observed.swapped``.
    """
    seeds = min(_MAX_SEEDS, max(_MIN_SEEDS, _MAX_GROWN_VIEWS // observed.weight.shape[0]))
    promising = sorted(pairs, key=lambda pair: pairs[pair].cost)[:seeds]
    best: Reconstruction | None = None
    for pair in promising:
        found = _grow(observed, pair, pairs[pair], flip)
        if found is None:
            continue
        if best is None or _rank(found) < _rank(best):
            best = found
        if found.cost < _MAX_COST and _confirmed(found, pair, pairs):
            break
    if best is None:
        raise CalibrationError(
            "No pair of views leads to a rig that all views agree with. Check that all cameras show the same person "
            "at the same moment and that the intrinsics belong to these cameras."
        )
    return best


def _rank(found: Reconstruction) -> float:
    """Cost, with a little on top for every view that had to be swapped: of two equal costs that without swaps wins."""
    return found.cost * (1 + 0.05 * int(found.swapped.sum()))


def _confirmed(found: Reconstruction, seed: tuple[int, int], pairs: dict[tuple[int, int], RelativePose]) -> bool:
    """Whether two of the other pairs or more, and most of them, gave the rotations of this reconstruction."""
    others = [pair for pair in pairs if pair != seed]
    agreeing = sum(
        float(angle_between(found.R[j] @ found.R[i].mT, pairs[i, j].R)) < max(_MAX_ANGLE, 3 * _sigma(pairs[i, j]))
        for i, j in others
    )
    return agreeing >= 2 and 2 * agreeing > len(others)


def _sigma(pose: RelativePose) -> float:
    """The rotation's standard deviation, `_MAX_ANGLE` at most."""
    return min(pose.rotation_sigma, _MAX_ANGLE) if pose.covariance is not None else 0.0


def _grow(
    observed: Observations, pair: tuple[int, int], start: RelativePose, flip: Sequence[int] | None
) -> Reconstruction | None:
    """Seed with a pair, resect the camera that shares most joints until all have poses, adjust."""
    views, frames = observed.weight.shape[:2]
    R = torch.eye(3, dtype=torch.float64).repeat(views, 1, 1)
    t = torch.zeros(views, 3, dtype=torch.float64)
    R[pair[1]], t[pair[1]] = start.R, start.t
    placed = list(pair)
    swapped = torch.zeros(views, dtype=torch.bool)
    while True:
        xyz, agreed = triangulate_views(observed.views(placed), R[placed], t[placed])
        missing = [view for view in range(views) if view not in placed]
        if not missing:
            break
        view = max(missing, key=lambda v: float((observed.weight[v] * agreed).sum()))
        pose, other_way = _resect_either_way(observed, view, xyz, agreed, flip)
        if pose is None:
            return None
        if other_way and flip is not None:
            swapped[view] = True
            observed = observed.swapped((torch.arange(views) == view)[:, None].expand(views, frames), flip)
        R[view], t[view] = pose
        placed.append(view)
    weight = observed.weight * agreed
    if int((weight > 0).sum()) < 8 * views:
        return None
    bundle = bundle_adjust(BundleProblem(observed.x, weight, observed.noise), R, t, xyz, steps=15, min_gain=_MIN_GAIN)
    # All observations count here, also those that the reconstruction does not explain.
    x, weight, noise = observed.per_point()
    seen = triangulate_robust(bundle.R, bundle.t, x, weight, noise)
    w = weight * (weight > 0).sum(-1, keepdim=True).gt(1)
    cost = float(mean_robust_cost(seen.residual.square(), w))
    if not bool((w > 0).any()) or not math.isfinite(cost):
        return None
    xyz = bundle.xyz
    if (
        flip is not None and 2 * int(swapped.sum()) > views
    ):  # the same cameras and person, with the sides of the majority
        swapped, xyz = ~swapped, xyz[:, list(flip)]
    return Reconstruction(bundle.R, bundle.t, xyz, cost, swapped)


def _resect_either_way(
    observed: Observations, view: int, xyz: Tensor, agreed: Tensor, flip: Sequence[int] | None
) -> tuple[tuple[Tensor, Tensor] | None, bool]:
    """The pose of a view among points, and whether its left and right must be swapped for it."""
    noise = float(observed.noise[view].median())
    found = []
    for order in (list(range(observed.weight.shape[2])), *([list(flip)] if flip is not None else [])):
        x, weight = observed.x[view][:, order], observed.weight[view][:, order] * agreed
        pose = resect(xyz, x, weight, noise)
        cost = math.inf if pose is None else _resection_cost(*pose, xyz, x, weight, noise)
        found.append((pose, cost))
    other_way = len(found) == 2 and found[1][1] < _MAX_COST_RATIO * found[0][1]
    return found[other_way][0], other_way


def _resection_cost(R: Tensor, t: Tensor, xyz: Tensor, x: Tensor, weight: Tensor, noise: float) -> float:
    squared = ((reproject(R, t, xyz).x - x) / noise).square().sum(-1)
    return float(mean_robust_cost(squared, weight))


def triangulate_views(
    observed: Observations, R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], gate: float = 4.0
) -> tuple[Float[Tensor, "frame joint 3"], Float[Tensor, "frame joint"]]:
    """Robust points, and 1 where two views or more agree on them within ``gate`` expected errors (0 elsewhere)."""
    x, weight, noise = observed.per_point()
    points = triangulate_robust(R, t, x, weight, noise)
    depth = depth_in_views(R, t, points.xyz)
    agree = ((weight > 0) & (points.residual < gate) & (depth > 1e-3)).sum(-1)
    behind = ((weight > 0) & (depth <= 1e-3)).any(-1)
    return points.xyz, ((agree >= 2) & ~behind).to(x)
