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
    x, y = xy.unbind(-1)
    r2 = (xy * xy).sum(-1)
    across = torch.stack([x * r2, x * r2**2, 2 * x * y, r2 + 2 * x * x, x * r2**3], -1)
    down = torch.stack([y * r2, y * r2**2, r2 + 2 * y * y, 2 * x * y, y * r2**3], -1)
    wanted = (distorted - xy).T.flatten()[:, None]
    five = torch.linalg.lstsq(torch.cat([across, down]), wanted, driver="gelsd").solution[:, 0]
    found = torch.cat([five, five.new_zeros(3)])
    return _refined(xy, distorted, found) if rational else found


def _refined(
    xy: Float[Tensor, "point 2"], distorted: Float[Tensor, "point 2"], found: Float[Tensor, "8"]
) -> Float[Tensor, "8"]:
    """All eight coefficients from a first estimate; a step that makes the fit worse is damped more."""

    def residual(coefficients: Tensor) -> Tensor:
        return (brown_conrady.distort(xy, coefficients) - distorted).flatten()

    damping, cost = 1e-6, float(residual(found).square().sum())
    for _ in range(_ROUNDS):
        jacobian, error = torch.func.jacfwd(residual)(found), residual(found)
        normal = jacobian.T @ jacobian
        step = torch.linalg.lstsq(
            normal + damping * torch.diag(normal.diagonal()), -(jacobian.T @ error)[:, None], driver="gelsd"
        ).solution[:, 0]
        better = float(residual(found + step).square().sum())
        if better < cost:
            found, cost, damping = found + step, better, damping / 10
        else:
            damping *= 10
    return found
