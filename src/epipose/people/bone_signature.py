"""Bone-length signatures: a test of whether two reconstructions are one person, whatever time lies between them.

People differ by a few per cent in the length of a bone, and so do measurements of one person over a short time. So
what counts is not the difference but the difference in units of its own uncertainty, over all bones.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.skeleton import Skeleton

MIN_MOMENTS = 10  # at which a bone must be seen to have a length
MIN_COMMON_BONES = 4  # that two people must both have to be compared
# Relative error of a bone's length that no amount of frames removes: a detector sees the joints of one person
# differently from front and back.
BONE_BIAS = 0.02


class BoneSignature(NamedTuple):
    """Logarithms of a person's bone lengths and their standard deviations; nan for bones that are hardly seen."""

    length: Float[Tensor, " bone"]
    sigma: Float[Tensor, " bone"]


class SignatureDistance(NamedTuple):
    """Difference of two signatures: mean of the bone lengths' (0.03: 3 %), and mean square in standard deviations.

    The second, ``misfit``, is about 1 for one person. Both are inf where there is too little to compare.
    """

    share: float
    misfit: float


def bone_signature(
    xyz: Float[Tensor, "moment joint 3"], conf: Float[Tensor, "moment joint"], skeleton: Skeleton
) -> BoneSignature:
    """Median length of every bone, left and right taken together, and its standard deviation (from the quartiles)."""
    length = skeleton.bone_lengths(xyz).clamp(min=1e-9).log()
    known = skeleton.bone_weight(conf) > 0
    partner = [skeleton.bones.index(bone) if bone in skeleton.bones else -1 for bone in _partners(skeleton)]
    both = torch.cat([length, length[:, partner]])
    both = torch.where(torch.cat([known, known[:, partner] & (torch.tensor(partner) >= 0)]), both, torch.nan)
    if not len(both):
        nothing = length.new_full((len(partner),), torch.nan)
        return BoneSignature(nothing, nothing)
    low, middle, high = torch.nanquantile(both, torch.tensor([0.25, 0.5, 0.75]).to(both), 0)
    count = known.sum(0)
    sigma = (1.253 / 1.349) * (high - low) / count.clamp(min=1).sqrt()  # of a median, were the errors Gaussian
    enough = count >= MIN_MOMENTS
    return BoneSignature(torch.where(enough, middle, torch.nan), torch.where(enough, sigma, torch.nan))


def signature_distance(a: BoneSignature, b: BoneSignature) -> SignatureDistance:
    """Compare two signatures bone by bone; a bone that differs by more than four standard deviations counts as four."""
    both = a.length.isfinite() & b.length.isfinite()
    if int(both.sum()) < MIN_COMMON_BONES:
        return SignatureDistance(float("inf"), float("inf"))
    apart = (a.length - b.length)[both]
    variance = a.sigma[both] ** 2 + b.sigma[both] ** 2 + BONE_BIAS**2
    return SignatureDistance(float(apart.abs().mean()), float((apart**2 / variance).clamp(max=16).mean()))


def _partners(skeleton: Skeleton) -> list[tuple[int, int]]:
    return [(skeleton.flip[parent], skeleton.flip[child]) for parent, child in skeleton.bones]
