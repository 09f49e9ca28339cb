"""Calibration plot: true error over stated standard deviation, both in degrees on logarithmic axes.

Every dot is a pair of cameras; the polyline joins root mean squares of equally many dots each. Where the stated
uncertainty is true, the polyline lies on the diagonal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

_SIZE, _MARGIN, _SCALE = 460, 70, 2  # pixels of a panel and round it, and by how much the image is larger
_LOW, _HIGH = 0.02, 20.0  # degrees
_BINS = 6
_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
_INK, _GRID, _DOT, _LINE = (40, 40, 40), (225, 225, 225), (255, 170, 100), (26, 90, 235)  # BGR


def draw_calibration(points: Mapping[str, Sequence[tuple[float, float]]], path: Path) -> None:
    """Write the plot as PNG, a panel per entry: (stated sigma, true error) in degrees of every pair."""
    panels = [_panel(title, np.array(pairs, float).reshape(-1, 2)) for title, pairs in points.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.hconcat(panels))


def _panel(title: str, pairs: np.ndarray) -> np.ndarray:
    side = (_SIZE + 2 * _MARGIN) * _SCALE
    image = np.full((side, side, 3), 255, np.uint8)
    for tick in _TICKS:
        at = _place(tick, tick)
        cv2.line(image, (at[0], _place(1, _HIGH)[1]), (at[0], _place(1, _LOW)[1]), _GRID, _SCALE)
        cv2.line(image, (_place(_LOW, 1)[0], at[1]), (_place(_HIGH, 1)[0], at[1]), _GRID, _SCALE)
        _text(image, f"{tick:g}", (at[0], _place(1, _LOW)[1] + 14 * _SCALE))
        _text(image, f"{tick:g}", (_place(_LOW, 1)[0] - 18 * _SCALE, at[1] + 4 * _SCALE))
    cv2.line(image, _place(_LOW, _LOW), _place(_HIGH, _HIGH), _INK, _SCALE, cv2.LINE_AA)
    for sigma, error in pairs:
        cv2.circle(image, _place(sigma, error), 2 * _SCALE, _DOT, -1, cv2.LINE_AA)
    line = np.array([_place(*point) for point in binned(pairs)], np.int32).reshape(-1, 1, 2)
    cv2.polylines(image, [line], False, _LINE, 2 * _SCALE, cv2.LINE_AA)
    for point in line[:, 0]:
        cv2.circle(image, point.tolist(), 4 * _SCALE, _LINE, -1, cv2.LINE_AA)
    middle = side // 2
    _text(image, f"{title}: {len(pairs)} pairs of cameras", (middle, _MARGIN // 2 * _SCALE), 0.5)
    _text(image, "stated standard deviation, degrees", (middle, side - 22 * _SCALE))
    across = np.full((30 * _SCALE, side, 3), 255, np.uint8)
    _text(across, "true error, degrees", (middle, 20 * _SCALE))
    image[:, : across.shape[0]] = cv2.rotate(across, cv2.ROTATE_90_COUNTERCLOCKWISE)
    return image


def binned(pairs: np.ndarray) -> list[tuple[float, float]]:
    """Root mean squares of sigma and of error in `_BINS` bins of equally many pairs, in the order of sigma."""
    ordered = pairs[np.argsort(pairs[:, 0])] if len(pairs) else pairs
    parts = [part for part in np.array_split(ordered, _BINS) if len(part)]
    return [tuple(np.sqrt((part**2).mean(0)).tolist()) for part in parts]


def _place(sigma: float, error: float) -> tuple[int, int]:
    """Pixel of a point; what is outside is put on the border."""
    share = [
        (math.log(min(max(value, _LOW), _HIGH)) - math.log(_LOW)) / math.log(_HIGH / _LOW) for value in (sigma, error)
    ]
    return round(_SCALE * (_MARGIN + _SIZE * share[0])), round(_SCALE * (_MARGIN + _SIZE * (1 - share[1])))


def _text(image: np.ndarray, text: str, middle: tuple[int, int], size: float = 0.4) -> None:
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size * _SCALE, _SCALE)
    at = (middle[0] - width // 2, middle[1])
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, size * _SCALE, _INK, _SCALE, cv2.LINE_AA)
