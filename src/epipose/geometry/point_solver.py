"""Batched point solver: Levenberg-Marquardt over thousands of points at once, three unknowns each.

It is the search behind robust triangulation. Solved as batches of 3 x 3 matrices that would cost far more in
bookkeeping than in arithmetic, so everything here lies in columns: the point is the last axis, and the normal equations
of all points are one matrix product, because a view's 2 x 3 derivative depends on the point only through its place in
the image and its depth. The curvature of the robust cost is kept as far as it is positive (Triggs et al. 2000, section
4.3), which halves the number of steps, and points that have converged leave the search. Projection and robust cost are
those of reprojection.py and robust.py, written out in columns for speed.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_MIN_GAIN = 1e-6  # in units of the cost, of the last step of a point
_BEHIND_COST = 1e3  # of a point behind a camera that has a keypoint for it


class Columns(NamedTuple):
    """Observations for the search: the point last, ``noise`` in the unit of ``x``."""

    x: Float[Tensor, "view 2 point"]
    weight: Float[Tensor, "view point"]
    noise: Float[Tensor, "view point"]

    @classmethod
    def of(
        cls,
        x: Float[Tensor, "*points view 2"],
        weight: Float[Tensor, "*points view"],
        noise: Float[Tensor, "*points view"],
    ) -> Columns:
        """From observations with any leading axes and the view behind them."""
        views = weight.shape[-1]
        weight, noise = (of.reshape(-1, views).T.contiguous() for of in (weight, noise))
        return cls(x.reshape(-1, views, 2).permute(1, 2, 0).contiguous(), weight, noise)

    def at(self, index: Tensor) -> Columns:
        """Some of the points."""
        return Columns(self.x[..., index], self.weight[:, index], self.noise[:, index])


class Projected(NamedTuple):
    """Points projected into all views, and the residuals in units of the noise."""

    image: Float[Tensor, "view 2 point"]
    depth: Float[Tensor, "view point"]  # kept away from 0
    in_front: Bool[Tensor, "view point"]
    residual: Float[Tensor, "view 2 point"]
    squared: Float[Tensor, "view point"]  # its squared length


def look(
    xyz: Float[Tensor, "3 point"], R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], columns: Columns
) -> Projected:
    """Project world points into all views and compare them with the observations."""
    p = R @ xyz + t[..., None]
    z = torch.where(p[:, 2].abs() < 1e-6, torch.full_like(p[:, 2], 1e-6), p[:, 2])
    u = p[:, :2] / z[:, None]
    r = (u - columns.x) / columns.noise[:, None]
    return Projected(u, z, p[:, 2] > 0, r, r[:, 0] ** 2 + r[:, 1] ** 2)


def point_cost(seen: Projected, weight: Float[Tensor, "view point"]) -> Float[Tensor, " point"]:
    """Weighted Cauchy cost of every point over its views."""
    return (weight * (seen.squared.log1p() + _BEHIND_COST * ~seen.in_front)).sum(0)


def quadratic_forms(R: Float[Tensor, "view 3 3"]) -> Float[Tensor, "6 six_per_view"]:
    """The cameras' part of `information`: upper triangles of products of their rotations' rows, view by view."""
    both = R[:, :, None, :, None] * R[:, None, :, None, :]  # (view, row, row, 3, 3)
    both = both + both.transpose(1, 2)
    on = (both[:, 0, 0] / 2, both[:, 0, 1], both[:, 1, 1] / 2, both[:, 0, 2], both[:, 1, 2], both[:, 2, 2] / 2)
    upper = torch.triu_indices(3, 3, device=R.device)
    return torch.cat(on)[:, upper[0], upper[1]].T


def information(
    seen: Projected,
    forms: Float[Tensor, "6 six_per_view"],
    weight: Float[Tensor, "view point"],
    noise: Float[Tensor, "view point"],
    bend: Float[Tensor, "view point"] | float = 0.0,
) -> Float[Tensor, "6 point"]:
    """Sum over the views of weight * J^T (I - bend r r^T) J: the upper triangle.

    J is the derivative of the residual r by the point; its rows are (R_0 - u R_2, R_1 - v R_2) / (depth * noise).
    """
    (u, v), (r0, r1) = seen.image.unbind(1), seen.residual.unbind(1)
    s = weight / (seen.depth * noise) ** 2
    m00, m01, m11 = s * (1 - bend * r0 * r0), -s * bend * r0 * r1, s * (1 - bend * r1 * r1)
    m02, m12 = m00 * u + m01 * v, m01 * u + m11 * v
    features = torch.cat([m00, m01, m11, -m02, -m12, m02 * u + m12 * v])
    return forms @ features


def search(
    start: Float[Tensor, "3 point"],
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    columns: Columns,
    steps: int,
) -> Float[Tensor, "3 point"]:
    """Points of least Cauchy cost near the start, each with its own damping; a point stops when nothing is to gain."""
    found, active = start.clone(), torch.arange(start.shape[1], device=start.device)
    damping, done = torch.full_like(start[0], 1e-3), torch.zeros_like(start[0], dtype=torch.bool)
    forms = quadratic_forms(R)
    state = state_of(start, R, t, columns, forms)
    for _ in range(steps):
        step = _damped_step(state, damping)
        new = state_of(state[:3] - step, R, t, columns, forms)
        better = (new[3] < state[3]) & ~done  # who is done stays, so that no point depends on its company
        gain = (state[4:7] * step).sum(0)
        state = torch.where(better, new, state)
        damping = torch.where(better, damping / 10, damping * 10).clamp(1e-9, 1e9)
        done |= gain <= _MIN_GAIN + 4 * torch.finfo(start.dtype).eps * state[3]
        if int(done.sum()) > 0.25 * len(done):
            found[:, active] = state[:3]
            active, damping, state, columns = active[~done], damping[~done], state[:, ~done], columns.at(~done)
            done = done[~done]
            if len(active) == 0:
                break
    found[:, active] = state[:3]
    return found


def state_of(
    xyz: Float[Tensor, "3 point"],
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    columns: Columns,
    forms: Float[Tensor, "6 six_per_view"] | None = None,
) -> Float[Tensor, "13 point"]:
    """Rows: 0-2 the point, 3 its cost, 4-6 half the gradient, 7-12 the curvature, kept positive."""
    seen, noise = look(xyz, R, t, columns), columns.noise
    w = columns.weight / (1 + seen.squared)
    bend = torch.minimum(2 / (1 + seen.squared), 0.9 / seen.squared)
    matrix = information(seen, quadratic_forms(R) if forms is None else forms, w, noise, bend)
    return torch.cat([xyz, point_cost(seen, columns.weight)[None], _gradient(seen, R, w, noise), matrix])


def _gradient(seen: Projected, R: Tensor, w: Tensor, noise: Tensor) -> Tensor:
    """Half the gradient of the cost by the world point (3, point)."""
    return R.flatten(0, 1).T @ (w[:, None] * _pull(seen, noise)).flatten(0, 1)


def _pull(seen: Projected, noise: Tensor) -> Tensor:
    """Derivative of half the squared residual by the point, in the camera's axes (view, 3, point)."""
    r, u = seen.residual, seen.image
    return torch.cat([r, -(u * r).sum(1, keepdim=True)], 1) / (seen.depth * noise)[:, None]


def _damped_step(state: Tensor, damping: Tensor) -> Tensor:
    """(H + damping * diag H)^-1 g by L D L^T, written out."""
    g0, g1, g2, h00, h01, h02, h11, h12, h22 = state[4:].unbind(0)
    eps, more = torch.finfo(state.dtype).eps, 1 + damping
    d0 = (more * h00).clamp(min=1e-30)
    l10, l20 = h01 / d0, h02 / d0
    d1 = torch.maximum(more * h11 - l10 * h01, eps * h11).clamp(min=1e-30)
    rest = h12 - l20 * h01
    l21 = rest / d1
    d2 = torch.maximum(more * h22 - l20 * h02 - l21 * rest, eps * h22).clamp(min=1e-30)
    y1 = g1 - l10 * g0
    y2 = g2 - l20 * g0 - l21 * y1
    x2 = y2 / d2
    x1 = y1 / d1 - l21 * x2
    return torch.stack([g0 / d0 - l10 * x1 - l20 * x2, x1, x2])


def newton(
    xyz: Float[Tensor, "3 point"], R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], columns: Columns
) -> Float[Tensor, "3 point"]:
    """One Newton step whose derivative is that of the minimum itself (implicit function theorem).

    Only the gradient of the cost is recorded; the exact Hessian is a constant. Points whose Hessian is not clearly
    positive definite are undetermined: they stay where they are and have no derivative.
    """
    with torch.no_grad():
        seen = look(xyz, R, t, columns)
        w = columns.weight / (1 + seen.squared)
        bent = symmetric(information(seen, quadratic_forms(R), w, columns.noise, 2 / (1 + seen.squared)))
        pull = torch.einsum("vij,vin->nvj", R, _pull(seen, columns.noise))
        tilt = ((w / seen.depth).T[..., None, None] * R[:, 2, :, None] * pull[..., None, :]).sum(1)
        hessian = bent - tilt - tilt.mT  # the last two: the images' own curvature
        L, bad = torch.linalg.cholesky_ex(hessian)
        pivot = L.diagonal(dim1=-2, dim2=-1).amin(-1) ** 2
        good = ((bad == 0) & (pivot > 1e-9 * hessian.diagonal(dim1=-2, dim2=-1).sum(-1)))[:, None, None]
        inverse = torch.cholesky_inverse(torch.where(good, L, torch.eye(3, dtype=L.dtype, device=L.device))) * good
    seen = look(xyz, R, t, columns)
    return xyz - torch.einsum(
        "nij,jn->in", inverse, _gradient(seen, R, columns.weight / (1 + seen.squared), columns.noise)
    )


@torch.no_grad()
def polished(
    xyz: Float[Tensor, "3 point"], R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], columns: Columns
) -> Float[Tensor, "3 point"]:
    """The found points by a few Newton steps nearer to their minimum, where that lowers the cost.

    The search stops when nothing is to gain; a derivative there is wrong by the curvature times the distance left.
    """
    for _ in range(3):
        new = newton(xyz, R, t, columns)
        lower = point_cost(look(new, R, t, columns), columns.weight) < point_cost(
            look(xyz, R, t, columns), columns.weight
        )
        xyz = torch.where(lower, new, xyz)
    return xyz


def inverse_information(
    information: Float[Tensor, "6 point"], least: Float[Tensor, " point"]
) -> Float[Tensor, "point 3 3"]:
    """Inverse of the matrices, to whose eigenvalues ``least`` is added so that it exists; in double precision."""
    H = symmetric(information.double())
    floor = least.double() + 16 * torch.finfo(torch.float64).eps * H.diagonal(dim1=-2, dim2=-1).sum(-1)
    L = torch.linalg.cholesky(H + torch.diag_embed(floor[:, None].expand(-1, 3)))
    return torch.cholesky_inverse(L).to(information)


def symmetric(upper: Float[Tensor, "6 point"]) -> Float[Tensor, "point 3 3"]:
    """The matrices whose upper triangles stand in columns."""
    return upper.T[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(-1, 3, 3)
