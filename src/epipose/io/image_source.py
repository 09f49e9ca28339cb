"""Image sources: a photo, a folder of photos or a video, as a stream of images that can be read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from epipose.errors import InputError
from epipose.io.files import AnyPath
from epipose.io.images import IMAGE_SUFFIXES, read_image
from epipose.io.video import VIDEO_SUFFIXES, probe, read_frames


@dataclass(frozen=True)
class ImageSource:
    """RGB images of one source, decoded anew at every call of ``read``: memory does not grow with their number."""

    names: tuple[str, ...] | None  # None for a video, whose frames have numbers
    total: int  # images; for a video what its header says, which may be a frame or two off
    read: Callable[[], Iterator[np.ndarray]]
    fps: float | None  # None for photos, which are independent of one another
    lost: set[int] = field(default_factory=set)  # numbers of a video's frames that could not be decoded, of those read


def image_source(path: AnyPath) -> ImageSource:
    """The images of a file or folder; raises InputError where there is none."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file or folder {path}.")
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
        if not files:
            raise InputError(f"The folder {path} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))}).")
        return ImageSource(tuple(file.name for file in files), len(files), lambda: map(read_image, files), None)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        info, lost = probe(path), set()
        return ImageSource(None, info.frames, lambda: read_frames(path, lost=lost), info.fps, lost)
    return ImageSource((path.name,), 1, lambda: iter([read_image(path)]), None)
