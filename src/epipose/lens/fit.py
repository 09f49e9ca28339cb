"""Distortion fitted to points: the coefficients of Brown-Conrady's model that come closest to another lens model."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.lens import brown_conrady

_ROUNDS = 30  # Gauss-Newton steps of the rational model; it converges in fewer than ten


def fitted_distortion(
    xy: Float[Tensor, "point 2"], distorted: Float[Tensor, "point 2"], *, rational: bool = False
) -> Float[Tensor, "8"]:
    """Coefficients by least squares that take ``xy`` on the plane z = 1 to ``distorted``, float64.

    Five of them, k1, k2, p1, p2, k3, in closed form, for the model is linear in them; all eight if ``rational``, by
    damped Gauss-Newton steps from there.
    """
    xy, distorted = xy.double(), distorted.double()
    columns = _derivatives(xy, xy.new_zeros(8))[:, :5]
    five = _least_squares(columns, (distorted - xy).T.flatten())
    found = torch.cat([five, five.new_zeros(3)])
    return _refined(xy, distorted, found) if rational else found


def _refined(
    xy: Float[Tensor, "point 2"], distorted: Float[Tensor, "point 2"], found: Float[Tensor, "8"]
) -> Float[Tensor, "8"]:
    """All eight coefficients from a first estimate; a step that makes the fit worse is damped more."""

    def residual(coefficients: Tensor) -> Tensor:
        return (distorted - brown_conrady.distort(xy, coefficients)).T.flatten()

    damping, cost = 1e-6, float(residual(found).square().sum())
    for _ in range(_ROUNDS):
        jacobian = _derivatives(xy, found)
        damped = torch.cat([jacobian, damping**0.5 * torch.diag(jacobian.norm(dim=0))])
        step = _least_squares(damped, torch.cat([residual(found), found.new_zeros(8)]))
        better = float(residual(found + step).square().sum())
        if better < cost:
            found, cost, damping = found + step, better, damping / 10
        else:
            damping *= 10
    return found


def _derivatives(xy: Float[Tensor, "point 2"], lens: Float[Tensor, "8"]) -> Float[Tensor, "row 8"]:
    """Derivatives of the distorted x of all points, then of their y, in the coefficients."""
    k1, k2, _, _, k3, k4, k5, k6 = lens.unbind()
    x, y = xy.unbind(-1)
    r2 = (xy * xy).sum(-1)
    powers = torch.stack([r2, r2**2, r2**3], -1)
    under = 1 + powers @ torch.stack([k4, k5, k6])
    radial = (1 + powers @ torch.stack([k1, k2, k3])) / under
    rows = []
    for along, tangential in ((x, (2 * x * y, r2 + 2 * x * x)), (y, (r2 + 2 * y * y, 2 * x * y))):
        above = (along / under)[:, None] * powers
        below = -(along * radial / under)[:, None] * powers
        rows.append(torch.cat([above[:, :2], torch.stack(tangential, -1), above[:, 2:], below], -1))
    return torch.cat(rows)


def _least_squares(A: Float[Tensor, "row column"], b: Float[Tensor, " row"]) -> Float[Tensor, " column"]:
    """The shortest x that minimises |A x - b|, with the columns made equally long."""
    lengths = A.norm(dim=0).clamp(min=1e-300)
    return torch.linalg.lstsq(A / lengths, b[:, None], driver="gelsd").solution[:, 0] / lengths
