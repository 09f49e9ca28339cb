"""Similarity alignment of point sets, in closed form (Umeyama).

Everything that is known only up to scale, or up to a frame, is compared after this alignment: cameras with a
reference calibration, poses with the ground truth (PMPJPE).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Similarity(NamedTuple):
    """target = scale * R source + t."""

    scale: Float[Tensor, " *batch"]
    R: Float[Tensor, "*batch 3 3"]
    t: Float[Tensor, "*batch 3"]

    def apply(self, points: Float[Tensor, "*batch point 3"]) -> Float[Tensor, "*batch point 3"]:
        """Transform points of the source frame into the target frame."""
        return self.scale[..., None, None] * points @ self.R.mT + self.t[..., None, :]


def similarity_between(
    source: Float[Tensor, "*batch point 3"],
    target: Float[Tensor, "*batch point 3"],
    weight: Float[Tensor, "*batch point"] | None = None,
) -> Similarity:
    """Least-squares similarity from source to target, never a reflection (Umeyama, PAMI 1991, equations 39-42).

    Points of weight 0 do not count. A source that is a single point gets scale 0: there is nothing to align.
    """
    weight = torch.ones_like(source[..., 0]) if weight is None else weight
    weight = (weight / weight.sum(-1, keepdim=True).clamp(min=1e-12))[..., None]
    mean_source, mean_target = (weight * source).sum(-2), (weight * target).sum(-2)
    a, b = source - mean_source[..., None, :], target - mean_target[..., None, :]
    U, D, Vt = torch.linalg.svd((weight * b).mT @ a)
    sign = torch.ones_like(D)
    sign[..., 2] = torch.linalg.det(U @ Vt).sign()
    R = U @ (sign[..., None] * Vt)
    variance = (weight * a.square()).sum((-2, -1))
    scale = (D * sign).sum(-1) / variance.clamp(min=torch.finfo(a.dtype).tiny)
    scale = torch.where(variance > 0, scale, torch.zeros_like(scale))
    t = mean_target - scale[..., None] * (R @ mean_source[..., None])[..., 0]
    return Similarity(scale, R, t)
