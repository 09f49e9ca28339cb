"""Moments of several live sources: their frames that were taken at the same time, as nearly as they come.

Cameras that run by themselves take their images at any time between each other's. The newest moment is the one that
the slowest of them has reached; of the others the frame nearest to it is taken.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from epipose.io.live_reader import GLANCE, LiveReader
from epipose.io.live_source import LiveFrame

MAX_SPREAD = 0.05  # seconds by which frames of one moment may be apart
PATIENCE = 0.5  # seconds without a frame after which a source is not waited for
ROOM = 8  # frames of each source that wait for those of the others


class Moment(NamedTuple):
    """One frame of each source, None of one that was silent or too far off; two at least are there."""

    frames: tuple[LiveFrame | None, ...]

    @property
    def there(self) -> list[LiveFrame]:
        """The frames that are there."""
        return [frame for frame in self.frames if frame is not None]

    @property
    def seconds(self) -> float:
        """Mean time of the frames on the sources' common clock."""
        return sum(frame.seconds for frame in self.there) / len(self.there)

    @property
    def spread(self) -> float:
        """Seconds between the first and the last of the frames."""
        times = [frame.seconds for frame in self.there]
        return max(times) - min(times)

    @property
    def captured(self) -> float:
        """When the first of the frames was taken, on `time.monotonic`."""
        return min(frame.captured for frame in self.there)


def next_moment(
    readers: Sequence[LiveReader],
    news: threading.Condition,
    *,
    max_spread: float = MAX_SPREAD,
    every_frame: bool = False,
    deadline: float = float("inf"),
) -> Moment | None:
    """Wait for the newest moment and take its frames out; with ``every_frame`` the next one of the slowest source.

    None when fewer than two sources are left, and at ``deadline`` (of `time.monotonic`). Raises the failure of a source.
    """
    with news:
        while True:
            for reader in readers:
                if reader.failure is not None:
                    raise reader.failure
            now = time.monotonic()
            if now >= deadline or sum(bool(reader.waiting) or not reader.ended for reader in readers) < 2:
                return None
            patience = float("inf") if every_frame else PATIENCE
            awaited = [r for r in readers if not r.waiting and not r.ended and now - r.last < patience]
            if not awaited and sum(bool(reader.waiting) for reader in readers) >= 2:
                moment = _taken(readers, max_spread, every_frame)
                if moment is not None:
                    return moment
            news.wait(min(GLANCE, deadline - now))


def _taken(readers: Sequence[LiveReader], max_spread: float, every_frame: bool) -> Moment | None:
    """The moment that the waiting frames have in common; None where one source has to go on first."""
    times = [[frame.seconds for frame in reader.waiting] for reader in readers]
    if every_frame:
        moment = max(own[0] for own in times if own)
        if any(own and own[-1] < moment and not reader.ended for own, reader in zip(times, readers, strict=True)):
            _pass_over(readers, moment)
            return None
    else:
        moment = min(own[-1] for own in times if own)
    chosen = [None if k is None else r.waiting[k] for r, k in zip(readers, nearest(times, moment, max_spread), strict=True)]
    if sum(frame is not None for frame in chosen) < 2:
        _pass_over(readers, max(own[-1] for own in times if own) - max_spread)
        return None
    for reader, frame in zip(readers, chosen, strict=True):
        if frame is not None:
            reader.use(frame)
    return Moment(tuple(chosen))


def nearest(times: Sequence[Sequence[float]], moment: float, max_spread: float) -> list[int | None]:
    """For each source the index of its time nearest to a moment; None without any within ``max_spread`` seconds."""
    best = [min(range(len(own)), key=lambda k, own=own: abs(own[k] - moment), default=None) for own in times]
    return [
        None if k is None or abs(own[k] - moment) > max_spread else k for own, k in zip(times, best, strict=True)
    ]


def _pass_over(readers: Sequence[LiveReader], moment: float) -> None:
    """Drop frames that a later one of the same source, before or at the moment, replaces: they can have no part in it."""
    for reader in readers:
        while len(reader.waiting) > 1 and reader.waiting[1].seconds <= moment:
            reader.use(reader.waiting[0])
            reader.dropped += 1
