"""Training of the temporal refiner, on batches of `epipose.training.track_batches`."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.geometry.align import similarity_between
from epipose.network.temporal import TemporalRefiner
from epipose.training.track_batches import Motions, TrackPairs, random_tracks

_WEIGHT_DECAY, _DECAY = 0.02, 0.998


class Losses(NamedTuple):
    """What is minimised, in metres: the poses' error, as it is and after a similarity, and that of their changes."""

    pose: Float[Tensor, ""]
    aligned: Float[Tensor, ""]
    velocity: Float[Tensor, ""]
    acceleration: Float[Tensor, ""]

    @property
    def total(self) -> Float[Tensor, ""]:
        """The weighted sum."""
        return 0.5 * self.pose + self.aligned + 0.5 * self.velocity + 0.5 * self.acceleration


def fit_temporal(
    refiner: TemporalRefiner,
    pairs: TrackPairs,
    motions: Motions,
    stills: TrackPairs | None = None,
    *,
    seconds: float,
    batch: int = 64,
    lr: float = 1e-3,
    seed: int = 0,
    brief: bool = True,
    watch: Callable[[int, TemporalRefiner], None] | None = None,
    every: int = 500,
) -> TemporalRefiner:
    """Train for so many seconds and return the average of the weights (its decay at most 0.998 a step).

    The rate falls along a cosine of the time spent. ``brief``: 16-bit products, twice as fast on processors that have
    them. ``watch`` gets the step's number and the average ``every`` so many steps. The outcome depends on the machine's
    speed, for time is the limit.
    """
    random = torch.Generator().manual_seed(seed)
    average = copy.deepcopy(refiner)
    optimiser = torch.optim.AdamW(refiner.parameters(), lr, weight_decay=_WEIGHT_DECAY)
    start, step = time.monotonic(), 0
    while (done := (time.monotonic() - start) / seconds) < 1:
        optimiser.param_groups[0]["lr"] = lr * min(1, (step + 1) / 100) * (1 + math.cos(math.pi * done)) / 2
        inputs, true, fps = random_tracks(
            pairs, motions, stills, batch, refiner.skeleton, random, causal=refiner.causal
        )
        with torch.autocast("cpu", torch.bfloat16, enabled=brief):
            poses = refiner.once(inputs, fps).float()
        loss = track_losses(poses, true).total
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(refiner.parameters(), 1.0)
        optimiser.step()
        step += 1
        _approach(average, refiner, 1 - min(_DECAY, step / (step + 10)))
        if watch is not None and step % every == 0:
            watch(step, average)
    return average.eval()


@torch.no_grad()
def _approach(average: TemporalRefiner, refiner: TemporalRefiner, share: float) -> None:
    for mean, weight in zip(average.parameters(), refiner.parameters(), strict=True):
        mean.lerp_(weight, share)


def track_losses(poses: Float[Tensor, "batch frame joint 3"], true: Float[Tensor, "batch frame joint 3"]) -> Losses:
    """The parts of the loss; the similarity is computed without gradient."""
    with torch.no_grad():
        fit = similarity_between(poses, true)
    off = poses - true
    velocity = off.diff(dim=1)
    return Losses(
        off.norm(dim=-1).mean(),
        (fit.apply(poses) - true).norm(dim=-1).mean(),
        velocity.norm(dim=-1).mean(),
        velocity.diff(dim=1).norm(dim=-1).mean(),
    )
