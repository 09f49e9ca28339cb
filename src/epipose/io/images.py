"""What there is to look at: a photo, a folder of photos, or a video, as a stream of images that can be had again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from epipose.errors import EpiposeError
from epipose.io.files import replacing
from epipose.io.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES, probe, read_frames, read_image


@dataclass(frozen=True)
class Images:
    """RGB images of one source, decoded anew at every call of ``read``: memory does not grow with their number."""

    names: tuple[str, ...] | None  # None for a video, whose frames have numbers
    total: int  # how many there are; for a video what its header says, which may be a frame or two off
    read: Callable[[], Iterator[np.ndarray]]
    fps: float | None  # None for photos, which have nothing to do with each other


def images_in(source: Path) -> Images:
    """The images of a file or folder; raises EpiposeError where there is none."""
    if not source.exists():
        raise EpiposeError(f"There is no file or folder {source}.")
    if source.is_dir():
        paths = sorted(path for path in source.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        if not paths:
            raise EpiposeError(f"The folder {source} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))}).")
        return Images(tuple(path.name for path in paths), len(paths), lambda: map(read_image, paths), None)
    if source.suffix.lower() in VIDEO_SUFFIXES:
        info = probe(source)
        return Images(None, info.frames, lambda: read_frames(source), info.fps)
    return Images((source.name,), 1, lambda: iter([read_image(source)]), None)


def write_image(path: Path, image: UInt8[np.ndarray, "height width 3"]) -> None:
    """Write an RGB image in the format of the suffix, whole or not at all."""
    from PIL import Image

    with replacing(path) as part:
        Image.fromarray(image).save(part)
