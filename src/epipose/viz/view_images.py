"""Images of the views at moments evenly spread over a recording, small ones, so many that memory stays bounded.

A viewer of an hour of footage cannot decode it before the first page. So the images are read in order of time, all
views together, in the background where somebody waits; until one is there the last one before it is shown.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import UInt8

from epipose.clip import Clip, View
from epipose.errors import EpiposeError
from epipose.io.progress import progress

log = logging.getLogger("epipose")


def image_moments(frames: range, views: int, images: int) -> list[int]:
    """Moments at which images are shown: evenly spread, at most ``images`` over all views, the first one included."""
    return list(frames[:: max(1, math.ceil(len(frames) * views / images))])


class ViewImages:
    """Images of all views at some moments of a clip, at most ``width`` pixels on the longer side."""

    def __init__(self, clip: Clip, moments: Sequence[int], width: int) -> None:
        """Read nothing yet: call `read`, or `read_in_background`."""
        self.clip, self.moments, self.width = clip, list(moments), width
        self._there: list[list[UInt8[np.ndarray, "height width 3"]]] = []  # by moment and view
        self._stopped = threading.Event()

    def read(self) -> None:
        """Read all images, with its progress where that takes a while; errors as those of `Clip.read`."""
        for images in progress(self._moments_read(), desc="images", total=len(self.moments), unit="moment"):
            self._there.append(images)

    def read_in_background(self) -> None:
        """Begin to read the images; a video that breaks off is logged, and its clip shown without further images."""
        threading.Thread(target=self._read_until_stopped, daemon=True, name="epipose images").start()

    def stop(self) -> None:
        """Stop to read, at the next moment."""
        self._stopped.set()

    def at(self, frame: int) -> tuple[int, list[UInt8[np.ndarray, "height width 3"]]] | None:
        """The latest images at or before a frame that are there, one per view, and their number; None before any."""
        number = int(np.searchsorted(self.moments, frame, side="right"))
        number = min(number, len(self._there)) - 1
        return (number, self._there[number]) if number >= 0 else None

    def _read_until_stopped(self) -> None:
        try:
            for images in self._moments_read():
                if self._stopped.is_set():
                    return
                self._there.append(images)
        except EpiposeError as error:
            log.warning("No further images are shown: %s", error)

    def _moments_read(self) -> Iterator[list[UInt8[np.ndarray, "height width 3"]]]:
        streams = [self._shrunk(view) for view in self.clip.views]
        return (list(images) for images in zip(*streams, strict=True))

    def _shrunk(self, view: View) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        import cv2

        shrink = self.width / max(view.width, view.height)
        size = (max(1, round(view.width * shrink)), max(1, round(view.height * shrink)))
        for image in self.clip.read(view, self.moments):
            yield cv2.resize(image, size, interpolation=cv2.INTER_AREA)
