"""Random textures (domain randomisation): cloth, walls and floors that never look the same twice.

A network that was trained on a million different shirts becomes invariant to the shirt. So the aim is not realism but
variety: plain colours, stripes, checks, dots, blotches, and heaps of shapes, in any colours. All textures tile.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Texture = UInt8[np.ndarray, "size size 3"]
Colour = Float[np.ndarray, "3"]


def random_colour(rng: np.random.Generator) -> Colour:
    """An RGB colour in [0, 255] as things have them: more often dull, dark or grey than glaring."""
    grey = rng.uniform(40, 235)  # black cloth sends back 2 % of the light, white paint 85 %
    saturation = rng.beta(1.2, 2.0)
    hue = rng.uniform(0, 255, 3)
    return np.clip(grey + saturation * (hue - hue.mean()) * 1.6, 0, 255)


def smooth_noise(rng: np.random.Generator, size: int, cells: int, octaves: int = 3) -> Float[np.ndarray, "size size"]:
    """Noise in [0, 1] that tiles; its largest blots are size / cells wide, each octave halves that and its strength."""
    total, strength = np.zeros((size, size), np.float32), 0.0
    for octave in range(octaves):
        count = min(cells << octave, size)
        grid = np.pad(rng.random((count, count), dtype=np.float32), 2, mode="wrap")
        step = -(-size // count)
        large = cv2.resize(grid, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        total += 0.5**octave * cv2.resize(large[2 * step : -2 * step, 2 * step : -2 * step], (size, size))
        strength += 0.5**octave
    return np.clip(total / strength, 0, 1)


def random_pattern(rng: np.random.Generator, size: int, plain: float = 0.35) -> Texture:
    """A random texture of random colours; a share ``plain`` of them has one colour, uneven as real cloth is."""
    kinds = (_stripes, _checks, _dots, _blotches, _shapes)
    first, second = random_colour(rng), random_colour(rng)
    kind: Callable = _plain if rng.random() < plain else kinds[rng.integers(len(kinds))]
    image = kind(rng, size, first, second)
    return uneven(rng, image, rng.uniform(0.0, 0.25))


def uneven(rng: np.random.Generator, image: Float[np.ndarray, "size size 3"], strength: float) -> Texture:
    """The texture with its brightness varied by smooth noise, by up to half of ``strength`` either way."""
    shade = 1 + strength * (smooth_noise(rng, len(image), int(rng.integers(3, 20))) - 0.5)
    return np.clip(image * shade[..., None], 0, 255).astype(np.uint8)


def _plain(rng: np.random.Generator, size: int, first: Colour, second: Colour) -> np.ndarray:
    return np.broadcast_to(first, (size, size, 3))


def _mixed(first: Colour, second: Colour, share: np.ndarray) -> np.ndarray:
    return first + share[..., None] * (second - first)


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows in [0, 1)."""
    steps = (np.arange(size) + 0.5) / size
    return steps[None, :], steps[:, None]


def _stripes(rng: np.random.Generator, size: int, first: Colour, second: Colour) -> np.ndarray:
    x, y = _grid(size)
    across, along = ((0, 1), (1, 0), (1, 1), (1, -1))[rng.integers(4)]
    phase = (int(rng.integers(2, 12)) * (across * x + along * y)) % 1
    return _mixed(first, second, np.broadcast_to(phase < rng.uniform(0.15, 0.6), (size, size)).astype(float))


def _checks(rng: np.random.Generator, size: int, first: Colour, second: Colour) -> np.ndarray:
    x, y = _grid(size)
    count, width = int(rng.integers(2, 10)), rng.uniform(0.2, 0.6)
    columns, rows = (count * x) % 1 < width, (count * y) % 1 < width
    return _mixed(first, second, (columns.astype(float) + rows) / 2)


def _dots(rng: np.random.Generator, size: int, first: Colour, second: Colour) -> np.ndarray:
    x, y = _grid(size)
    count = int(rng.integers(3, 12))
    inside = ((count * x) % 1 - 0.5) ** 2 + ((count * y) % 1 - 0.5) ** 2 < rng.uniform(0.15, 0.42) ** 2
    return _mixed(first, second, inside.astype(float))


def _blotches(rng: np.random.Generator, size: int, first: Colour, second: Colour) -> np.ndarray:
    noise = smooth_noise(rng, size, int(rng.integers(2, 12)))
    sharp = rng.choice([3.0, 8.0, 40.0])
    image = _mixed(first, second, np.clip((noise - 0.5) * sharp + 0.5, 0, 1))
    third = smooth_noise(rng, size, int(rng.integers(2, 12))) > 0.62
    return np.where(third[..., None], random_colour(rng), image) if rng.random() < 0.5 else image


def _shapes(rng: np.random.Generator, size: int, first: Colour, second: Colour) -> np.ndarray:
    image = np.ascontiguousarray(np.broadcast_to(first, (size, size, 3)), np.float32)
    for _ in range(rng.integers(2, 14)):
        draw_shape(rng, image, second if rng.random() < 0.4 else random_colour(rng))
    return image


def draw_shape(rng: np.random.Generator, image: Float[np.ndarray, "h w 3"], colour: Colour) -> None:
    """A random rectangle, ellipse, polygon or line, drawn into the image in place."""
    height, width = image.shape[:2]
    ink = tuple(float(c) for c in colour)
    (x, y), (a, b) = rng.integers(0, [width, height]), rng.integers(2, [max(width // 3, 3), max(height // 3, 3)])
    kind = rng.integers(4)
    thickness = -1 if rng.random() < 0.7 else int(rng.integers(1, max(width // 40, 2) + 1))
    if kind == 0:
        cv2.rectangle(image, (int(x - a), int(y - b)), (int(x + a), int(y + b)), ink, thickness)
    elif kind == 1:
        cv2.ellipse(image, (int(x), int(y)), (int(a), int(b)), float(rng.uniform(0, 180)), 0, 360, ink, thickness)
    elif kind == 2:
        corners = np.array([x, y]) + rng.uniform(-1, 1, (int(rng.integers(3, 6)), 2)) * [a, b]
        cv2.fillPoly(image, [corners.astype(np.int32)], ink)
    else:
        end = rng.integers(0, [width, height])
        cv2.line(image, (int(x), int(y)), (int(end[0]), int(end[1])), ink, abs(thickness))
