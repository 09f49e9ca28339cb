"""Arm gestures: what people do with their hands while they stand, sit or lie.

A gesture is either ranges of the arm's angles or a place of the wrist before the chest, which `arm_angles` reaches.
Places are metres from the middle of the shoulders in the chest's axes (x to the own side, y back, z up), for the left.
"""

from __future__ import annotations

import numpy as np

from epipose.motion.limb_angles import Vector, arm_angles
from epipose.motion.sampler import SHOULDER

_SIDES = ("left", "right")
# Ranges of plane, elevation and rotation of the arm, and flexion of the elbow, degrees.
_RANGES: dict[str, tuple[tuple[float, float], ...]] = {
    "hanging": ((0, 60), (4, 20), (-25, 30), (5, 45)),
    "overhead": ((10, 110), (125, 178), (-30, 40), (0, 70)),
    "forward": ((60, 105), (50, 110), (-30, 40), (0, 60)),
    "sideways": ((-15, 40), (55, 115), (-20, 50), (0, 50)),
    "across": ((108, 130), (45, 95), (-50, 10), (0, 70)),
    "backward": ((-60, -30), (20, 50), (-20, 20), (0, 40)),
    "waving": ((0, 45), (50, 100), (50, 90), (60, 120)),
}
# Middle and spread of the wrist's place, and where the elbow points.
_PLACES: dict[str, tuple[tuple[float, ...], float, tuple[float, ...]]] = {
    "crossed": ((-0.03, -0.24, -0.24), 0.02, (0.7, 0.1, -1.0)),
    "on the hip": ((0.22, -0.05, -0.42), 0.02, (1.0, 0.6, 0.1)),
    "at the face": ((0.07, -0.24, 0.04), 0.03, (0.7, -0.3, -1.0)),
    "at the ear": ((0.19, -0.1, 0.08), 0.02, (0.9, -0.4, -0.7)),
    "behind the head": ((0.14, 0.09, 0.2), 0.02, (1.0, -0.1, 0.5)),
    "behind the back": ((0.09, 0.22, -0.42), 0.03, (0.9, 0.7, 0.0)),
    "clasped": ((0.06, -0.24, -0.44), 0.03, (0.8, 0.1, -0.6)),
    "carrying": ((0.14, -0.34, -0.25), 0.08, (0.6, 0.2, -1.0)),
}
_BOTH = ("crossed", "clasped", "carrying", "behind the head", "behind the back")  # with both arms at once
GESTURES = {
    "hanging": 0.2, "overhead": 0.12, "forward": 0.1, "sideways": 0.07, "across": 0.06, "backward": 0.03,
    "waving": 0.05, "crossed": 0.06, "on the hip": 0.08, "at the face": 0.08, "at the ear": 0.04,
    "behind the head": 0.03, "behind the back": 0.02, "clasped": 0.03, "carrying": 0.03,
}  # fmt: skip


def random_arms(rng: np.random.Generator) -> dict[str, float]:
    """Angles of both arms, degrees by name: the same gesture on both sides, or two."""
    names, chances = list(GESTURES), np.array(list(GESTURES.values()))
    first, second = (names[int(rng.choice(len(names), p=chances / chances.sum()))] for _ in _SIDES)
    if first in _BOTH or rng.random() < 0.35:
        second = first
    elif second in _BOTH:
        second = "hanging"
    if rng.random() < 0.5:
        first, second = second, first
    return gesture(rng, "left", first) | gesture(rng, "right", second)


def gesture(rng: np.random.Generator, side: str, name: str) -> dict[str, float]:
    """Angles of one arm in a gesture of `GESTURES`."""
    if name in _RANGES:
        values = [float(rng.uniform(low, high)) for low, high in _RANGES[name]]
        parts = ("arm_plane", "arm_elevation", "arm_rotation", "elbow_flexion")
        return {f"{side}_{part}": value for part, value in zip(parts, values, strict=True)}
    middle, spread, pole = _PLACES[name]
    place = np.array(middle) + rng.normal(0, spread, 3)
    if name == "crossed" and side == "right":  # one forearm over the other
        place += [0, -0.06, 0.04]
    sign = np.array([1.0 if side == "left" else -1.0, 1, 1])
    return reach(side, sign * place, sign * np.array(pole))


def reach(side: str, place: Vector, pole: Vector | None = None) -> dict[str, float]:
    """Angles that bring the wrist to a place in the chest's axes; the elbow hangs where no ``pole`` is given."""
    sign = np.array([1.0 if side == "left" else -1.0, 1, 1])
    return arm_angles(side, place - sign * SHOULDER, sign * [0.6, 0.3, -1.0] if pole is None else pole)
