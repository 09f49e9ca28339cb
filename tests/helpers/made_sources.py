"""Live sources that give made-up frames when a test says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np

from epipose.errors import InputError
from epipose.io.live_source import LiveFrame


class MadeSource:
    """Frames at given seconds, each as soon as ``gate`` lets it pass; images are a number's brightness."""

    fps = 30.0

    def __init__(
        self,
        name: str,
        seconds: list[float],
        *,
        returns: bool = False,
        paced: bool = False,
        gate: Callable[[int], None] = lambda number: None,
        opens: int = 1,
    ) -> None:
        """``opens``: how often it lets itself be opened."""
        self.name, self.returns, self.paced = name, returns, paced
        self._seconds, self._gate, self.opens = seconds, gate, opens

    def open(self) -> None:
        """Count down."""
        self.opens -= 1
        if self.opens < 0:
            raise InputError(f"{self.name} is away.")

    def frames(self, stop: threading.Event) -> Iterator[LiveFrame]:
        """All frames."""
        for number, seconds in enumerate(self._seconds):
            self._gate(number)
            if stop.is_set():
                return
            image = np.full((2, 2, 3), number, np.uint8)
            yield LiveFrame(number, seconds, time.monotonic(), lambda image=image: image)
