"""Clocks of live sources: when each frame was taken, on one clock for all sources.

Cameras cannot be asked when they took a frame. What is known is when it arrived, and by the stamps of a stream how
frames lie apart; from both follow times that are as even as the stamps.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

MAX_LATE = 1.0  # seconds by which playing a file may lag; then the clock is put back
_WINDOW = 300  # frames whose fastest transfer fixes a stream's clock
_JUMP = 1.0  # seconds off at which a stream's stamps have been set anew


@dataclass(frozen=True)
class Timing:
    """A source's place on the common clock.

    ``offset``: seconds added to its times: when a file's first frame was taken; of a camera 0, or less where its frames
    arrive later than those of the others. ``rate``: by how much faster a file's frames were taken than it says.
    """

    offset: float = 0.0
    rate: float = 1.0


class Pace:
    """The common clock of several sources; it shows ``first`` seconds when it is started."""

    def __init__(self, first: float = 0.0) -> None:
        self.first = first
        self._zero: float | None = None
        self._lock = threading.Lock()

    def due(self, seconds: float) -> float:
        """When the clock shows these seconds, on `time.monotonic`; the first call starts the clock."""
        with self._lock:
            if self._zero is None:
                self._zero = time.monotonic() - self.first
            return self._zero + seconds

    def seconds(self, moment: float) -> float:
        """What the clock shows at a moment of `time.monotonic`."""
        return moment - self.due(0.0)

    def put_back(self, seconds: float) -> None:
        """Let the clock show these seconds now, where it has gone on: files cannot be played as fast as they were taken."""
        late = time.monotonic() - self.due(seconds)
        with self._lock:
            self._zero = (self._zero or 0.0) + max(0.0, late)


class StreamClock:
    """Times of capture of a stream's frames, from their stamps and from when they arrive.

    What arrived fastest among the last frames says how stamps and this computer's clock differ. The delay that all
    frames of a stream have in common stays unknown (see `Timing`).
    """

    def __init__(self) -> None:
        self._ahead: deque[float] = deque(maxlen=_WINDOW)

    def captured(self, stamp: float | None, arrived: float) -> float:
        """When a frame was taken that arrived at this moment, both in seconds; never after it."""
        if stamp is None:
            return arrived
        ahead = arrived - stamp
        if self._ahead and abs(ahead - min(self._ahead)) > _JUMP:
            self._ahead.clear()
        self._ahead.append(ahead)
        return stamp + min(self._ahead)
