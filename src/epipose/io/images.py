"""Image files: photos and folders of numbered images, read as RGB arrays and written whole or not at all."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from epipose.errors import InputError
from epipose.io.files import AnyPath, replacing
from epipose.io.guard import reading

if TYPE_CHECKING:
    from PIL import Image

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
LARGEST_SIDE = 100_000  # pixels: no image or camera is wider or higher
MOST_PIXELS = 200_000_000  # of an image: 600 MB as RGB


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

    A damaged EXIF turns nothing. Raises InputError where there is no file and for an image of over 200 million pixels,
    DamagedFileError where it is no image.
    """
    path = Path(path)
    with reading(path, f"an image ({', '.join(sorted(IMAGE_SUFFIXES))})"), _opened(path) as image:
        image.load()
        upright = _turned(image)
        if upright.mode == "I" or upright.mode.startswith("I;16"):  # convert would cut everything above 255 off
            gray = (np.asarray(upright) / 257).round().clip(0, 255).astype(np.uint8)
            return np.repeat(gray[..., None], 3, axis=-1)
        return np.asarray(upright.convert("RGB"))


def _opened(path: Path) -> Image.Image:
    """An image of which only the header is read; InputError for one that would take too much memory."""
    from PIL import Image

    try:
        image = Image.open(path)
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} is too large an image ({error}). Scale it down.") from error
    if image.width * image.height > MOST_PIXELS:
        size = f"{image.width}x{image.height} pixels, at most {MOST_PIXELS:,} are read"
        image.close()
        raise InputError(f"{path} is too large an image ({size}). Scale it down.")
    return image


def _turned(image: Image.Image) -> Image.Image:
    """The image turned upright as its EXIF asks, or as it is where that cannot be read."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the pixels are whole; EXIF is a file of its own inside the file, and its parser raises anything
        return image


def write_image(path: AnyPath, image: UInt8[np.ndarray, "height width 3"]) -> None:
    """Write an RGB image in the format of the suffix, whole or not at all."""
    from PIL import Image

    suffix = Path(path).suffix.lower()
    kind = Image.registered_extensions().get(suffix)
    if kind is None:
        raise InputError(f"{path} has the ending '{suffix}', of no image format. Give one such as .png or .jpg.")
    content = io.BytesIO()  # Pillow itself would not notice that a full disk took only the beginning of a file
    Image.fromarray(image).save(content, kind)
    with replacing(path) as part:
        part.write_bytes(content.getvalue())


def _is_image(name: str) -> bool:
    return name[0] != "." and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _split(name: str) -> list[str]:
    """A name cut into its numbers and what is between them."""
    return re.split(r"(\d+)", name)
