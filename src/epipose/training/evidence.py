"""Evidence for training the refiner: a detector's real answers and PoseNet's real readings, with random gaps.

The refiner must serve with every combination of keypoints, own depth and reading, so each is left out at random. Some
poses are given as they are: where everything is right, nothing may be changed.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.network.refiner import Evidence

NO_KEYPOINTS, NO_OWN, NO_READING, JOINT_MISSED, EXACT = 0.04, 0.3, 0.2, 0.03, 0.08
_EXACT_NOISE = 0.004  # crop widths, of what is given as it is


def with_gaps(
    evidence: Evidence, uvd: Float[Tensor, "batch joint 3"], random: torch.Generator | None = None
) -> Evidence:
    """Evidence of poses whose truth is ``uvd``, some of it left out, and some of it replaced by the truth."""
    batch, joints, _ = uvd.shape

    def chance(share: float, *shape: int) -> Tensor:
        return torch.rand(batch, *shape, device=uvd.device, generator=random) < share

    exact = chance(EXACT)[:, None]
    noise = _EXACT_NOISE * torch.rand(batch, 1, 1, device=uvd.device, generator=random)

    def near() -> Tensor:
        return uvd + noise * torch.randn(uvd.shape, device=uvd.device, generator=random)

    seen = near()
    unread = chance(NO_READING)[:, None] & ~exact
    unseen = (chance(NO_KEYPOINTS)[:, None] | chance(JOINT_MISSED, joints)) & ~unread
    ownless = chance(NO_OWN)[:, None] & ~exact
    return Evidence(
        torch.where(exact[..., None], seen[..., :2], evidence.keypoints),
        torch.where(unseen, 0.0, evidence.conf),
        torch.where(exact, seen[..., 2], evidence.own_depth),
        evidence.own_known * ~ownless,
        torch.where(exact[..., None], near(), evidence.reading),
        torch.where(exact[..., None], noise + 0.001, evidence.reading_scale),
        evidence.reading_known * ~unread,
    )


def mixed(first: Evidence, second: Evidence, share: float, random: torch.Generator | None = None) -> Evidence:
    """Evidence of the same people from two detectors: pose by pose the second with this chance, in half of these cases
    with the reading of the first."""
    device = first.conf.device
    other = torch.rand(len(first.conf), device=device, generator=random) < share
    crossed = other & (torch.rand(len(first.conf), device=device, generator=random) < 0.5)

    def chosen(mask: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return torch.where(mask.view(-1, *[1] * (a.ndim - 1)), b, a)

    seen = [chosen(other, a, b) for a, b in zip(first[:4], second[:4], strict=True)]
    readings = [chosen(other & ~crossed, a, b) for a, b in zip(first[4:], second[4:], strict=True)]
    return Evidence(*seen, *readings)
