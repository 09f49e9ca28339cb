"""Triangulation: optimal for two views, robust for more, with covariance and gating.

Two views have a closed-form optimum. With more, single views are often wrong by a limb's length (occlusion, left and
right swapped), and a least-squares mean of right and wrong is wrong. So every pair of views votes with its own
optimal point, the vector median of the votes is the start (it ignores the minority), and a robust refinement over all
views does the rest. Views are the second to last axis, observations lie on z = 1 (undistorted, K removed).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.errors import InputError
from epipose.geometry.epipolar import essential_from_pose, homogeneous, two_view_depths
from epipose.geometry.point_solver import (
    Columns,
    information,
    inverse_information,
    look,
    newton,
    polished,
    quadratic_forms,
    search,
)

_MAX_VIEWS_IN_ALL_PAIRS = 7
_MANY_VIEWS = 12  # whose votes are enough with two others each
_MIN_VOTES = 3  # pairs of views that see a point, for their median to be a start


def correct_pair(
    E: Float[Tensor, "*batch 3 3"], a: Float[Tensor, "*points 2"], b: Float[Tensor, "*points 2"]
) -> tuple[Float[Tensor, "*out 2"], Float[Tensor, "*out 2"]]:
    """The pair nearest to (a, b), in the least-squares sense, that obeys b^T E a = 0 (Lindstrom, CVPR 2010, niter2)."""
    (a0, a1), (b0, b1) = a.unbind(-1), b.unbind(-1)
    e = [[E[..., i, j] for j in range(3)] for i in range(3)]
    n_b = [e[i][0] * a0 + e[i][1] * a1 + e[i][2] for i in range(3)]  # E a
    n_a = [e[0][j] * b0 + e[1][j] * b1 + e[2][j] for j in range(2)]  # E^T b
    product = b0 * n_b[0] + b1 * n_b[1] + n_b[2]
    turned = [e[i][0] * n_a[0] + e[i][1] * n_a[1] for i in range(2)]
    quadratic = n_b[0] * turned[0] + n_b[1] * turned[1]
    half = (n_a[0] ** 2 + n_a[1] ** 2 + n_b[0] ** 2 + n_b[1] ** 2) / 2
    root = (half**2 - quadratic * product).clamp(min=1e-30).sqrt()  # at 0 its derivative would be infinite
    step = product / (half + root).clamp(min=1e-15)
    m_b = [n_b[i] - step * turned[i] for i in range(2)]
    m_a = [n_a[j] - step * (e[0][j] * n_b[0] + e[1][j] * n_b[1]) for j in range(2)]
    step = step * 2 * root / (m_a[0] ** 2 + m_a[1] ** 2 + m_b[0] ** 2 + m_b[1] ** 2).clamp(min=1e-15)
    corrected_a, corrected_b = (a0 - step * m_a[0], a1 - step * m_a[1]), (b0 - step * m_b[0], b1 - step * m_b[1])
    return torch.stack(corrected_a, -1), torch.stack(corrected_b, -1)


def triangulate_pair(
    R: Float[Tensor, "*batch 3 3"],
    t: Float[Tensor, "*batch 3"],
    a: Float[Tensor, "*points 2"],
    b: Float[Tensor, "*points 2"],
) -> Float[Tensor, "*out 3"]:
    """Optimal two-view points in the first camera's frame for b_from_a = (R, t)."""
    a, b = correct_pair(essential_from_pose(R, t), a, b)
    z, _ = two_view_depths(R, t, a, b)
    return z[..., None] * homogeneous(a)


def triangulate_linear(
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    x: Float[Tensor, "*points view 2"],
    weight: Float[Tensor, "*points view"],
) -> Float[Tensor, "*points 3"]:
    """World points by the linear method, equations weighted (Hartley & Zisserman 2004, section 12.2)."""
    rows = x[..., None] * R[:, None, 2] - R[:, :2]  # (x r3 - r1) . X = t1 - x t3
    right = t[:, :2] - x * t[:, None, 2]
    w = weight[..., None, None]
    A = (w * rows).flatten(-3, -2).mT @ rows.flatten(-3, -2)
    c = ((w * rows) * right[..., None]).flatten(-3, -2).sum(-2)
    return torch.linalg.solve(A + 1e-12 * torch.eye(3, dtype=x.dtype, device=x.device), c)


def vector_median(
    candidates: Float[Tensor, "*points candidate 3"], weight: Float[Tensor, "*points candidate"]
) -> Float[Tensor, "*points 3"]:
    """The candidate with the least weighted distance to the others; candidates of weight 0 neither vote nor win."""
    apart = torch.cdist(candidates, candidates, compute_mode="donot_use_mm_for_euclid_dist")
    total = (apart * weight[..., None, :]).sum(-1)
    best = torch.where(weight > 0, total, torch.inf).argmin(-1)
    return candidates.gather(-2, best[..., None, None].expand(*best.shape, 1, 3))[..., 0, :]


def vector_median_of_pairs(
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    x: Float[Tensor, "*points view 2"],
    weight: Float[Tensor, "*points view"],
) -> Float[Tensor, "*points 3"]:
    """World points: the vector median of the optimal points of pairs of views.

    All pairs up to `_MAX_VIEWS_IN_ALL_PAIRS` views. Their number grows with the square of the views, and the distances
    between their points with its square: of more views each votes with four others, and only points that too few of
    those pairs see are found from all pairs.
    """
    if len(R) < 2:
        raise InputError(f"Triangulation needs two views or more; got {len(R)}.")
    everyone = list(combinations(range(len(R)), 2))
    if len(R) <= _MAX_VIEWS_IN_ALL_PAIRS:
        return _median_of(everyone, R, t, x, weight)
    some = [tuple(sorted((view, (view + step) % len(R)))) for step in _ring_steps(len(R)) for view in range(len(R))]
    found = _median_of(some, R, t, x, weight)
    i, j = (list(index) for index in zip(*some, strict=True))
    few = ((weight[..., i] > 0) & (weight[..., j] > 0)).sum(-1) < _MIN_VOTES
    few &= (weight > 0).sum(-1) >= 2
    if bool(few.any()):
        found[few] = _median_of(everyone, R, t, x[few], weight[few])
    return found


def _ring_steps(views: int) -> tuple[int, ...]:
    """How far apart the views of a pair stand in a ring: about a quarter of it, where a baseline tells most."""
    return (views // 4,) if views >= _MANY_VIEWS else (views // 4, views // 4 + 1)


def _median_of(pairs: Sequence[tuple[int, ...]], R: Tensor, t: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """The vector median of the optimal points of these pairs."""
    i, j = (list(index) for index in zip(*pairs, strict=True))
    R_ba = R[j] @ R[i].mT
    t_ba = t[j] - (R_ba @ t[i, :, None])[..., 0]
    by_view = x.reshape(-1, len(R), 2).movedim(1, 0)
    in_first = triangulate_pair(R_ba[:, None], t_ba[:, None], by_view[i], by_view[j])
    candidates = ((in_first - t[i, None]) @ R[i]).movedim(0, 1).reshape(*x.shape[:-2], len(i), 3)
    return vector_median(candidates, weight[..., i] * weight[..., j])


def depth_in_views(
    R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], xyz: Float[Tensor, "*points 3"]
) -> Float[Tensor, "*points view"]:
    """Depth of world points in every view; negative behind it."""
    return xyz @ R[:, 2].T + t[:, 2]


class Triangulated(NamedTuple):
    """World points, and each view's robust weight (0 to 1, without its confidence) and residual."""

    xyz: Float[Tensor, "*points 3"]
    robust_weight: Float[Tensor, "*points view"]
    residual: Float[Tensor, "*points view"]  # length of the reprojection error in expected errors


def triangulate_robust(
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    x: Float[Tensor, "*points view 2"],
    weight: Float[Tensor, "*points view"],
    noise: Float[Tensor, "*points view"],
    steps: int = 15,
) -> Triangulated:
    """World points that minimise the Cauchy cost of the reprojection errors, started at the vector median.

    ``weight``: confidence per observation, 0 = not seen. ``noise``: its expected error in the unit of ``x``. A point
    seen by fewer than two views comes back finite but meaningless: check the weights. Differentiable by all but
    ``steps``: the search is not recorded, one Newton step at its end is (the implicit function theorem).
    """
    with torch.no_grad():
        start = vector_median_of_pairs(R, t, x, weight)
    return triangulate_from(start, R, t, x, weight, noise, steps)


def triangulate_from(
    start: Float[Tensor, "*points 3"],
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    x: Float[Tensor, "*points view 2"],
    weight: Float[Tensor, "*points view"],
    noise: Float[Tensor, "*points view"],
    steps: int = 15,
) -> Triangulated:
    """`triangulate_robust` from a start of one's own, in whose neighbourhood it stays."""
    shape = weight.shape
    columns = Columns.of(x, weight, noise)
    with torch.no_grad():
        xyz = search(start.reshape(-1, 3).T, R, t, columns, steps)
    if torch.is_grad_enabled() and any(of.requires_grad for of in (R, t, x, weight, noise)):
        xyz = newton(polished(xyz, R, t, columns), R, t, columns)
    squared = look(xyz, R, t, columns).squared.T.reshape(shape)
    # The root of 0 has no derivative; a tiny number has a finite one.
    return Triangulated(xyz.T.reshape(start.shape), 1 / (1 + squared), squared.clamp(min=1e-36).sqrt())


def point_covariance(
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    xyz: Float[Tensor, "*points 3"],
    weight: Float[Tensor, "*points view"],
    noise: Float[Tensor, "*points view"],
) -> Float[Tensor, "*points 3 3"]:
    """Covariance of world points (squared world units) whose observations err by ``noise`` on each axis.

    ``weight``: how far an observation counts; confidence times the robust weight of `triangulate_robust`. The inverse
    of the Gauss-Newton matrix, so to first order. Where nothing fixes a direction its standard deviation is a
    thousand times the distance to the farthest camera: large, never infinite.
    """
    points = xyz.reshape(-1, 3).T
    columns = Columns.of(xyz.new_zeros(*weight.shape, 2), weight, noise)
    matrix = information(look(points, R, t, columns), quadratic_forms(R), columns.weight, columns.noise)
    centre = -(R.mT @ t[..., None])
    farthest = (points - centre).square().sum(1).amax(0).clamp(min=1e-12)
    return inverse_information(matrix, 1e-6 / farthest).reshape(*xyz.shape, 3)


class Gated(NamedTuple):
    """Robust world points with a confidence each: 0 where fewer than two views are inliers."""

    xyz: Float[Tensor, "*points 3"]
    confidence: Float[Tensor, " *points"]  # 0 to 1
    inlier: Bool[Tensor, "*points view"]  # within the gate; the other views are occluded there, or wrong
    residual: Float[Tensor, "*points view"]


def gated(
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    x: Float[Tensor, "*points view 2"],
    weight: Float[Tensor, "*points view"],
    noise: Float[Tensor, "*points view"],
    gate: float = 2.5,
    min_parallax: float = 0.087,
) -> Gated:
    """Robust points, their inlier views within a gate, and a confidence each.

    A view is an inlier of a point in front of it when it errs by less than ``gate`` expected errors. A point's
    confidence is the sum over its inlier views of weight times robust weight, less one, clipped to [0, 1]: one view
    alone is worth nothing, two perfect ones are worth 1. It is 0 where all their rays lie within ``min_parallax``
    radians of one line.
    """
    points = triangulate_robust(R, t, x, weight, noise)
    inlier = (weight > 0) & (points.residual < gate) & (depth_in_views(R, t, points.xyz) > 0)
    total = (inlier * weight * points.robust_weight).sum(-1)
    wide = widest_parallax(points.xyz, -(R.mT @ t[..., None])[..., 0], inlier) > min_parallax
    confidence = (total - 1).clamp(0, 1) * (inlier.sum(-1) >= 2) * wide
    return Gated(points.xyz, confidence, inlier, points.residual)


def widest_parallax(
    xyz: Float[Tensor, "*points 3"], center: Float[Tensor, "view 3"], inlier: Bool[Tensor, "*points view"]
) -> Float[Tensor, " *points"]:
    """Largest angle (radians, at most pi/2) between the rays of two inlier views, as lines; 0 with fewer than two.

    Cameras that face each other see a joint between them along one line, which fixes its depth as little as cameras
    side by side do.
    """
    ray = torch.nn.functional.normalize(center - xyz[..., None, :], dim=-1)
    some = inlier.float().argmax(-1)[..., None, None].expand(*xyz.shape[:-1], 1, 3)
    ray = torch.where(inlier[..., None], ray, ray.gather(-2, some))  # an outlier's ray widens nothing
    return (ray @ ray.mT).abs().amin((-2, -1)).clamp(max=1).acos()
