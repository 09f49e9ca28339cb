"""The three errors every result is reported in, as the papers define them.

Batched over any leading axes; joints of weight 0 are left out. The root must be valid where a metric centres on it:
leave poses without a root out of `mpjpe_mm` and `nmpjpe_mm`. Inputs are metres (or any unit for the scale-free
ones, when the truth is metric); results are millimetres, hence the names.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.geometry.align import similarity_between


def mpjpe_mm(
    predicted: Float[Tensor, "*batch joint 3"],
    true: Float[Tensor, "*batch joint 3"],
    root: int,
    weight: Float[Tensor, "*batch joint"] | None = None,
) -> Float[Tensor, "*batch"]:
    """Mean per-joint position error after both poses are moved so that their root joints coincide (root included)."""
    return 1000 * _mean_distance(_centred(predicted, root), _centred(true, root), weight)


def nmpjpe_mm(
    predicted: Float[Tensor, "*batch joint 3"],
    true: Float[Tensor, "*batch joint 3"],
    root: int,
    weight: Float[Tensor, "*batch joint"] | None = None,
) -> Float[Tensor, "*batch"]:
    """MPJPE after the root-centred prediction p is scaled by <p, q> / <p, p> (Rhodin et al., ECCV 2018, section 3)."""
    p, q = _centred(predicted, root), _centred(true, root)
    w = (torch.ones_like(p[..., 0]) if weight is None else weight)[..., None]
    tiny = torch.finfo(p.dtype).tiny
    scale = (w * p * q).sum((-2, -1)) / (w * p * p).sum((-2, -1)).clamp(min=tiny)
    return 1000 * _mean_distance(scale[..., None, None] * p, q, weight)


def pmpjpe_mm(
    predicted: Float[Tensor, "*batch joint 3"],
    true: Float[Tensor, "*batch joint 3"],
    weight: Float[Tensor, "*batch joint"] | None = None,
) -> Float[Tensor, "*batch"]:
    """Mean distance after the best similarity, without re-rooting afterwards (protocol 2 of Human3.6M)."""
    aligned = similarity_between(predicted, true, weight).apply(predicted)
    return 1000 * _mean_distance(aligned, true, weight)


def _centred(pose: Float[Tensor, "*batch joint 3"], root: int) -> Float[Tensor, "*batch joint 3"]:
    return pose - pose[..., root : root + 1, :]


def _mean_distance(
    a: Float[Tensor, "*batch joint 3"], b: Float[Tensor, "*batch joint 3"], weight: Float[Tensor, "*batch joint"] | None
) -> Float[Tensor, "*batch"]:
    distance = (a - b).norm(dim=-1)
    if weight is None:
        return distance.mean(-1)
    return (weight * distance).sum(-1) / weight.sum(-1).clamp(min=1e-12)
