"""Region of interest of a pose network: a rotated square round one person.

BlazePose was trained on crops in which the person stands upright: the square is centred on the hips, large enough
for the whole body in any posture, and turned so that the line from the hips to the top of the body points up. It is
built in pixels of the image; built in coordinates normalised by width and height, a portrait video would shear it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from epipose.io.yuv_image import YuvImage
from epipose.network.crops import ROI_MARGIN

Pixels = UInt8[np.ndarray, "height width 3"] | YuvImage  # an RGB image, or one that is made RGB where it is read
SAME_PERSON = 0.15  # centres closer than this share of the larger side belong to one person (about 35 cm)


@dataclass(frozen=True)
class Roi:
    """A square of ``side`` pixels about ``center`` (pixels), turned clockwise by ``angle`` radians."""

    center: Float[np.ndarray, "2"]
    side: float
    angle: float

    @staticmethod
    def whole(width: int, height: int) -> Roi:
        """The smallest upright square round a whole image."""
        return Roi(np.array([width - 1, height - 1]) / 2, float(max(width, height)), 0.0)

    @staticmethod
    def around(hips: Float[np.ndarray, "2"], rim: Float[np.ndarray, "2"]) -> Roi:
        """The square round a body: ``rim`` lies on the circle about the hips that holds it, above the head."""
        x, y = rim - hips
        return Roi(hips.astype(np.float64), float(2 * ROI_MARGIN * np.hypot(x, y)), float(np.arctan2(x, -y)))

    @property
    def box(self) -> Float[np.ndarray, "4"]:
        """As `epipose.network.crops` has boxes: centre, side, angle."""
        return np.array([*self.center, self.side, self.angle])

    @property
    def axes(self) -> Float[np.ndarray, "2 2"]:
        """Rotation that turns directions in the crop into directions in the image."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    def crop(self, image: Pixels, size: int) -> UInt8[np.ndarray, "size size 3"]:
        """The square, upright, sampled at ``size`` x ``size`` pixels; black outside the image."""
        height, width = image.shape[:2]
        shrink = max(1, min(int(self.side / size), width, height))  # a thin image keeps a pixel of its short side
        rows, columns = self._within(height, shrink), self._within(width, shrink, axis=0)
        if shrink >= 2 or not isinstance(image, np.ndarray):
            part = shrunk(image, shrink, rows, columns)  # averaged: bilinear sampling alone would skip pixels
        else:
            part = image[rows, columns]
        center = (self.center - [columns.start, rows.start] + 0.5) / shrink - 0.5
        linear = self.axes * (self.side / shrink / size)
        matrix = np.column_stack([linear, center - linear @ np.full(2, (size - 1) / 2)])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(part, matrix, (size, size), flags=flags).astype(np.uint8, copy=False)

    def _within(self, extent: int, shrink: int, axis: int = 1) -> slice:
        """The rows (or columns, ``axis`` 0) of an image that the square covers, in whole blocks, at least one."""
        block = 2 * shrink  # of pixels of luma, a whole number of those of chroma
        reach = self.side * (abs(math.sin(self.angle)) + abs(math.cos(self.angle))) / 2 + block
        middle = float(self.center[axis])
        last = max(0, (extent - 1) // block)
        first = block * min(max(math.floor((middle - reach) / block), 0), last)
        stop = block * math.ceil((middle + reach + 1) / block)
        return slice(first, min(max(stop, first + block), extent))

    def to_image(self, points: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Points of the square, (0, 0) its upper left and (1, 1) its lower right corner, in pixels of the image."""
        return self.center + ((points - 0.5) * self.side) @ self.axes.T

    def same_person(self, other: Roi) -> bool:
        """Whether two squares lie about the same hips."""
        apart = float(np.hypot(*(self.center - other.center)))
        return apart < SAME_PERSON * max(self.side, other.side)


def shrunk(image: Pixels, factor: int, rows: slice, columns: slice) -> UInt8[np.ndarray, "rows columns 3"]:
    """A part of an image, averaged over blocks of ``factor`` x ``factor`` pixels."""
    if isinstance(image, YuvImage):
        return image.shrunk(factor, rows, columns)
    part = image[rows, columns]
    return cv2.resize(part, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA).astype(np.uint8)
