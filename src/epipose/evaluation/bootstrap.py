"""Cluster bootstrap intervals of a mean over poses: whole subjects or clips are drawn, not poses.

Errors of neighbouring frames are correlated, so thousands of them are not thousands of samples. What can be drawn again
is what was chosen independently: the subject, or the clip (cluster bootstrap; Davison and Hinkley, Bootstrap Methods,
1997, section 3.8). With few groups the interval is rough, and with one there is none.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from epipose.errors import InputError

_MAX_DRAWN_GROUPS = 10_000_000  # at a time, which bounds the memory


class Interval(NamedTuple):
    """A mean and the interval (percentiles) that it falls into in ``level`` of the draws."""

    mean: float
    low: float
    high: float
    level: float
    groups: int


def bootstrap_mean(
    value: Float[Tensor, " pose"],
    group: Int64[Tensor, " pose"],
    weight: Float[Tensor, " pose"] | None = None,
    *,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Interval:
    """The weighted mean of a metric over poses, and its interval by drawing groups (subjects, clips) with replacement.

    ``group`` numbers the subject or clip of each pose. A pose of weight 0 does not count. Raises InputError where
    nothing counts. One group alone gives the interval from -inf to inf: nothing is known of another.
    """
    weight = torch.ones_like(value) if weight is None else weight
    _, member = torch.unique(group[weight > 0], return_inverse=True)
    if not len(member):
        raise InputError("There is no pose to average over: all weights are 0.")
    v, w = value[weight > 0].double(), weight[weight > 0].double()
    groups = int(member.max()) + 1
    sums = torch.zeros(2, groups, dtype=torch.float64).index_add_(1, member, torch.stack([w * v, w]))
    mean = float(sums[0].sum() / sums[1].sum())
    if groups == 1:
        return Interval(mean, -torch.inf, torch.inf, level, 1)
    random = torch.Generator().manual_seed(seed)
    means = torch.empty(draws, dtype=torch.float64)
    for part in torch.arange(draws).split(max(1, _MAX_DRAWN_GROUPS // groups)):
        drawn = torch.randint(groups, (len(part), groups), generator=random)
        means[part] = sums[0][drawn].sum(1) / sums[1][drawn].sum(1)
    low, high = torch.quantile(means, torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)).tolist()
    return Interval(mean, low, high, level, groups)
