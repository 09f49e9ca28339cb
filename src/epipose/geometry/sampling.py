"""Even sampling: which frames or points to take where all would be too many, and stretches of time that go together."""

from __future__ import annotations

import math

import torch
from jaxtyping import Int
from torch import Tensor

_STRETCHES = 20  # into which a clip is divided


def evenly(available: int, wanted: int) -> Int[Tensor, " chosen"]:
    """Indices of at most ``wanted`` items out of ``available``, evenly spread, the first one included."""
    count = min(available, wanted)
    return (torch.arange(count) * available) // max(count, 1)


def evenly_with_ends(available: int, wanted: int) -> Int[Tensor, " chosen"]:
    """Indices of at most ``wanted`` items out of ``available``, evenly spread, the first and the last one included."""
    return torch.linspace(0, available - 1, min(available, wanted)).long()


def stride_for(available: float | int, wanted: float | int) -> int:
    """The stride that leaves ``wanted`` items or more out of ``available`` (fewer than twice as many), 1 at least.

    Both are numbers of items, or items a second; of a rate just below a multiple it is that of the multiple.
    """
    return max(1, int(available / wanted + 1e-6))


def stretches(frames: int) -> Int[Tensor, " frame"]:
    """Number the stretches of time within which a detector's errors depend on each other: about twenty."""
    return torch.arange(frames) // max(1, math.ceil(frames / _STRETCHES))
