"""Image degradation between scene and file: occluders, lens blur, exposure, sensor noise, compression.

A real image is never as clean as a rendered one, and a network trained on clean ones alone does worse on it. An
`Imaging` holds one camera's effects for the length of a clip; what changes from frame to frame (the noise) comes from
the generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from epipose.studio.patterns import random_pattern

Image = UInt8[np.ndarray, "height width 3"]
_LUMA = (0.299, 0.587, 0.114)  # how bright red, green and blue look
_MIDDLE_GREY = 110.0  # what a light meter makes of a scene
_NOISE_OFFSETS = 256  # offsets along each axis of the noise image


@dataclass(frozen=True)
class Imaging:
    """One camera's effects. ``gain`` per channel, ``gamma``; ``blur`` of the lens (sigma, pixels); ``noise`` (sigma,
    grey levels); ``shutter``: seconds that it is open (0: no motion blur); ``quality`` of JPEG, 0: none. ``metering``:
    how far the exposure follows the scene, from 0 (not at all) to 1 (every image comes out middle grey).
    """

    gain: Float[np.ndarray, "3"]
    gamma: float
    blur: float
    noise: float
    shutter: float
    quality: int
    metering: float = 0.0


@dataclass(frozen=True)
class Occluder:
    """A static occluder before the person: its image and its mask."""

    image: Image
    mask: Bool[np.ndarray, "height width"]


def random_imaging(rng: np.random.Generator, height: int) -> Imaging:
    """Effects of a random camera; blur grows with the image's height."""
    exposure = np.exp(rng.normal(0, 0.2))
    unit = max(height / 384, 0.4)
    return Imaging(
        gain=np.clip(exposure * (1 + rng.normal(0, 0.06, 3)), 0.35, 2.2),
        gamma=float(np.exp(rng.normal(0, 0.18))),
        blur=float(unit * (0.4 + rng.exponential(0.35))) if rng.random() < 0.8 else 0.0,
        noise=float(min(rng.exponential(3.0), 12.0)),
        shutter=float(rng.uniform(0.008, 0.04)) if rng.random() < 0.3 else 0.0,
        quality=int(rng.integers(35, 96)) if rng.random() < 0.7 else 0,
        metering=float(rng.uniform(0.3, 0.9)),
    )


def random_occluder(
    rng: np.random.Generator, size: tuple[int, int], box: Float[np.ndarray, "3"], share: float = 0.3
) -> Occluder | None:
    """With probability ``share`` one to three occluders over a part of the box (centre x, y, side; pixels)."""
    if rng.random() >= share:
        return None
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(1, 4)):
        place = box[:2] + rng.uniform(-0.55, 0.55, 2) * box[2]
        half = np.exp(rng.uniform(np.log(0.04), np.log(0.2), 2)) * box[2]
        kind = rng.integers(3)
        if kind == 0:
            cv2.ellipse(mask, (*_whole(place),), (*_whole(half),), float(rng.uniform(0, 180)), 0, 360, 1, -1)
        elif kind == 1:  # a post from the floor or from above
            top = rng.random() < 0.3
            rows = (0, int(place[1])) if top else (int(place[1]), height)
            cv2.rectangle(mask, (int(place[0] - half[0] / 2), rows[0]), (int(place[0] + half[0] / 2), rows[1]), 1, -1)
        else:
            corners = cv2.boxPoints((tuple(place.tolist()), tuple((2 * half).tolist()), float(rng.uniform(0, 90))))
            cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
    texture = cv2.resize(random_pattern(rng, 128), (width, height), interpolation=cv2.INTER_LINEAR)
    shade = (0.5 + np.linspace(0, 0.6, width) * rng.uniform(-0.8, 1))[None, :, None]
    return Occluder(np.clip(texture * shade, 0, 255).astype(np.uint8), mask.astype(bool))


def imaged(
    image: Image,
    imaging: Imaging,
    rng: np.random.Generator,
    occluder: Occluder | None = None,
    smear: Float[np.ndarray, "2"] | None = None,
) -> Image:
    """The image as the camera would have stored it; ``smear``: motion of the whole image during exposure, pixels."""
    if smear is not None:
        image = cv2.filter2D(image, -1, _line(smear))
    if occluder is not None:
        image = np.where(occluder.mask[..., None], occluder.image, image)
    if imaging.blur > 0:
        image = cv2.GaussianBlur(image, (0, 0), imaging.blur)
    brightness = max(float(np.dot(cv2.mean(image)[:3], _LUMA)), 1.0)
    exposure = (_MIDDLE_GREY / brightness) ** imaging.metering
    levels = np.clip(exposure, 0.5, 3.0) * np.arange(256)[:, None] / 255
    curve = 255 * np.clip(imaging.gain * levels, 0, 1) ** imaging.gamma
    image = cv2.LUT(image, np.ascontiguousarray(np.rint(curve).astype(np.uint8)[None]))
    if imaging.noise > 0.3:
        image = cv2.add(image, _noise_like(image, imaging.noise, rng), dtype=cv2.CV_8U)
    if imaging.quality > 0:
        coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, imaging.quality])[1]
        decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert decoded is not None  # we encoded it
        image = np.ascontiguousarray(decoded[..., ::-1])
    return image


def _noise_like(image: Image, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Grey-level noise: a window of a fixed noise image at a random offset."""
    height, width = image.shape[:2]
    top, left = rng.integers(0, _NOISE_OFFSETS, 2)
    return _noise_sheet(height + _NOISE_OFFSETS, width + _NOISE_OFFSETS)[
        top : top + height, left : left + width
    ] * np.float32(sigma)


@lru_cache(maxsize=4)
def _noise_sheet(height: int, width: int) -> np.ndarray:
    """Unit noise, half of it shared by the channels."""
    rng = np.random.default_rng(0)
    own = rng.standard_normal((height, width, 3), dtype=np.float32)
    return (own + rng.standard_normal((height, width, 1), dtype=np.float32)) / np.float32(np.sqrt(2))


def _line(way: Float[np.ndarray, "2"]) -> np.ndarray:
    """A kernel that averages along a line, centred so that nothing moves on average."""
    half = int(np.ceil(np.abs(way).max() / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    ends = [tuple(int(v) for v in np.rint(half + sign * way / 2)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA)
    kernel += kernel[::-1, ::-1]  # exactly symmetric
    return kernel / kernel.sum()


def _whole(values: np.ndarray) -> tuple[int, ...]:
    return tuple(int(max(value, 1)) for value in values)
