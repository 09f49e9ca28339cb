"""Kannala-Brandt distortion of fisheye lenses: the distance from the centre is a polynomial of the angle of incidence.

theta_d = theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8), as OpenCV's cv2.fisheye has it. Source: Kannala
and Brandt, "A generic camera model and calibration method for conventional, wide-angle, and fish-eye lenses", PAMI
2006, equation 6, with the first coefficient taken into K.

A ray is a point of the plane z = 1 here, as everywhere in the geometry, so rays end short of 90 degrees off the axis.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

_WIDEST = math.pi / 2 - 1e-4  # radians off the axis, of rays on the plane z = 1
_GRID = 90  # angles at which the polynomial is tested for where it stops growing
_SMALL = 1e-24  # squared distance from the centre below which the factor is that of the centre


def distort(xy: Float[Tensor, "*points 2"], distortion: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*out 2"]:
    """Coordinates on the plane z = 1 to distorted ones; ``distortion`` k1 to k4 broadcasts against the points."""
    radius = _norm(xy)
    theta = radius.atan()
    return xy * (_polynomial(theta, distortion) / radius)[..., None]


def undistort(
    xy: Float[Tensor, "*points 2"], distortion: Float[Tensor, "*batch 4"], steps: int = 40
) -> Float[Tensor, "*out 2"]:
    """Invert `distort` by Newton's method within brackets, on the branch that begins at the axis.

    Points of 90 degrees off the axis and more, or beyond where the polynomial stops growing, have no inverse: the answer
    there is finite and does not satisfy ``distort(answer) == xy``, which tells. The gradient is that of the inverse.
    """
    radius = _norm(xy)
    with torch.no_grad():
        widest = _widest(distortion)
        has_ray = radius < _polynomial(widest, distortion)
        theta = torch.where(has_ray, torch.minimum(radius, widest), widest)
        low, high = torch.where(has_ray, torch.zeros_like(theta), widest), widest.expand_as(theta)
        for _ in range(steps):
            error = _polynomial(theta, distortion) - radius
            low, high = torch.where(error < 0, theta, low), torch.where(error < 0, high, theta)
            newton = theta - error / _slope(theta, distortion)
            better = torch.where((newton >= low) & (newton <= high), newton, (low + high) / 2)
            settled = bool(((better - theta).abs() <= torch.finfo(theta.dtype).eps * 4).all())
            theta = better
            if settled:
                break
    last = theta - (_polynomial(theta, distortion) - radius) / _slope(theta, distortion)  # carries the gradient
    theta = torch.where(has_ray, last.clamp(max=_WIDEST), theta)
    return xy * (theta.tan() / radius)[..., None]


def expansion(xy: Float[Tensor, "*points 2"], distortion: Float[Tensor, "*batch 4"]) -> Float[Tensor, " *out"]:
    """How many times larger things are on the plane z = 1 at ``xy`` than in the image, in units of the focal length.

    It is the root of the determinant of the Jacobian of `undistort`: 1 on the axis, about 2.6 at 60 degrees.
    """
    radius = _norm(xy)
    theta = radius.atan()
    return (radius / _polynomial(theta, distortion) * (1 + radius**2) / _slope(theta, distortion)).abs().sqrt()


def _norm(xy: Tensor) -> Tensor:
    """Distance from the centre, not quite 0 there: neither it nor its gradient is divided by 0."""
    return (xy * xy).sum(-1).clamp(min=_SMALL).sqrt()


def _polynomial(theta: Tensor, distortion: Tensor) -> Tensor:
    k1, k2, k3, k4 = distortion.unbind(-1)
    square = theta * theta
    return theta * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4))))


def _slope(theta: Tensor, distortion: Tensor) -> Tensor:
    """Derivative of the polynomial by the angle, kept from 0."""
    k1, k2, k3, k4 = distortion.unbind(-1)
    square = theta * theta
    slope = 1 + square * (3 * k1 + square * (5 * k2 + square * (7 * k3 + square * 9 * k4)))
    return torch.where(slope.abs() < 1e-6, torch.full_like(slope, 1e-6), slope)


def _widest(distortion: Float[Tensor, "*batch 4"]) -> Float[Tensor, " *batch"]:
    """The angle up to which the distance from the centre grows, at most `_WIDEST`."""
    angles = torch.linspace(0, _WIDEST, _GRID, dtype=distortion.dtype, device=distortion.device)
    grows = _slope(angles, distortion[..., None, :]) > 0
    return angles[grows.int().cummin(-1).values.sum(-1) - 1]
