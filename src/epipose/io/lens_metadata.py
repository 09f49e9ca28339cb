"""Focal length from EXIF and video metadata: an initial value with an uncertainty, never ground truth.

Images carry EXIF, videos of some phones a line in the container. Both speak of the focal length in terms of 35 mm
film: the angle from corner to corner is that of a frame of 36 x 24 mm. That holds for the whole image of a still
camera. A video is cut from the sensor's image, by its shape and by stabilisation, and its file goes on quoting the
lens; phones' sensors are 4:3, so a wider video is taken to span their full width, and what stabilisation cuts off is
unknown (it makes the actual focal length in pixels longer). Hence every answer comes with a relative error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from epipose.io.decoding import open_video
from epipose.io.files import AnyPath
from epipose.io.guard import reading
from epipose.io.images import IMAGE_SUFFIXES, frame_files

if TYPE_CHECKING:
    from PIL import Image

_FILM_DIAGONAL = math.hypot(36, 24)  # mm
_QUICKTIME_FOCAL = (
    "focal_length.35mm_equivalent"  # Apple's key, com.apple.quicktime.camera.focal_length.35mm_equivalent
)
_FILM_FOCAL_RANGE = (
    5.0,
    600.0,
)  # mm in terms of 35 mm film: from the widest action camera to the longest lens one films with

# Tags of the Exif standard (CIPA DC-008), and the lengths of its resolution units in millimetres.
_EXIF, _FOCAL, _FOCAL_35, _PLANE_X, _PLANE_UNIT, _EXIF_WIDTH, _EXIF_HEIGHT = (
    0x8769, 37386, 41989, 41486, 41488, 40962, 40963,
)  # fmt: skip
_UNITS = {2: 25.4, 3: 10.0}


class FocalLength(NamedTuple):
    """A focal length in pixels of the size asked for, its relative standard deviation, and where it was read."""

    pixels: float
    sigma: float
    source: str


def focal_from(path: AnyPath, width: int, height: int) -> FocalLength | None:
    """The focal length that an image or video states, for its images of ``width`` x ``height`` pixels.

    Of a folder of images the first is asked. None where it states none, or an absurd one. Raises
    DamagedFileError for a file that cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        path = path / frame_files(path)[0]
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return _of_image(path, width, height)
    return _of_video(path, width, height)


def _of_image(path: Path, width: int, height: int) -> FocalLength | None:
    from PIL import Image

    with reading(path, "an image"), Image.open(path) as image:
        size = image.size
        exif = _exif(image)
    lens, per_unit = _number(exif.get(_FOCAL)), _number(exif.get(_PLANE_X))
    unit = _UNITS.get(int(_number(exif.get(_PLANE_UNIT, 2))))
    if lens and per_unit and unit:
        taken = max(_number(exif.get(_EXIF_WIDTH)), _number(exif.get(_EXIF_HEIGHT))) or max(size)
        pixels = lens * per_unit / unit * max(width, height) / taken
        if _plausible(pixels * _FILM_DIAGONAL / math.hypot(width, height)):
            return FocalLength(pixels, 0.05, f"EXIF of {path.name}: a lens of {lens:g} mm and the sensor's resolution")
    film = _number(exif.get(_FOCAL_35))
    if not _plausible(film):
        return None
    pixels = film / _FILM_DIAGONAL * math.hypot(width, height)
    return FocalLength(pixels, 0.07, f"EXIF of {path.name}: {film:g} mm in terms of 35 mm film")


def _exif(image: Image.Image) -> Mapping[int, Any]:
    """The tags of the camera in an image's EXIF; none where it cannot be read, for the image may be whole."""
    try:
        return image.getexif().get_ifd(_EXIF)
    except Exception:  # of the parser of a file inside the file
        return {}


def _of_video(path: Path, width: int, height: int) -> FocalLength | None:
    with reading(path, "a video", "Copy or re-encode it."), open_video(path) as container:
        tags = [container.metadata, *(stream.metadata for stream in container.streams.video)]
    stated = [value for tag in tags for key, value in tag.items() if key.lower().endswith(_QUICKTIME_FOCAL)]
    film = _number(stated[0]) if stated else 0.0
    if not _plausible(film):
        return None
    long, short = max(width, height), min(width, height)
    diagonal = math.hypot(long, max(short, 0.75 * long))  # of the 4:3 sensor whose full width the video spans
    return FocalLength(film / _FILM_DIAGONAL * diagonal, 0.15, f"{path.name} states {film:g} mm in terms of 35 mm film")


def _number(value: object) -> float:
    """A number out of EXIF or text; 0 for what is none."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except Exception:  # EXIF may hold anything, such as a fraction over 0
        return 0.0
    return number if math.isfinite(number) else 0.0


def _plausible(film: float) -> bool:
    return _FILM_FOCAL_RANGE[0] <= film <= _FILM_FOCAL_RANGE[1]
