"""Augmentation of training samples that keeps image and label consistent.

One affine map takes the stored crop to the network's input and (u, v) with it: the image is resampled once. Depth
scales with the image, as (u, v, d) of `epipose.network.crops` is made for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8


@dataclass(frozen=True)
class Variation:
    """A random variation of a sample: (u, v) go to ``linear`` (u, v) + ``offset``, depth to ``factor`` x depth.

    ``gains``: of the colour channels. ``flipped``: the image is flipped first, left and right change places.
    ``occluded``: patches hide a part of the image.
    """

    linear: Float[np.ndarray, "2 2"]
    offset: Float[np.ndarray, "2"]
    factor: float
    gains: Float[np.ndarray, "3"]
    flipped: bool
    occluded: bool

    def image(
        self, stored: UInt8[np.ndarray, "stored stored 3"], size: int, rng: np.random.Generator, *, window: float
    ) -> UInt8[np.ndarray, "size size 3"]:
        """The varied image of size x size; ``rng`` draws the patches."""
        image = _warped(stored, self.linear, self.offset, size, window)
        if self.occluded:
            _occlude(image, rng)
        brightened = np.clip(np.arange(256)[:, None] * self.gains, 0, 255).astype(np.uint8)
        return cv2.LUT(image, brightened[None])

    def pose(
        self, uvd: Float[np.ndarray, "joint 3"], weight: Float[np.ndarray, "joint 2"], flip_order: Sequence[int]
    ) -> tuple[Float[np.ndarray, "joint 3"], Float[np.ndarray, "joint 2"]]:
        """The varied (u, v, d) and its weights: 0 for joints that leave the crop, where the network cannot point."""
        if self.flipped:
            uvd, weight = uvd[list(flip_order)], weight[list(flip_order)]
        moved = np.concatenate([uvd[:, :2] @ self.linear.T + self.offset, self.factor * uvd[:, 2:]], -1)
        moved = moved.astype(np.float32)
        return moved, weight * (np.abs(moved) < 0.5).all(-1, keepdims=True)


def random_variation(
    rng: np.random.Generator,
    *,
    rotation: float = math.pi / 6,
    scale: tuple[float, float] = (0.8, 1.2),
    shift: float = 0.05,
    colour: tuple[float, float] = (0.8, 1.2),
    occlusion: float = 0.5,
    flip: float = 0.0,
) -> Variation:
    """A variation within these ranges.

    ``rotation`` is the largest angle in radians either way, ``scale`` and ``colour`` (per channel) are ranges of factors,
    ``shift`` is the largest shift in crop widths; ``occlusion`` and ``flip`` are probabilities.
    """
    angle = rng.uniform(-rotation, rotation)
    factor = math.exp(rng.uniform(math.log(scale[0]), math.log(scale[1])))
    offset = rng.uniform(-shift, shift, 2)
    gains = rng.uniform(*colour, 3)
    flipped, occluded = rng.random() < flip, rng.random() < occlusion
    linear = factor * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return Variation(linear @ np.diag([-1.0, 1.0]) if flipped else linear, offset, factor, gains, flipped, occluded)


def augment(
    stored: UInt8[np.ndarray, "stored stored 3"],
    uvd: Float[np.ndarray, "joint 3"],
    weight: Float[np.ndarray, "joint 2"],
    size: int,
    rng: np.random.Generator,
    *,
    window: float,
    flip_order: Sequence[int],
    **ranges: Any,
) -> tuple[UInt8[np.ndarray, "size size 3"], Float[np.ndarray, "joint 3"], Float[np.ndarray, "joint 2"]]:
    """A random variation of one sample: image of size x size, (u, v, d), weights (of (u, v) and of d).

    ``stored`` shows ``window`` x the box, so that there is image to turn and shift into view. ``ranges`` are those of
    `random_variation`. ``flip_order`` says where each joint's label comes from in the flipped image. Joints that leave
    the crop get weight 0: the network cannot point there.
    """
    variation = random_variation(rng, **ranges)
    moved, kept = variation.pose(uvd, weight, flip_order)
    return variation.image(stored, size, rng, window=window), moved, kept


def centre(stored: UInt8[np.ndarray, "stored stored 3"], size: int, window: float) -> UInt8[np.ndarray, "size size 3"]:
    """The box itself, without variation, out of a stored crop that shows ``window`` x the box."""
    return _warped(stored, np.eye(2), np.zeros(2), size, window)


def _warped(stored: np.ndarray, linear: np.ndarray, offset: np.ndarray, size: int, window: float) -> np.ndarray:
    """Resample so that what was at (u, v) stands at ``linear`` (u, v) + ``offset``; both in crop widths."""
    inverse = np.linalg.inv(linear)
    per_width = len(stored) / window  # stored pixels in one crop width
    stored_from_input = np.empty((2, 3))
    stored_from_input[:, :2] = inverse * per_width / size
    first_uv = inverse @ ((0.5 / size - 0.5) - offset)  # (u, v) seen by the input's pixel (0, 0)
    stored_from_input[:, 2] = first_uv * per_width + len(stored) / 2 - 0.5
    return cv2.warpAffine(stored, stored_from_input, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _occlude(image: np.ndarray, rng: np.random.Generator) -> None:
    """Cover one to three rectangles in place, each with a flat colour or with another part of the same image."""
    size = len(image)
    for _ in range(rng.integers(1, 4)):
        height, width = rng.integers(size // 10, size // 3, 2)
        top, left = rng.integers(0, size - height), rng.integers(0, size - width)
        if rng.random() < 0.5:
            patch = rng.integers(0, 256, 3)
        else:
            y, x = rng.integers(0, size - height), rng.integers(0, size - width)
            patch = image[y : y + height, x : x + width].copy()
        image[top : top + height, left : left + width] = patch
