"""Play-rate factors: slow motion and time lapse among videos of usual speed, from motion.

A phone that films 120 frames a second may write a file that plays at 30: its seconds are four times too long, and no
offset makes it fit the other views. So for views whose offset is doubtful the usual factors are tried, one view at a
time, and a factor is taken where it makes the view fit clearly, which no factor does to a view of something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from epipose.poses import Poses2D
from epipose.sync.from_motion import SUFFICIENT_GAIN, offsets_from_motion
from epipose.sync.result import MIN_SUPPORT, TimeOffsets

PLAY_RATES = (2.0, 4.0, 0.5, 0.25)  # seconds of the file in a second: slow motion first, as it is far commoner
CLEAR_SUPPORT = 0.8  # of a view at a factor, from which the factor is taken


def with_play_rates(
    found: TimeOffsets, poses: Poses2D, times: Sequence[Float[np.ndarray, " _"]], max_offset: float = 10.0
) -> TimeOffsets:
    """The offsets, with the factors by which videos play too slowly or too fast, where such factors explain doubts.

    ``found``: what `offsets_from_motion` makes of ``poses`` and ``times`` (seconds of the files, per view). A factor
    that makes a view fit better, but not clearly, is named in the notes and not taken.
    """
    factors, suspected = np.ones(len(times)), dict[int, float]()
    for _ in range(len(times) - 1):
        trials = [
            (trial, view, factor)
            for view in np.flatnonzero(np.array(found.support) < MIN_SUPPORT)
            if factors[view] == 1
            for factor in PLAY_RATES
            if (trial := _with_factor(poses, times, factors, int(view), factor, max_offset)) is not None
        ]
        if not trials:
            break
        trial, view, factor = max(trials, key=lambda tried: sum(tried[0].support))
        gain = trial.support[view] - found.support[view]
        if gain < SUFFICIENT_GAIN or trial.support[view] < CLEAR_SUPPORT:
            if gain >= SUFFICIENT_GAIN / 2 and trial.support[view] >= MIN_SUPPORT:
                suspected[int(view)] = factor
            break
        found, factors[view] = trial, factor
    notes = [_note(poses.views[view], factor) for view, factor in enumerate(factors) if factor != 1]
    notes += [_doubt(poses.views[view], factor) for view, factor in suspected.items()]
    drifts = found.rates or (1.0,) * len(times)
    rates = tuple(float(factor * drift) for factor, drift in zip(factors, drifts, strict=True))
    return replace(found, notes=(*notes, *found.notes), rates=rates if any(rate != 1 for rate in rates) else ())


def _with_factor(
    poses: Poses2D,
    times: Sequence[Float[np.ndarray, " _"]],
    factors: Float[np.ndarray, " view"],
    view: int,
    factor: float,
    max_offset: float,
) -> TimeOffsets | None:
    """The offsets with one more factor; None where that leaves less than a second of the view."""
    tried = np.where(np.arange(len(times)) == view, factor, factors)
    scaled = [own / by for own, by in zip(times, tried, strict=True)]
    if scaled[view][-1] - scaled[view][0] < 1:
        return None
    return offsets_from_motion(poses, scaled, max_offset)


def _note(name: str, factor: float) -> str:
    if factor > 1:
        return f"View {name} is slow motion: it plays {factor:g} times as long as it took, and is read so fast."
    return f"View {name} plays {1 / factor:g} times too fast (time lapse), and is read so slowly."


def _doubt(name: str, factor: float) -> str:
    kind = f"{factor:g} times slow motion" if factor > 1 else f"{1 / factor:g} times time lapse"
    return f"View {name} may be {kind}: it fits the others better so, but not clearly, and is taken as it is."
