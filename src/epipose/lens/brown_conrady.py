"""Brown-Conrady distortion: radial and tangential polynomials, and OpenCV's rational model with a denominator.

Coefficients are in OpenCV's order k1, k2, p1, p2 (, k3 (, k4, k5, k6)): the radial factor is
(1 + k1 r^2 + k2 r^4 + k3 r^6) / (1 + k4 r^2 + k5 r^4 + k6 r^6). Sources: Brown 1966; OpenCV's calib3d, equation 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

_LEAST_DENOMINATOR = 1e-6  # the rational model has poles outside of the image that it was fitted to


def distort(xy: Float[Tensor, "*points 2"], distortion: Float[Tensor, "*batch number"]) -> Float[Tensor, "*out 2"]:
    """Distort coordinates on the plane z = 1; ``distortion`` of 4, 5 or 8 numbers broadcasts against the points."""
    x, y = xy.unbind(-1)
    k1, k2, p1, p2, k3, *under = _coefficients(distortion)
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    if under:
        radial = radial / _denominator(r2, under)
    return torch.stack(
        [x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y], -1
    )


def undistort(
    xy: Float[Tensor, "*points 2"], distortion: Float[Tensor, "*batch number"], steps: int = 20
) -> Float[Tensor, "*out 2"]:
    """Invert `distort` by Newton's method with steps of at most 0.3.

    Far outside the image the lens model folds back and some points have no inverse: the answer there is finite and
    does not satisfy ``distort(answer) == xy``, which tells.
    """
    undistorted = xy + torch.zeros_like(distortion[..., :2])
    if not bool(distortion.any()):
        return undistorted
    k1, k2, p1, p2, k3, *under = _coefficients(distortion)
    for _ in range(steps):
        x, y = undistorted.unbind(-1)
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        slope = k1 + r2 * (2 * k2 + 3 * k3 * r2)  # d radial / d r2
        if under:
            k4, k5, k6 = under
            denominator = _denominator(r2, under)
            radial = radial / denominator
            slope = (slope - radial * (k4 + r2 * (2 * k5 + 3 * k6 * r2))) / denominator
        slope = 2 * slope
        xx = radial + slope * x * x + 2 * p1 * y + 6 * p2 * x
        yy = radial + slope * y * y + 6 * p1 * y + 2 * p2 * x
        xy_yx = slope * x * y + 2 * p1 * x + 2 * p2 * y  # the Jacobian is symmetric
        determinant = xx * yy - xy_yx * xy_yx
        determinant = torch.where(determinant.abs() < 1e-6, torch.full_like(determinant, 1e-6), determinant)
        u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) - xy[..., 0]
        v = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y - xy[..., 1]
        step = torch.stack([yy * u - xy_yx * v, xx * v - xy_yx * u], -1) / determinant[..., None]
        undistorted = undistorted - step * (0.3 / step.norm(dim=-1, keepdim=True).clamp(min=0.3))
        if not bool((step.abs() > 1e-14).any()):
            break
    return undistorted


def composed(
    distortion: Float[Tensor, "*batch 8"], scale: Float[Tensor, " *batch"], radial: Float[Tensor, "*batch 2"]
) -> Float[Tensor, "*batch 8"]:
    """The coefficients of x -> distort(scale x (1 + a r^2 + b r^4)) / scale with ``radial`` a, b, to r^4.

    Exact where a and b are 0; with k4 to k6 they must be, for the product is taken to have no denominator.
    """
    k1, k2, p1, p2, k3, k4, k5, k6 = distortion.unbind(-1)
    a, b = radial.unbind(-1)
    two, four, six = scale**2, scale**4, scale**6
    first = a + two * k1, b + 3 * a * two * k1 + four * k2, scale * p1, scale * p2, six * k3
    return torch.stack([*first, two * k4, four * k5, six * k6], -1)


def _coefficients(distortion: Tensor) -> Sequence[Tensor]:
    """k1, k2, p1, p2, k3, and k4, k5, k6 only where any of them is not 0."""
    count = distortion.shape[-1]
    if count == 4:
        return *distortion.unbind(-1), torch.zeros_like(distortion[..., 0])
    numbers = distortion.unbind(-1)
    return numbers if count == 8 and bool(distortion[..., 5:].any()) else numbers[:5]


def _denominator(r2: Tensor, under: Sequence[Tensor]) -> Tensor:
    """Of the radial factor, kept from 0."""
    k4, k5, k6 = under
    value = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
    return torch.where(value.abs() < _LEAST_DENOMINATOR, torch.full_like(value, _LEAST_DENOMINATOR), value)
