"""Filters over time that need no training: what the temporal refiner is measured against.

Each takes the poses of a track and its frame rate. One-euro and the causal Butterworth see the past alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy import signal

Track = Float[np.ndarray, "frame joint 3"]
Filter = Callable[[Track, float], Track]


def one_euro(min_cutoff: float, beta: float, rate_cutoff: float = 1.0) -> Filter:
    """Casiez et al., CHI 2012: a first-order low-pass whose cutoff rises with speed (metres a second)."""

    def run(track: Track, fps: float) -> Track:
        def share(cutoff: Float[np.ndarray, "..."] | float) -> Float[np.ndarray, "..."]:
            return np.asarray(1 / (1 + fps / (2 * math.pi * np.asarray(cutoff))))

        out, speed = [track[0]], np.zeros_like(track[0])
        for before, now in itertools.pairwise(track):
            speed = speed + share(rate_cutoff) * ((now - before) * fps - speed)
            out.append(out[-1] + share(min_cutoff + beta * np.abs(speed)) * (now - out[-1]))
        return np.stack(out)

    return run


def savitzky_golay(seconds: float, degree: int) -> Filter:
    """A polynomial through a window of so many seconds, at least degree + 2 frames."""

    def run(track: Track, fps: float) -> Track:
        frames = max(round(seconds * fps), degree + 2) // 2 * 2 + 1
        frames = min(frames, (len(track) + 1) // 2 * 2 - 1)
        return np.asarray(signal.savgol_filter(track, frames, min(degree, frames - 1), axis=0))

    return run


def butterworth(cutoff_hz: float, *, causal: bool = False) -> Filter:
    """Second order; forwards and backwards, or forwards alone, from the first pose at rest."""

    def run(track: Track, fps: float) -> Track:
        sections = signal.butter(2, min(cutoff_hz / (fps / 2), 0.95), output="sos")
        if not causal:
            return np.asarray(signal.sosfiltfilt(sections, track, axis=0, padlen=min(9, len(track) - 1)))
        rest = signal.sosfilt_zi(sections)[..., None, None] * track[0]
        return np.asarray(signal.sosfilt(sections, track, axis=0, zi=rest)[0])

    return run


GRID: dict[str, list[tuple[str, Filter]]] = {
    "one-euro (causal)": [
        (f"cutoff {low} Hz, beta {beta}", one_euro(low, beta))
        for low in (0.5, 1.0, 2.0, 4.0)
        for beta in (0.0, 1.0, 4.0)
    ],
    "Butterworth (causal)": [(f"{hz} Hz", butterworth(hz, causal=True)) for hz in (1.5, 2.0, 3.0, 4.0, 6.0)],
    "Butterworth (centred)": [(f"{hz} Hz", butterworth(hz)) for hz in (1.5, 2.0, 3.0, 4.0, 6.0)],
    "Savitzky-Golay (centred)": [
        (f"{seconds} s, degree {degree}", savitzky_golay(seconds, degree))
        for seconds in (0.2, 0.28, 0.36, 0.52)
        for degree in (1, 2)
    ],
}
"""By name: parameters to choose from."""
