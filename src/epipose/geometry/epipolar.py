"""What one view says about another: the essential matrix and the distance of a correspondence from obeying it.

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

    distance: Float[Tensor, "*points"]
    by_E: Float[Tensor, "*points 9"]


def sampson(E: Float[Tensor, "3 3"], a: Float[Tensor, "*points 2"], b: Float[Tensor, "*points 2"]) -> Sampson:
    """Signed first-order distance to the epipolar constraint (Hartley & Zisserman 2004, equation 11.9)."""
    ah, bh = homogeneous(a), homogeneous(b)
    line_b, line_a = ah @ E.mT, bh @ E  # E a in the second picture, E^T b in the first
    product = (bh * line_b).sum(-1)
    gradient = torch.cat([line_b[..., :2], line_a[..., :2]], -1)
    norm = gradient.norm(dim=-1).clamp(min=1e-12)
    # d product / dE = b a^T;  d norm / dE = (line_b a^T + b line_a^T) / norm over the first two components of each
    cut = torch.tensor([1.0, 1.0, 0.0], dtype=E.dtype, device=E.device)
    by_norm = (line_b * cut)[..., :, None] * ah[..., None, :] + bh[..., :, None] * (line_a * cut)[..., None, :]
    by_E = bh[..., :, None] * ah[..., None, :] / norm[..., None, None] - by_norm * (product / norm**3)[..., None, None]
    return Sampson(product / norm, by_E.flatten(-2))


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
) -> tuple[Float[Tensor, "*out"], Float[Tensor, "*out"]]:
    """Depths (z_a, z_b) at which the two rays come closest: least squares of z_b b = z_a R a + t."""
    ray_a, ray_b = (R @ homogeneous(a)[..., None])[..., 0], homogeneous(b)
    aa, bb, ab = (ray_a * ray_a).sum(-1), (ray_b * ray_b).sum(-1), (ray_a * ray_b).sum(-1)
    at, bt = (ray_a * t).sum(-1), (ray_b * t).sum(-1)
    determinant = (aa * bb - ab * ab).clamp(min=1e-15)
    return (ab * bt - bb * at) / determinant, (aa * bt - ab * at) / determinant


def most_in_front(
    R: Float[Tensor, "pose 3 3"],
    t: Float[Tensor, "pose 3"],
    a: Float[Tensor, "point 2"],
    b: Float[Tensor, "point 2"],
    weight: Float[Tensor, "point"],
) -> tuple[int, Float[Tensor, "pose"]]:
    """The cheirality check: index of the pose that puts most weight in front of both cameras, and all shares."""
    z_a, z_b = two_view_depths(R[:, None], t[:, None], a, b)
    share = (((z_a > 0) & (z_b > 0)) * weight).sum(-1) / weight.sum().clamp(min=1e-12)
    return int(share.argmax()), share
