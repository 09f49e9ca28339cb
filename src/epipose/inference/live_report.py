"""Rate and latency of a live run, over the last seconds and from its start; memory does not grow with time."""

from __future__ import annotations

import time

import numpy as np

_LONGEST_MS = 10_000  # latencies are counted by the millisecond up to here


class LiveReport:
    """Counts lines and latencies; `due` says when to show `recent`."""

    def __init__(self, every: float) -> None:
        """``every``: seconds between two reports."""
        self.lines = 0
        self._every = every
        self._begun: float | None = None
        self._since = self._ended = time.monotonic()
        self._recent = np.zeros(_LONGEST_MS + 1, np.int64)
        self._all = np.zeros(_LONGEST_MS + 1, np.int64)
        self._recent_dropped = 0

    def add(self, captured: float) -> float:
        """Count a line written now of a frame taken at ``captured`` (of `time.monotonic`); its latency in seconds."""
        now = time.monotonic()
        if self._begun is None:
            self._begun = self._since = captured
        self.lines, self._ended = self.lines + 1, now
        self._recent[min(max(round(1000 * (now - captured)), 0), _LONGEST_MS)] += 1
        return now - captured

    @property
    def due(self) -> bool:
        """Whether it is time to show `recent`."""
        return self._begun is not None and time.monotonic() - self._since >= self._every

    def recent(self, dropped: int) -> str:
        """What happened since the last call, in words; ``dropped``: frames since the start."""
        now = time.monotonic()
        text = _in_words(self._recent, now - self._since, dropped - self._recent_dropped)
        self._all += self._recent
        self._recent[:] = 0
        self._since, self._recent_dropped = now, dropped
        return text

    def whole(self, dropped: int) -> str:
        """What happened since the start, in words."""
        seconds = 0.0 if self._begun is None else self._ended - self._begun
        counts = self._all + self._recent
        return f"{self.lines} lines in {seconds:.1f} s: {_in_words(counts, seconds, dropped)}"

    def latency_ms(self, share: float) -> float:
        """The latency that this share of all lines did not exceed, in milliseconds; 0 without any."""
        return _quantile(self._all + self._recent, share)


def _in_words(counts: np.ndarray, seconds: float, dropped: int) -> str:
    rate = counts.sum() / seconds if seconds > 0 else 0.0
    latency = f"latency {_quantile(counts, 0.5):.0f} ms, 95 % within {_quantile(counts, 0.95):.0f} ms"
    return f"{rate:.1f} a second, {latency if counts.any() else 'nothing'}, {dropped} frames dropped"


def _quantile(counts: np.ndarray, share: float) -> float:
    total = counts.sum()
    return float(np.searchsorted(np.cumsum(counts), share * total)) if total else 0.0
