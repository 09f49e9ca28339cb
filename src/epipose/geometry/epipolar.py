"""Epipolar geometry of two views: essential matrix, Sampson distance, cheirality.

A joint seen at a in one camera lies on a line in the other: b^T E a = 0, with a and b on the plane z = 1 (undistorted,
K removed) and E = [t]x R for b_from_a = (R, t). The raw product has no unit; Sampson's correction turns it into the
first-order distance of (a, b) to the nearest pair that obeys E exactly, an angle in radians near the image centre.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.geometry.rotation import hat


def homogeneous(x: Float[Tensor, "*points 2"]) -> Float[Tensor, "*points 3"]:
    """(x, y) to (x, y, 1)."""
    return torch.nn.functional.pad(x, (0, 1), value=1.0)


def essential_from_pose(R: Float[Tensor, "*batch 3 3"], t: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """E = [t]x R of b_from_a = (R, t)."""
    return hat(t) @ R


class Sampson(NamedTuple):
    """Sampson distance of correspondences (radians) and its derivative by the nine entries of E, row by row."""

    distance: Float[Tensor, " *points"]
    by_E: Float[Tensor, "*points 9"]


def sampson(E: Float[Tensor, "3 3"], a: Float[Tensor, "*points 2"], b: Float[Tensor, "*points 2"]) -> Sampson:
    """Signed first-order distance to the epipolar constraint (Hartley & Zisserman 2004, equation 11.9)."""
    distance, norm, line_a, line_b = _sampson(E, a, b)
    # d product / dE = b a^T;  d norm / dE = (line_b a^T + b line_a^T) / norm over the first two components of each
    pull, (a0, a1), (b0, b1) = distance / norm, a.unbind(-1), b.unbind(-1)
    c0, c1, c2 = b0 - pull * line_b[0], b1 - pull * line_b[1], torch.ones_like(b0)
    d0, d1 = pull * line_a[0], pull * line_a[1]
    rows = [c0 * a0 - b0 * d0, c0 * a1 - b0 * d1, c0, c1 * a0 - b1 * d0, c1 * a1 - b1 * d1, c1, a0 - d0, a1 - d1, c2]
    return Sampson(distance, (torch.stack(rows) / norm).movedim(0, -1))


def sampson_distance(
    E: Float[Tensor, "3 3"], a: Float[Tensor, "*points 2"], b: Float[Tensor, "*points 2"]
) -> Float[Tensor, " *points"]:
    """Signed Sampson distances without their derivatives."""
    return _sampson(E, a, b)[0]


def _sampson(E: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, list[Tensor], list[Tensor]]:
    """Distance, the norm it was divided by, and the lines E^T b in the first image and E a in the second.

    Component by component: products of N matrices 3 x 3 cost a processor ten times as much.
    """
    (a0, a1), (b0, b1) = a.unbind(-1), b.unbind(-1)
    line_b = [E[i, 0] * a0 + E[i, 1] * a1 + E[i, 2] for i in range(3)]
    line_a = [E[0, j] * b0 + E[1, j] * b1 + E[2, j] for j in range(2)]
    squared = line_b[0] ** 2 + line_b[1] ** 2 + line_a[0] ** 2 + line_a[1] ** 2
    norm = squared.clamp(min=1e-24).sqrt()
    return (b0 * line_b[0] + b1 * line_b[1] + line_b[2]) / norm, norm, line_a, line_b


def tangent_plane(t: Float[Tensor, "3"]) -> Float[Tensor, "2 3"]:
    """Two unit vectors orthogonal to t and to each other: the directions in which a unit vector can move."""
    axis = torch.eye(3, dtype=t.dtype, device=t.device)[t.abs().argmin()]
    first = torch.nn.functional.normalize(torch.linalg.cross(t, axis), dim=0)
    return torch.stack([first, torch.nn.functional.normalize(torch.linalg.cross(t, first), dim=0)])


def with_equal_singular_values(E: Float[Tensor, "3 3"]) -> Float[Tensor, "3 3"]:
    """The essential matrix nearest to a 3 x 3 matrix: singular values (1, 1, 0)."""
    U, _, Vt = torch.linalg.svd(E)
    return U @ torch.diag(torch.tensor([1.0, 1.0, 0.0], dtype=E.dtype, device=E.device)) @ Vt


def poses_from_essential(E: Float[Tensor, "3 3"]) -> tuple[Float[Tensor, "4 3 3"], Float[Tensor, "4 3"]]:
    """The four b_from_a = (R, t), |t| = 1, that E allows (Hartley & Zisserman 2004, result 9.19)."""
    U, _, Vt = torch.linalg.svd(E)
    U, Vt = U * torch.linalg.det(U), Vt * torch.linalg.det(Vt)
    W = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=E.dtype, device=E.device)
    R1, R2, t = U @ W @ Vt, U @ W.mT @ Vt, U[:, 2]
    return torch.stack([R1, R1, R2, R2]), torch.stack([t, -t, t, -t])


def two_view_depths(
    R: Float[Tensor, "*batch 3 3"],
    t: Float[Tensor, "*batch 3"],
    a: Float[Tensor, "*points 2"],
    b: Float[Tensor, "*points 2"],
) -> tuple[Float[Tensor, " *out"], Float[Tensor, " *out"]]:
    """Depths (z_a, z_b) at which the two rays come closest: least squares of z_b b = z_a R a + t."""
    (a0, a1), (b0, b1) = a.unbind(-1), b.unbind(-1)
    r0, r1, r2 = (R[..., i, 0] * a0 + R[..., i, 1] * a1 + R[..., i, 2] for i in range(3))
    t0, t1, t2 = t.unbind(-1)
    aa, bb, ab = r0**2 + r1**2 + r2**2, b0**2 + b1**2 + 1, r0 * b0 + r1 * b1 + r2
    at, bt = r0 * t0 + r1 * t1 + r2 * t2, b0 * t0 + b1 * t1 + t2
    determinant = (aa * bb - ab * ab).clamp(min=1e-15)
    return (ab * bt - bb * at) / determinant, (aa * bt - ab * at) / determinant


def most_in_front(
    R: Float[Tensor, "pose 3 3"],
    t: Float[Tensor, "pose 3"],
    a: Float[Tensor, "point 2"],
    b: Float[Tensor, "point 2"],
    weight: Float[Tensor, " point"],
) -> tuple[int, Float[Tensor, " pose"]]:
    """The cheirality check: index of the pose that puts most weight in front of both cameras, and all shares."""
    z_a, z_b = two_view_depths(R[:, None], t[:, None], a, b)
    share = (((z_a > 0) & (z_b > 0)) * weight).sum(-1) / weight.sum().clamp(min=1e-12)
    return int(share.argmax()), share
