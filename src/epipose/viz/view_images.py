"""Small images of a clip's views as JPEG: those of moments evenly spread for a file, any single one for a live page.

A viewer of an hour of footage can neither hold all images nor decode them before the first page. A file holds so many
that it stays small; a page that is served asks for the image that it shows next, and of every view one reader stays
open where the last image was, because the next one is mostly a few frames on.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import UInt8

from epipose.clip import Clip, View
from epipose.errors import DamagedFileError
from epipose.io.progress import progress

_QUALITY = 78  # of JPEG, of 100
_KEPT = 800  # images in memory: about 20 MB
_AHEAD = 90  # frames that are decoded on the way to the next image, rather than opening the video again
_STRETCH = 600  # frames for which a video is opened


def image_moments(frames: range, views: int, images: int) -> list[int]:
    """Moments at which images are shown: evenly spread, at most ``images`` over all views, the first one included."""
    return list(frames[:: max(1, math.ceil(len(frames) * views / images))])


def jpegs(clip: Clip, moments: Sequence[int], width: int) -> list[list[bytes]]:
    """The images of all views at some moments, at most ``width`` pixels on the longer side, by view and moment.

    Shows its progress where that takes a while. Raises as `Clip.read`.
    """
    found: list[list[bytes]] = [[] for _ in clip.views]
    streams = [clip.read(view, list(moments)) for view in clip.views]
    for images in progress(zip(*streams, strict=True), desc="images", total=len(moments), unit="moment"):
        for kept, image, view in zip(found, images, clip.views, strict=True):
            kept.append(jpeg(image, view, width))
    return found


def jpeg(image: UInt8[np.ndarray, "height width 3"], view: View, width: int) -> bytes:
    """An RGB image of a view as JPEG, at most ``width`` pixels on the longer side."""
    import cv2

    done, data = cv2.imencode(".jpg", shrunk_to(image, view, width)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done
    return data.tobytes()


def shrunk_to(image: UInt8[np.ndarray, "height width 3"], view: View, width: int) -> UInt8[np.ndarray, "_h _w 3"]:
    """An image of a view, at most ``width`` pixels on the longer side."""
    import cv2

    shrink = min(1.0, width / max(view.width, view.height))
    size = (max(1, round(view.width * shrink)), max(1, round(view.height * shrink)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


class LiveImages:
    """Single images of a clip's views, decoded when they are asked for, from any thread."""

    def __init__(self, clip: Clip, width: int) -> None:
        """Open nothing yet. ``width``: of an image's longer side at most, pixels."""
        self.clip, self.width = clip, width
        self._readers = [_Reader(clip, view) for view in clip.views]
        self._kept = OrderedDict[tuple[int, int], bytes]()
        self._lock = Lock()

    def jpeg(self, view: int, frame: int) -> bytes:
        """The image of a view (by index) at a frame of the clip. Raises DamagedFileError where it cannot be read."""
        with self._lock:
            if (view, frame) in self._kept:
                self._kept.move_to_end((view, frame))
                return self._kept[view, frame]
        data = jpeg(self._readers[view].read(frame), self.clip.views[view], self.width)
        with self._lock:
            self._kept[view, frame] = data
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return data


class _Reader:
    """An open video of a view, at the frame after the last one that was read."""

    def __init__(self, clip: Clip, view: View) -> None:
        self._clip, self._view, self._lock = clip, view, Lock()
        self._images: Iterator[Any] = iter(())
        self._next = self._end = 0

    def read(self, frame: int) -> UInt8[np.ndarray, "height width 3"]:
        with self._lock:
            if not self._next <= frame < min(self._next + _AHEAD, self._end):
                stretch = range(frame, min(frame + _STRETCH, self._clip.frames))
                self._images = iter(self._view.images_of(self._clip.frame_numbers(self._view, stretch).tolist()))
                self._next, self._end = frame, stretch.stop
            for image in self._images:
                self._next += 1
                if self._next > frame:
                    return image.rgb()
            self._end = 0
            raise DamagedFileError(f"{self._view.video} ends before frame {frame} of the clip. Make the clip again.")
