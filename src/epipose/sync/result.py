"""Time offsets of a clip: estimate, method, and agreement of motion with sound."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SURE = 0.5  # support below which a view's start is doubtful


CONTRADICTION = 0.1  # seconds by which sound and motion may differ


@dataclass(frozen=True)
class Sync:
    """When each video's first frame was taken, in seconds on a common clock whose 0 is the earliest.

    ``support`` per view: how much better it fits the others at these starts than at other shifts (log of the residuals'
    ratio, mean over the other views; 0 = no better, below `SURE` doubtful). ``warnings`` are sentences for the user.
    """

    starts: tuple[float, ...]
    method: str
    support: tuple[float, ...]
    sure: bool
    warnings: tuple[str, ...] = ()


def agreed(motion: Sync, sounds: Sync | None) -> Sync:
    """The one to believe of what the motion and the sounds say (None: not every video has sound).

    Where both are sure and agree, it is the motion's, which is finer: sound is late by 3 ms for each metre. Where they
    contradict each other, it is the motion's too, with a warning: a microphone may be delayed, a body is not.
    """
    if sounds is None or not sounds.sure:
        return motion
    if not motion.sure:
        return sounds
    apart = np.subtract(motion.starts, sounds.starts)
    apart = float(np.ptp(apart))
    if apart <= CONTRADICTION:
        return replace(motion, method="motion and sound")
    warning = (
        f"The sounds of the videos say other starts than the motion, by up to {apart:.2f} s; the motion was believed. "
        "If that is wrong, use --sync audio."
    )
    return replace(motion, sure=False, warnings=(*motion.warnings, warning))
