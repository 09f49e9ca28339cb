"""Readers of live sources: a thread each, which hands over the newest frames and drops what nobody took in time."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from types import TracebackType

from epipose.errors import EpiposeError
from epipose.io.live_source import LiveFrame, LiveSource

GLANCE = 0.2  # seconds between looks at the clock while nothing happens
_LOG = logging.getLogger("epipose")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0  # seconds between attempts to get a lost source back


class LiveReader:
    """One source's frames, read by a thread of its own while the ``with`` block lasts.

    At most ``room`` frames wait; one more takes the place of the oldest, which counts as dropped. With ``every_frame``
    the reader waits instead, as far as the source can. A source that was lost and may come back is opened again and
    again; anything else that goes wrong is its ``failure``.
    """

    def __init__(
        self, source: LiveSource, news: threading.Condition, *, room: int = 1, every_frame: bool = False
    ) -> None:
        """``news`` is notified of every frame and of the end; whoever looks at ``waiting`` holds it."""
        self.source, self.name = source, source.name
        self.waiting: deque[LiveFrame] = deque()
        self.ended = False
        self.failure: Exception | None = None
        self.dropped = 0
        self.last, self.seconds = time.monotonic(), float("-inf")  # when the last frame came, and its time
        self._news, self._room, self._every_frame = news, room, every_frame
        self._stop = threading.Event()
        self._count = 0  # frames so far
        self._thread = threading.Thread(target=self._run, name=f"live {source.name}", daemon=True)

    def __enter__(self) -> LiveReader:
        """Start to read; the source must be open."""
        self.last = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        with self._news:
            self._news.notify_all()
        self._thread.join(2.0)  # a thread that waits for a silent pipe ends with the process

    def use(self, frame: LiveFrame) -> None:
        """Take a frame out, and drop those before it; ``news`` must be held."""
        while self.waiting[0].number < frame.number:
            self.drop()
        self.waiting.popleft()
        self._news.notify_all()

    def drop(self) -> None:
        """Drop the oldest frame that waits; ``news`` must be held."""
        self.waiting.popleft()
        self.dropped += 1
        self._news.notify_all()

    def newest(self, deadline: float = float("inf")) -> LiveFrame | None:
        """Wait for a frame and take the newest, or the oldest where every frame counts.

        None at the end of the source, and at ``deadline`` (of `time.monotonic`). Raises the source's failure.
        """
        with self._news:
            while not self.waiting:
                if self.failure is not None:
                    raise self.failure
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    return None
                self._news.wait(min(GLANCE, left))
            frame = self.waiting[0 if self._every_frame else -1]
            self.use(frame)
            return frame

    def _run(self) -> None:
        try:
            self._read()
            while self.source.returns and not self._stop.is_set():
                self._get_back()
                self._read()
        except Exception as error:
            self.failure = error
        with self._news:
            self.ended = True
            self._news.notify_all()

    def _get_back(self) -> None:
        """Open a source again that was lost, as soon as it lets itself be opened."""
        pause = _FIRST_PAUSE
        _LOG.warning("%s was lost; trying to get it back.", self.name)
        while not self._stop.wait(pause):
            try:
                self.source.open()
            except EpiposeError:
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                _LOG.warning("%s is back.", self.name)
                return

    def _read(self) -> None:
        """Read the open source to its end, or until it is lost."""
        import av.error

        first = self._count
        try:
            for frame in self.source.frames(self._stop):
                self._put(frame._replace(number=first + frame.number, seconds=max(frame.seconds, self.seconds)))
        except (av.error.FFmpegError, OSError):  # of a stream; a file passes over what it cannot decode
            if not self.source.returns:
                return

    def _put(self, frame: LiveFrame) -> None:
        with self._news:
            while self._every_frame and len(self.waiting) >= self._room and not self._stop.is_set():
                self._news.wait(GLANCE)
            if len(self.waiting) >= self._room:
                self.drop()
            self.waiting.append(frame)
            self._count, self.seconds = frame.number + 1, frame.seconds
            self.last = time.monotonic()
            self._news.notify_all()
