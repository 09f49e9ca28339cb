"""Time offsets of a clip: estimate, method, rates of the clocks, and agreement of motion with sound."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

MIN_SUPPORT = 0.5  # below which a view's time offset is doubtful
MAX_DISAGREEMENT_SECONDS = 0.1  # between sound and motion


@dataclass(frozen=True)
class TimeOffsets:
    """Start of each video (its first frame), in seconds on a common clock whose 0 is the earliest.

    ``support`` per view: how much better it fits the others at these starts than at other offsets (log of the
    residuals' ratio, mean over the other views; 0 = no better, below `MIN_SUPPORT` doubtful).
    ``warnings`` are sentences for the user on what is uncertain, ``notes`` on what was found besides the offsets.
    ``searched``: seconds between any two starts that were tried. ``rates`` per view: how many seconds of the file pass
    in one second of the common clock (4 for slow motion that plays four times as long, 1.0001 for a clock that is
    100 ppm fast); empty where none was found, which means 1.
    """

    starts: tuple[float, ...]
    method: str
    support: tuple[float, ...]
    sure: bool
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    searched: float | None = None
    rates: tuple[float, ...] = ()


def combine_offsets(motion: TimeOffsets, sounds: TimeOffsets | None) -> TimeOffsets:
    """Choose between the offsets from motion and those from sound (None: not every video has sound).

    Where both are certain and agree, those from motion, which are finer: sound is late by 3 ms for each metre. Where
    they contradict each other, those from motion too, with a warning: a microphone may be delayed, a body is not.
    """
    if sounds is None or not sounds.sure:
        return motion
    if not motion.sure:
        return replace(sounds, notes=motion.notes)
    if motion.rates:  # sounds are compared as if all clocks ran alike
        return motion
    apart = np.subtract(motion.starts, sounds.starts)
    apart = float(np.ptp(apart))
    if apart <= MAX_DISAGREEMENT_SECONDS:
        return replace(motion, method="motion and sound")
    warning = (
        f"The time offsets from sound and from motion differ by up to {apart:.2f} s; those from motion were taken. "
        "If that is wrong, use --sync audio."
    )
    return replace(motion, sure=False, warnings=(*motion.warnings, warning))
