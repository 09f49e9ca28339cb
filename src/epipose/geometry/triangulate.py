"""A joint's place in space from the views that saw it.

Two views have a closed-form optimum. With more, single views are often wrong by a limb's length (occlusion, left and
right swapped), and a least-squares mean of right and wrong helps nobody. So every pair of views votes with its own
optimal point, the vector median of the votes is the start (it ignores the minority), and a robust refinement over all
views does the rest. Views are the second to last axis, observations lie on z = 1 (undistorted, K removed).
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.geometry.epipolar import essential_from_pose, homogeneous, two_view_depths


def correct_pair(
    E: Float[Tensor, "*batch 3 3"], a: Float[Tensor, "*points 2"], b: Float[Tensor, "*points 2"]
) -> tuple[Float[Tensor, "*out 2"], Float[Tensor, "*out 2"]]:
    """The pair nearest to (a, b), in the least-squares sense, that obeys b^T E a = 0 (Lindstrom, CVPR 2010, niter2)."""
    E2 = E[..., :2, :2]

    def times(M: Tensor, x: Tensor) -> Tensor:
        return (M @ x[..., None])[..., 0]

    n_b, n_a = times(E, homogeneous(a))[..., :2], times(E.mT, homogeneous(b))[..., :2]
    product = (homogeneous(b) * times(E, homogeneous(a))).sum(-1, keepdim=True)
    quadratic = (n_b * times(E2, n_a)).sum(-1, keepdim=True)
    half = (n_a.square().sum(-1, keepdim=True) + n_b.square().sum(-1, keepdim=True)) / 2
    root = (half.square() - quadratic * product).clamp(min=0).sqrt()
    step = product / (half + root).clamp(min=1e-15)
    n_b, n_a = n_b - step * times(E2, n_a), n_a - step * times(E2.mT, n_b)
    step = step * 2 * root / (n_a.square().sum(-1, keepdim=True) + n_b.square().sum(-1, keepdim=True)).clamp(min=1e-15)
    return a - step * n_a, b - step * n_b


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
    """World points: the vector median of the optimal points of all pairs of views."""
    i, j = (list(index) for index in zip(*combinations(range(len(R)), 2), strict=True))
    R_ba = R[j] @ R[i].mT
    t_ba = t[j] - (R_ba @ t[i, :, None])[..., 0]
    in_first = triangulate_pair(R_ba, t_ba, x[..., i, :], x[..., j, :])
    candidates = (R[i].mT @ (in_first - t[i])[..., None])[..., 0]
    return vector_median(candidates, weight[..., i] * weight[..., j])


def depth_in_views(
    R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], xyz: Float[Tensor, "*points 3"]
) -> Float[Tensor, "*points view"]:
    """How far world points lie in front of every view; negative behind it."""
    return (R[:, 2] @ xyz[..., None])[..., 0] + t[:, 2]


class Triangulated(NamedTuple):
    """World points, the robust weight each view ended with (0 to 1, before confidence), and its residual."""

    xyz: Float[Tensor, "*points 3"]
    inlier: Float[Tensor, "*points view"]
    residual: Float[Tensor, "*points view"]  # length of the reprojection error in units of the noise


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
    seen by fewer than two views comes back finite but meaningless: check the weights. Levenberg-Marquardt, each
    point with its own damping.
    """
    xyz = vector_median_of_pairs(R, t, x, weight)
    damping = torch.full_like(xyz[..., :1], 1e-3)
    r, J, cost = _reprojection(xyz, R, t, x, weight, noise)
    for _ in range(steps):
        w = (weight / (1 + r.square().sum(-1)))[..., None, None]
        H = (w * J).flatten(-3, -2).mT @ J.flatten(-3, -2)
        g = (w * J * r[..., None]).flatten(-3, -2).sum(-2)
        H = H + torch.diag_embed(damping * H.diagonal(dim1=-2, dim2=-1) + 1e-9)
        new = xyz - torch.linalg.solve(H, g)
        new_r, new_J, new_cost = _reprojection(new, R, t, x, weight, noise)
        better = (new_cost < cost)[..., None]
        xyz = torch.where(better, new, xyz)
        r, J = torch.where(better[..., None], new_r, r), torch.where(better[..., None, None], new_J, J)
        cost = torch.where(better[..., 0], new_cost, cost)
        damping = torch.where(better, damping / 10, damping * 10).clamp(1e-9, 1e9)
    residual = r.norm(dim=-1)
    return Triangulated(xyz, 1 / (1 + residual.square()), residual)


def _reprojection(
    xyz: Tensor, R: Tensor, t: Tensor, x: Tensor, weight: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Residuals in units of the noise (..., view, 2), their derivative by the point, and the robust cost per point."""
    p = (R @ xyz[..., None, :, None])[..., 0] + t
    z = torch.where(p[..., 2:].abs() < 1e-6, torch.full_like(p[..., 2:], 1e-6), p[..., 2:])
    u = p[..., :2] / z
    r = (u - x) / noise[..., None]
    J = (R[:, :2] - u[..., None] * R[:, None, 2]) / (z * noise[..., None])[..., None]
    behind = torch.where(p[..., 2] > 0, torch.zeros_like(noise), torch.full_like(noise, 1e3))
    return r, J, (weight * (torch.log1p(r.square().sum(-1)) + behind)).sum(-1)
