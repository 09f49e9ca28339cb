"""Images of a video as their decoder stores them: a plane of luma, and two of chroma with half as many rows and columns.

A pose network reads a square of 256 pixels. From a large image that is an average of blocks, and averaging the planes
first and converting the small image to RGB gives the same as the other order, to one level of 255, at a fifth of the
cost. Only images in the one format that nearly all cameras write are read so; others are converted whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Float, UInt8

if TYPE_CHECKING:
    import av

_PLANAR = {"yuv420p": False, "yuvj420p": True}  # whether levels use the full range where the frame does not say
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_KR_KB = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}  # BT.709, BT.2020
_BT601 = (0.299, 0.114)  # also where a video does not say
_ROUNDED_DOWN = np.array([0.9, 1.5, 1.2])  # by FFmpeg's conversion, on average: every network has been fed with that
_ROUNDED_UP = 0.125  # by a halving, which rounds (0, 1, 2, 3) / 4 to (0, 0, 1, 1)
_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True, eq=False)
class YuvImage:
    """One upright image in planes, made into RGB where it is looked at. ``to_rgb``: RGB = to_rgb (y, u, v, 1)."""

    y: UInt8[np.ndarray, "height width"]
    u: UInt8[np.ndarray, "half_height half_width"]
    v: UInt8[np.ndarray, "half_height half_width"]
    to_rgb: Float[np.ndarray, "3 4"]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the image in RGB: height, width, 3."""
        return (*self.y.shape, 3)  # type: ignore[return-value]

    def shrunk(
        self, factor: int, rows: slice = slice(None), columns: slice = slice(None)
    ) -> UInt8[np.ndarray, "rows columns 3"]:
        """RGB of a part whose first row and column are even, averaged over blocks of ``factor`` x ``factor`` pixels."""
        y = _averaged(self.y[rows, columns], factor)
        half_rows, half_columns = _half(rows), _half(columns)
        size = y.shape[::-1]
        u, v = (_resized(plane[half_rows, half_columns], factor, size) for plane in (self.u, self.v))
        to_rgb = self.to_rgb.copy()
        to_rgb[:, 3] -= _ROUNDED_UP * _halvings(factor) * to_rgb[:, 0]
        return cv2.transform(cv2.merge([y, u, v]), to_rgb).astype(np.uint8, copy=False)


def yuv_image(image: av.VideoFrame, turns: int) -> YuvImage | None:
    """A decoded frame, turned counter-clockwise by quarters; None for another format, or an odd number of pixels."""
    name = image.format.name
    if name not in _PLANAR or image.width % 2 or image.height % 2:
        return None
    planes = [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in image.planes
    ]
    upright = [plane if turns == 0 else cv2.rotate(plane, _TURNS[turns]) for plane in planes]
    full = _PLANAR[name] or image.color_range == _FULL_RANGE
    return YuvImage(*upright, _matrix(int(image.colorspace), full))  # type: ignore[arg-type]


def _matrix(space: int, full: bool) -> Float[np.ndarray, "3 4"]:
    """RGB from (y, u, v, 1), all in levels of 0 to 255, by the standard's weights of red and blue in luma."""
    red, blue = _KR_KB.get(space, _BT601)
    green = 1 - red - blue
    luma, chroma = (1.0, 1.0) if full else (255 / 219, 255 / 224)
    of_v, of_u = 2 * (1 - red) * chroma, 2 * (1 - blue) * chroma
    linear = np.array([[luma, 0, of_v], [luma, -of_u * blue / green, -of_v * red / green], [luma, of_u, 0]])
    black = np.array([0.0 if full else 16.0, 128.0, 128.0])
    return np.column_stack([linear, -linear @ black - _ROUNDED_DOWN])


def _half(extent: slice) -> slice:
    start, stop = (None if end is None else (end + 1) // 2 for end in (extent.start, extent.stop))
    return slice(start, stop)


def _halvings(factor: int) -> int:
    """How often a factor can be halved."""
    return (factor & -factor).bit_length() - 1


def _averaged(plane: UInt8[np.ndarray, "_ _"], factor: int) -> UInt8[np.ndarray, "_ _"]:
    """Means of blocks; halved as often as that goes, which vectors do fastest."""
    while factor % 2 == 0 and plane.shape[0] % 2 == 0 and plane.shape[1] % 2 == 0:
        plane = cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        factor //= 2
    if factor == 1:
        return plane
    return cv2.resize(plane, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _resized(plane: UInt8[np.ndarray, "_ _"], factor: int, size: tuple[int, int]) -> UInt8[np.ndarray, "_ _"]:
    """A plane of chroma at the size of the shrunk luma."""
    if factor % 2 == 0:
        plane = _averaged(plane, factor // 2)
    elif factor > 1:
        plane = cv2.resize(plane, None, fx=2 / factor, fy=2 / factor, interpolation=cv2.INTER_AREA).astype(np.uint8)
    if plane.shape[::-1] == size:
        return plane
    return cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)
