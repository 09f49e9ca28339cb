"""Moments of several live sources: their frames that were taken at the same time, as nearly as they come.

Cameras that run by themselves take their images at any time between each other's. The newest moment is the one that
the slowest of them has reached; of the others the frame nearest to it is taken.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from epipose.io.live_reader import GLANCE, LiveReader
from epipose.io.live_source import LiveFrame

PATIENCE = 0.5  # seconds without a frame after which a camera is not waited for
_LONG = 5.0  # seconds without a moment after which the user is told
_LOG = logging.getLogger("epipose")
WAIT = 0.25  # seconds for which frames wait for those of other sources


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
    max_spread: float,
    every_frame: bool = False,
    deadline: float = float("inf"),
) -> Moment | None:
    """Wait for the newest moment and take its frames out; with ``every_frame`` the next one of the slowest source.

    ``max_spread``: seconds by which frames of one moment may be apart. None when fewer than two sources are left, and at
    ``deadline`` (of `time.monotonic`). Raises the failure of a source.
    """
    begun, told = time.monotonic(), False
    with news:
        while True:
            for reader in readers:
                if reader.failure is not None:
                    raise reader.failure
            now = time.monotonic()
            if now >= deadline or sum(bool(reader.waiting) or not reader.ended for reader in readers) < 2:
                return None
            there = [reader for reader in readers if reader.waiting]
            if len(there) >= 2 and not any(_awaited(reader, now) for reader in readers):
                chosen = _in_order(there, max_spread) if every_frame else _newest(there, max_spread)
                if len(chosen) >= 2:
                    return _taken(readers, chosen)
                if not told and now - begun > _LONG:
                    _LOG.warning("%s", _how_far_apart(there))
                    told = True
            news.wait(min(GLANCE, deadline - now))


Chosen = dict[int, LiveFrame]  # by the reader's identity


def _awaited(reader: LiveReader, now: float) -> bool:
    """Whether a source has nothing to give yet, but will have soon."""
    return not (reader.waiting or reader.ended) and (reader.source.paced or now - reader.last < PATIENCE)


def _newest(readers: Sequence[LiveReader], max_spread: float) -> Chosen:
    """The frames nearest to the latest moment that all sources have reached, or, where that is none, most of them."""
    for moment in sorted(reader.waiting[-1].seconds for reader in readers):
        chosen = _nearest(readers, moment, max_spread)
        if len(chosen) >= 2:
            return chosen
    _drop_hopeless(readers, max_spread)
    return {}


def _in_order(readers: Sequence[LiveReader], max_spread: float) -> Chosen:
    """The frames nearest to the first moment that all sources have; none where one has to go on first."""
    moment = max(reader.waiting[0].seconds for reader in readers)
    chosen: Chosen = {}
    if all(reader.ended or reader.waiting[-1].seconds >= moment for reader in readers):
        chosen = _nearest(readers, moment, max_spread)
    for reader in readers if len(chosen) < 2 else ():
        while len(reader.waiting) > 1 and reader.waiting[1].seconds <= moment:
            reader.drop()
    if len(chosen) < 2:
        _drop_hopeless(readers, max_spread)
    return chosen


def _nearest(readers: Sequence[LiveReader], moment: float, max_spread: float) -> Chosen:
    """Of each source the frame nearest to a moment, if it is within ``max_spread`` seconds."""
    best = {id(reader): min(reader.waiting, key=lambda frame: abs(frame.seconds - moment)) for reader in readers}
    return {key: frame for key, frame in best.items() if abs(frame.seconds - moment) <= max_spread}


def _drop_hopeless(readers: Sequence[LiveReader], max_spread: float) -> None:
    """Drop frames that are older than whatever the other sources still have."""
    oldest = {id(reader): reader.waiting[0].seconds for reader in readers}
    for reader in readers:
        others = min((seconds for key, seconds in oldest.items() if key != id(reader)), default=float("-inf"))
        while reader.waiting and reader.waiting[0].seconds < others - max_spread:
            reader.drop()


def _taken(readers: Sequence[LiveReader], chosen: Chosen) -> Moment:
    for reader in readers:
        if id(reader) in chosen:
            reader.use(chosen[id(reader)])
    return Moment(tuple(chosen.get(id(reader)) for reader in readers))


def _how_far_apart(readers: Sequence[LiveReader]) -> str:
    behind, *_, ahead = sorted(readers, key=lambda reader: reader.seconds)
    apart = ahead.seconds - behind.seconds
    return (
        f"No two sources have had images of the same moment for {_LONG:.0f} s; {ahead.name} is {apart:.2f} s ahead of "
        f"{behind.name}. Give the difference with --offsets, or allow more with --max-spread."
    )
