"""Augmentation of training samples that keeps image and label consistent.

One affine map takes the stored crop to the network's input and (u, v) with it: the image is resampled once. Depth
scales with the image, as (u, v, d) of `epipose.network.crops` is made for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8


def augment(
    stored: UInt8[np.ndarray, "stored stored 3"],
    uvd: Float[np.ndarray, "joint 3"],
    weight: Float[np.ndarray, "joint 2"],
    size: int,
    rng: np.random.Generator,
    *,
    window: float,
    flip_order: Sequence[int],
    rotation: float = math.pi / 6,
    scale: tuple[float, float] = (0.8, 1.2),
    shift: float = 0.05,
    colour: tuple[float, float] = (0.8, 1.2),
    occlusion: float = 0.5,
    flip: float = 0.0,
) -> tuple[UInt8[np.ndarray, "size size 3"], Float[np.ndarray, "joint 3"], Float[np.ndarray, "joint 2"]]:
    """A random variation of one sample: image of size x size, (u, v, d), weights (of (u, v) and of d).

    ``stored`` shows ``window`` x the box, so that there is image to turn and shift into view. ``rotation`` is the
    largest angle in radians either way, ``scale`` and ``colour`` (per channel) are ranges of factors, ``shift`` the
    largest shift in crop widths; ``occlusion`` and ``flip`` are probabilities. ``flip_order`` says where each joint's
    label comes from in the flipped image. Joints that leave the crop get weight 0: the network cannot point there.
    """
    angle = rng.uniform(-rotation, rotation)
    factor = math.exp(rng.uniform(math.log(scale[0]), math.log(scale[1])))
    offset = rng.uniform(-shift, shift, 2)
    gains = rng.uniform(*colour, 3)
    flipped, occluded = rng.random() < flip, rng.random() < occlusion

    linear = factor * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    if flipped:
        uvd, weight = uvd[list(flip_order)], weight[list(flip_order)]
        linear = linear @ np.diag([-1.0, 1.0])
    image = _warped(stored, linear, offset, size, window)
    if occluded:
        _occlude(image, rng)
    brightened = np.clip(np.arange(256)[:, None] * gains, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, brightened[None])
    moved = np.concatenate([uvd[:, :2] @ linear.T + offset, factor * uvd[:, 2:]], -1).astype(np.float32)
    return image, moved, weight * (np.abs(moved) < 0.5).all(-1, keepdims=True)


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
