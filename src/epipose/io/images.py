"""Image files: photos and folders of numbered images, read as RGB arrays and written whole or not at all."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath, replacing

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def frame_files(folder: AnyPath) -> list[str]:
    """The names of a folder's images in the order of frames; none is opened. Raises InputError where there is none."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if _is_image(entry.name)]
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read ({error}). Give a folder of images that can.") from error
    if not names:
        raise InputError(f"The folder {folder} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))}).")
    if len({len(name) for name in names}) > 1:  # numbers without leading zeros: 2 comes before 10
        return sorted(names, key=lambda name: [part.zfill(20) if part.isdigit() else part for part in _split(name)])
    return sorted(names)


def holds_images(folder: AnyPath) -> bool:
    """Whether there is an image in a folder."""
    with os.scandir(folder) as entries:
        return any(_is_image(entry.name) for entry in entries)


def read_image(path: AnyPath) -> UInt8[np.ndarray, "height width 3"]:
    """Read one RGB image, turned upright as its EXIF asks; 16-bit gray is scaled to 8.

    Raises InputError where there is no file, DamagedFileError where it is no image.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode == "I" or upright.mode.startswith("I;16"):  # convert would cut everything above 255 off
                gray = (np.asarray(upright) / 257).round().clip(0, 255).astype(np.uint8)
                return np.repeat(gray[..., None], 3, axis=-1)
            return np.asarray(upright.convert("RGB"))
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} is too large an image ({error}). Scale it down.") from error
    except (UnidentifiedImageError, OSError) as error:
        raise DamagedFileError(
            f"{path} cannot be read as an image ({error}). Expected one of {', '.join(sorted(IMAGE_SUFFIXES))}."
        ) from error


def write_image(path: AnyPath, image: UInt8[np.ndarray, "height width 3"]) -> None:
    """Write an RGB image in the format of the suffix, whole or not at all."""
    from PIL import Image

    with replacing(path) as part:
        Image.fromarray(image).save(part)


def _is_image(name: str) -> bool:
    return name[0] != "." and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _split(name: str) -> list[str]:
    """A name cut into its numbers and what is between them."""
    return re.split(r"(\d+)", name)
