"""Clock drift: cameras whose clocks run at slightly different rates, from time offsets in windows.

The quartz of a camera errs by some ten to hundreds of parts per million, and files state rounded frame rates: over
minutes that is several frames. In each window of the clip the offset of every two views is the minimum of the robust
epipolar cost, to a part of a frame; the offsets of the pairs give one per view; and a line through a view's offsets
(Theil 1950, Sen 1968: the median of the slopes, so that windows in which the motion tells nothing do no harm) is its
drift. A drift is applied where it is clear, named where it is only likely, and otherwise there is none.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from epipose.detection.tracklets import Tracklet
from epipose.geometry.robust import MAD_TO_SIGMA
from epipose.geometry.time_offset import robust_costs
from epipose.sync.offset_search import tensors

WINDOW_SECONDS = 8.0
MIN_WINDOWS = 6  # in which a view has an offset
MAX_WINDOWS = 24  # spread over longer clips
MAX_PPM = 1500.0
FRAMES_PER_WINDOW = 80
CLEAR_SIGMAS = 6.0  # standard errors from which a drift is applied
LIKELY_SIGMAS = 4.0  # and from which on it is named
MIN_DRIFT_FRAMES = 0.4  # over the clip: less changes nothing
_EFFICIENCY = 1.1  # standard error of a median of slopes over that of least squares, for normal errors


@dataclass(frozen=True)
class ClockDrift:
    """A view's offset from view 0 as a line: ``offset`` + ``slope`` * (frame - ``middle``), in frames of the grid.

    ``sigma``: standard error of the slope; infinite where too few windows tell. ``clear`` and ``likely`` judge it.
    """

    offset: float
    slope: float
    sigma: float
    middle: float
    span: float  # frames from the first to the last window

    @property
    def clear(self) -> bool:
        """Whether the drift is to be applied."""
        return self._beyond(CLEAR_SIGMAS)

    @property
    def likely(self) -> bool:
        """Whether the drift is to be named."""
        return self._beyond(LIKELY_SIGMAS)

    def _beyond(self, sigmas: float) -> bool:
        return abs(self.slope) > sigmas * self.sigma and abs(self.slope) * self.span > MIN_DRIFT_FRAMES


def clock_drifts(tracks: Sequence[Tracklet | None], starts: Sequence[int], rate: float) -> tuple[ClockDrift, ...]:
    """The drift of every view against view 0, for tracklets on even grids of ``rate`` Hz that begin at ``starts``.

    ``starts`` in frames; an offset is the start of the view less that of view 0, and may change by `MAX_PPM`. Where the
    common time has fewer than `MIN_WINDOWS` windows of `WINDOW_SECONDS`, no drift is clear or likely.
    """
    ends = [start + (0 if track is None else len(track.conf)) for track, start in zip(tracks, starts, strict=True)]
    begin, end = max(starts), min(ends)
    length = round(WINDOW_SECONDS * rate)
    count = min((end - begin) // length, MAX_WINDOWS)
    if count < MIN_WINDOWS:
        return tuple(ClockDrift(float(start - starts[0]), 0.0, np.inf, 0.0, 0.0) for start in starts)
    firsts = np.linspace(begin, end - length, count).round().astype(int)
    reach = int(np.ceil(MAX_PPM * 1e-6 * (end - begin) / 2)) + 2
    middles = firsts + (length - 1) / 2
    offsets = np.stack([_window_offsets(tracks, starts, range(first, first + length), reach) for first in firsts])
    return tuple(_line(middles - starts[0], offsets[:, view]) for view in range(len(tracks)))


def _window_offsets(
    tracks: Sequence[Tracklet | None], starts: Sequence[int], window: range, reach: int
) -> Float[np.ndarray, " view"]:
    """The offset of every view from view 0 in one window; NaN where it cannot be told."""
    rows, right, certainty = [], [], []
    views = len(tracks)
    for a, b in itertools.combinations(range(views), 2):
        first, second = tracks[a], tracks[b]
        if first is None or second is None:
            continue
        found = _pair_offset(first, second, range(window.start - starts[a], window.stop - starts[a]),
                             starts[b] - starts[a], reach)  # fmt: skip
        if found is not None:
            row = np.zeros(views)
            row[a], row[b] = -1, 1
            rows.append(row)
            right.append(found[0])
            certainty.append(found[1])
    if not rows:
        return np.full(views, np.nan)
    design, weight = np.stack(rows)[:, 1:], np.sqrt(np.array(certainty))
    solved = np.linalg.pinv(weight[:, None] * design, rcond=1e-6) @ (weight * np.array(right))
    tied = np.abs(np.linalg.pinv(design, rcond=1e-6) @ design - np.eye(views - 1)).max(1) < 1e-6
    return np.concatenate([[0.0], np.where(tied, solved, np.nan)])


def _pair_offset(a: Tracklet, b: Tracklet, window: range, offset: int, reach: int) -> tuple[float, float] | None:
    """The offset (b's start less a's, frames) of least robust cost in a window, and how sharp that minimum is."""
    frames = np.arange(
        max(window.start, offset + reach, 0), min(window.stop, len(a.conf), len(b.conf) + offset - reach)
    )
    if len(frames) == 0:
        return None
    frames = frames[a.conf[frames].any(-1) & b.conf[frames - offset].any(-1)]
    if 2 * len(frames) < len(window):
        return None
    chosen = torch.from_numpy(frames[np.linspace(0, len(frames) - 1, min(FRAMES_PER_WINDOW, len(frames))).astype(int)])
    offsets = torch.arange(offset - reach, offset + reach + 1)
    cost, weight = robust_costs(*tensors(a), *tensors(b), offsets, chosen, offset)
    mean = (cost.sum(1) / weight.sum(1).clamp_min(1e-9)).numpy()
    least = int(mean.argmin())
    if least in (0, len(mean) - 1):
        return None
    before, here, after = mean[least - 1 : least + 2]
    bend = before - 2 * here + after
    if not bend > 0:
        return None
    return float(offsets[least]) + float((before - after) / (2 * bend)), float(bend)


def _line(moments: Float[np.ndarray, " window"], offsets: Float[np.ndarray, " window"]) -> ClockDrift:
    """A robust line through a view's offsets; ``moments`` in frames of view 0."""
    known = np.isfinite(offsets)
    t, o = moments[known], offsets[known]
    if len(t) < MIN_WINDOWS:
        return ClockDrift(float(np.median(o)) if len(o) else 0.0, 0.0, np.inf, 0.0, 0.0)
    i, j = np.triu_indices(len(t), 1)
    slope = float(np.median((o[j] - o[i]) / (t[j] - t[i])))
    middle = float(t.mean())
    offset = float(np.median(o - slope * (t - middle)))
    spread = MAD_TO_SIGMA * float(np.median(np.abs(o - offset - slope * (t - middle))))
    spread *= np.sqrt(len(t) / (len(t) - 2))
    sigma = float(_EFFICIENCY * max(spread, 0.02) / np.sqrt(((t - middle) ** 2).sum()))
    return ClockDrift(offset, slope, sigma, middle, float(t[-1] - t[0]))
