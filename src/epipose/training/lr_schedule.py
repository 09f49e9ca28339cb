"""Learning-rate schedules: a linear warm-up, then steps or a cosine."""

from __future__ import annotations

import math
from collections.abc import Sequence

from epipose.training.options import Schedule


def rate(step: int, epoch_steps: int, epochs: int, schedule: Schedule, warmup: float, drops: Sequence[int]) -> float:
    """Factor of the learning rate in step ``step`` (from 0), with ``epoch_steps`` steps in each of ``epochs``.

    It rises linearly from zero during the first ``warmup`` epochs. "steps": a tenth from each epoch of ``drops`` on
    (the paper's 90 and 120 of 140). "cosine": from the end of the warm-up down to zero (Loshchilov & Hutter 2017).
    """
    epoch = step / epoch_steps
    rise = min(1.0, (step + 1) / (warmup * epoch_steps)) if warmup > 0 else 1.0
    if schedule == "steps":
        return rise * 0.1 ** sum(epoch >= drop for drop in drops)
    done = (epoch - warmup) / max(epochs - warmup, 1e-9)
    return rise * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0))) / 2
