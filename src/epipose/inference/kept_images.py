"""Images of a source made small and kept until their poses are known, so that nothing is decoded twice to be drawn on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from epipose.errors import EpiposeError
from epipose.io.image_source import ImageSource
from epipose.io.write_errors import writing_to
from epipose.viz.overlay import shrunk

MAX_SHEET_IMAGES = 12  # on a contact sheet
_QUALITY = 95  # of the JPEG images on disk


class KeptImages:
    """Every image of a video, as JPEG in a file without a name; of photos those for the sheet, in memory.

    The file goes with the process, whatever ends it. Memory does not grow with the length of a video.
    """

    def __init__(self, images: ImageSource, folder: Path) -> None:
        """``folder`` is where the file lies."""
        video = images.fps is not None
        self._wanted = None if video else set(sheet_rows(images.total))
        self._small: dict[int, np.ndarray] = {}
        self._ends: list[int] = [0]
        self._count = 0
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder) if video else None  # noqa: SIM115  (closed in `close`)

    def add(self, image: UInt8[np.ndarray, "height width 3"]) -> None:
        """Keep the next image."""
        if self._wanted is not None and self._count in self._wanted:
            self._small[self._count] = shrunk(image)
        if self._file is not None:
            # OpenCV takes red for blue, here and when it reads: that costs nothing, and turning them round would
            done, jpeg = cv2.imencode(".jpg", shrunk(image), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            if not done:
                raise EpiposeError("OpenCV could not write a JPEG image. Install opencv-python-headless again.")
            with writing_to(self._folder):
                self._file.write(jpeg.tobytes())
            self._ends.append(self._ends[-1] + len(jpeg))
        self._count += 1

    def __iter__(self) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
        """The kept images with their numbers, in order."""
        yield from self._small.items()
        if self._file is None:
            return
        self._file.seek(0)
        for number in range(self._count):
            jpeg = self._file.read(self._ends[number + 1] - self._ends[number])
            image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert image is not None  # it was written here
            yield number, image

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


def sheet_rows(count: int) -> list[int]:
    """Which of so many images are on a contact sheet: evenly spread ones."""
    return np.linspace(0, count - 1, min(count, MAX_SHEET_IMAGES)).round().astype(int).tolist()
