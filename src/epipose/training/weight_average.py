"""Exponential moving average of a network's weights over training, which predicts better than the last weights.

Single steps jump about the optimum, their average does not (Polyak & Juditsky 1992). What must not be averaged are the
statistics of batch normalisation: those of the averaged network are measured, on images, when training has ended.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from epipose.network.posenet import Net

_BatchNorm = nn.modules.batchnorm._BatchNorm


class WeightAverage:
    """Exponential moving average of the parameters of ``net``; ``self.net`` is a copy that holds it."""

    def __init__(self, net: Net, decay: float) -> None:
        """``decay`` per step, such as 0.999 for about the last thousand steps."""
        self.net, self.decay = copy.deepcopy(net).requires_grad_(False), decay
        self._mean: list[Tensor] = list(self.net.parameters())
        self._now: list[Tensor] = list(net.parameters())

    def update(self, step: int) -> None:
        """Take in the parameters after step ``step`` (from 0); the first steps, which are far off, count less."""
        decay = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            get_ema_multi_avg_fn(decay)(self._mean, self._now, step)


def measure_norms(
    net: nn.Module, images: Iterable[Float[Tensor, "batch 3 size size"]], frozen: Iterable[nn.Module] = ()
) -> None:
    """Set the statistics of batch normalisation to the mean over these batches, all counting alike, in place.

    ``frozen`` modules keep theirs. (Wu & Johnson 2021, "Rethinking Batch in BatchNorm", section 3.)
    """
    kept = set(frozen)
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm) and module not in kept]
    momenta = [norm.momentum for norm in norms]
    net.eval()
    for norm in norms:
        norm.train().reset_running_stats()
        norm.momentum = None  # torch's word for a mean in which all batches count alike
    with torch.no_grad():
        for batch in images:
            net(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    net.eval()
