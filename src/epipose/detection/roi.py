"""Region of interest of a pose network: a rotated square round one person.

BlazePose was trained on crops in which the person stands upright: the square is centred on the hips, large enough
for the whole body in any posture, and turned so that the line from the hips to the top of the body points up. It is
built in pixels of the image; built in coordinates normalised by width and height, a portrait video would shear it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from epipose.network.crops import ROI_MARGIN

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

    def crop(self, image: UInt8[np.ndarray, "height width 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
        """The square, upright, sampled at ``size`` x ``size`` pixels; black outside the image."""
        shrink = min(int(self.side / size), *image.shape[:2])  # a thin image keeps a pixel of its short side
        if shrink >= 2:  # average first: bilinear sampling alone would skip pixels
            image = cv2.resize(image, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA).astype(np.uint8)
        else:
            shrink = 1
        center = (self.center + 0.5) / shrink - 0.5
        linear = self.axes * (self.side / shrink / size)
        matrix = np.column_stack([linear, center - linear @ np.full(2, (size - 1) / 2)])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, matrix, (size, size), flags=flags).astype(np.uint8, copy=False)

    def to_image(self, points: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Points of the square, (0, 0) its upper left and (1, 1) its lower right corner, in pixels of the image."""
        return self.center + ((points - 0.5) * self.side) @ self.axes.T

    def same_person(self, other: Roi) -> bool:
        """Whether two squares lie about the same hips."""
        apart = float(np.hypot(*(self.center - other.center)))
        return apart < SAME_PERSON * max(self.side, other.side)
