"""Postures on a seat: on chairs, stools and benches of several heights, and as riders sit.

Every posture first draws a seat, and gives a function that draws poses on it. Places are metres from the middle of the
hips (x left, y back, z up, in a world turned with the yaw).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from epipose.motion.floor_postures import hands_at
from epipose.motion.gestures import random_arms
from epipose.motion.limb_angles import Vector
from epipose.motion.resting import SIDES, Resting, drawn, foot_at, neutral

_ANKLE_HEIGHT, _HIP_HEIGHT = 0.09, 0.1  # metres: of a foot that stands, of the hips over the seat
_LEG = 0.84  # metres that an ankle may be from the hip
_SIGNS = (("left", 1.0), ("right", -1.0))
Draw = Callable[[np.random.Generator], Resting]


def _on_a_chair(rng: np.random.Generator) -> Draw:
    height = float(rng.uniform(0.32, 0.6)) + _HIP_HEIGHT
    return lambda rng: _sitting(rng, height, _ANKLE_HEIGHT)


def _on_a_stool(rng: np.random.Generator) -> Draw:
    """Feet on a bar, or hanging."""
    height = float(rng.uniform(0.6, 0.8)) + _HIP_HEIGHT
    bar = float(rng.uniform(0.2, height - 0.45))
    return lambda rng: _sitting(rng, height, bar)


def _sitting(rng: np.random.Generator, height: float, feet: float) -> Resting:
    angles = neutral(rng)
    angles |= drawn(rng, {"pitch": (-22, 12), "trunk_flexion": (-8, 25)})
    if rng.random() < 0.25:  # leaning on the knees
        angles |= drawn(rng, {"pitch": (5, 25), "trunk_flexion": (20, 50)})
    wide, ahead = rng.uniform(0.05, 0.28), rng.uniform(0.28, 0.62)
    for side, sign in _SIGNS:
        place = np.array([sign * wide, -ahead, feet - height]) + rng.normal(0, [0.04, 0.08, 0.0])
        place *= min(_LEG / float(np.linalg.norm(place)), 1.0)
        angles |= foot_at(angles, side, place, np.array([sign * rng.uniform(0.0, 0.5), -1.0, 1.0]))
    choice = rng.random()
    over, under = SIDES[:: 1 if rng.random() < 0.5 else -1]
    sign = 1.0 if over == "left" else -1.0
    if choice < 0.15:  # knee over knee
        angles[f"{under}_hip_abduction"] = float(rng.uniform(-4, 4))
        leg = {
            "hip_flexion": (100, 112),
            "hip_abduction": (-24, -14),
            "hip_rotation": (0, 12),
            "knee_flexion": (75, 100),
        }
        angles |= {f"{over}_{name}": float(rng.uniform(*ends)) - (angles["pitch"] if name == "hip_flexion" else 0)
                   for name, ends in leg.items()}  # fmt: skip
        angles[f"{over}_hip_flexion"] = float(np.clip(angles[f"{over}_hip_flexion"], 60, 120))
    elif choice < 0.3:  # ankle on knee
        knee = np.array([-sign * (wide + 0.02), -0.4, 0.12])
        angles |= foot_at(angles, over, knee, np.array([sign * 1.0, -0.35, 0.25]))
    return Resting(angles | _arms(rng, angles), pelvis=height)


def _arms(rng: np.random.Generator, angles: dict[str, float]) -> dict[str, float]:
    """Hands on the thighs, on the seat, at a table, or anything else."""
    choice = rng.random()
    if choice < 0.25:
        places = [(rng.uniform(0.08, 0.2), -rng.uniform(0.15, 0.4), rng.uniform(0.13, 0.2)) for _ in SIDES]
    elif choice < 0.35:
        places = [(rng.uniform(0.22, 0.32), rng.uniform(-0.15, 0.15), rng.uniform(-0.04, 0.0)) for _ in SIDES]
    elif choice < 0.6:
        up = rng.uniform(0.2, 0.35)
        places = [(rng.uniform(0.05, 0.25), -rng.uniform(0.35, 0.6), up) for _ in SIDES]
    else:
        return random_arms(rng)
    return hands_at(
        angles, {side: np.array(place) * [sign, 1, 1] for (side, sign), place in zip(_SIGNS, places, strict=True)}
    )


def _as_on_a_bicycle(rng: np.random.Generator) -> Draw:
    height = float(rng.uniform(0.85, 0.98)) + 0.02
    crank, axle = 0.17, np.array([0.0, -rng.uniform(0.1, 0.25), 0.36 - height])
    bars = np.array([0.2, -rng.uniform(0.5, 0.68), rng.uniform(-0.02, 0.2)])
    bend = rng.uniform(8, 40, 2)

    def posture(rng: np.random.Generator) -> Resting:
        angles = neutral(rng) | {"pitch": float(bend[0]), "trunk_flexion": float(bend[1])}
        angles["neck_flexion"] = float(np.clip(-0.6 * bend.sum() + rng.normal(0, 8), -45, 20))
        turn = rng.uniform(0, 2 * np.pi)
        for side, sign in _SIGNS:
            pedal = axle + crank * sign * np.array([0, -np.cos(turn), np.sin(turn)]) + [sign * 0.11, 0.06, 0.1]
            angles |= foot_at(angles, side, pedal, np.array([sign * 0.1, -1.0, 0.5]))
        return Resting(angles | _hands_on_bars(rng, angles, bars), pelvis=height)

    return posture


def _as_on_a_horse(rng: np.random.Generator) -> Draw:
    height = float(rng.uniform(0.9, 1.15)) + _HIP_HEIGHT
    wide = float(rng.uniform(0.28, 0.38))
    bars = np.array([0.08, -rng.uniform(0.3, 0.5), rng.uniform(0.1, 0.3)])

    def posture(rng: np.random.Generator) -> Resting:
        angles = neutral(rng) | drawn(rng, {"pitch": (-8, 20), "trunk_flexion": (-5, 20)})
        for side, sign in _SIGNS:
            foot = np.array([sign * wide, -rng.uniform(-0.05, 0.25), -rng.uniform(0.6, 0.75)])
            angles |= foot_at(angles, side, foot, np.array([sign * 0.5, -1.0, 0.2]))
        return Resting(angles | _hands_on_bars(rng, angles, bars), pelvis=height)

    return posture


def _hands_on_bars(rng: np.random.Generator, angles: dict[str, float], bars: Vector) -> dict[str, float]:
    if rng.random() < 0.2:
        return random_arms(rng)
    return hands_at(angles, {side: bars * [sign, 1, 1] + rng.normal(0, 0.015, 3) for side, sign in _SIGNS})


# Posture: share of the motions on a seat, and what draws the seat.
SEATED_POSTURES: dict[str, tuple[float, Callable[[np.random.Generator], Draw]]] = {
    "sitting on a chair": (0.6, _on_a_chair),
    "sitting on a stool": (0.2, _on_a_stool),
    "riding a bicycle": (0.1, _as_on_a_bicycle),
    "riding a horse": (0.1, _as_on_a_horse),
}
