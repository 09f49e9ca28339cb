"""Postures on the floor: standing, reaching, crouching, kneeling, bending, climbing, sitting and lying on it.

Every posture is a function that draws a pose and what it rests on. Angles are degrees as in `sampler`; places are
metres from the middle of the hips (x left, y back, z up, in a world turned with the yaw).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from epipose.motion.gestures import gesture, random_arms, reach
from epipose.motion.resting import (
    SIDES,
    Range,
    Resting,
    balanced,
    chest_axes,
    drawn,
    foot_at,
    neutral,
    standing_height,
)

_FEET = (("left_ankle",), ("right_ankle",))
_A_FOOT = (("left_ankle", "right_ankle"),)
_ANKLE_HEIGHT, _HIP_HEIGHT = 0.09, 0.1  # metres: of a foot that stands, of hips on the floor
_SIGNS = (("left", 1.0), ("right", -1.0))


def _standing(rng: np.random.Generator) -> Resting:
    angles = neutral(rng)
    legs = drawn(rng, {"hip_flexion": (-3, 10), "hip_abduction": (-2, 16), "hip_rotation": (-5, 25)}, alike=0.7)
    angles |= legs
    for side in SIDES:
        angles[f"{side}_knee_flexion"] = max(2 * angles[f"{side}_hip_flexion"], 0.0)
    if rng.random() < 0.3:  # one leg relaxed, or ahead
        angles |= drawn(rng, {"hip_flexion": (-15, 35), "knee_flexion": (5, 30)})
    if rng.random() < 0.15:
        angles["trunk_lean"] = float(rng.uniform(-30, 30))
    return Resting(balanced(angles | random_arms(rng)), _A_FOOT)


def _crouching(rng: np.random.Generator) -> Resting:
    angles = neutral(rng)
    angles |= drawn(
        rng,
        {"hip_flexion": (80, 118), "hip_abduction": (5, 35), "hip_rotation": (0, 25), "trunk_flexion": (10, 50)},
        alike=0.8,
    )
    for side in SIDES:
        angles[f"{side}_knee_flexion"] = float(np.clip(1.15 * angles[f"{side}_hip_flexion"], 95, 135))
    angles["neck_flexion"] -= 20
    angles = balanced(angles) | random_arms(rng)
    return Resting(_hands_low(rng, angles) if rng.random() < 0.5 else angles, _FEET)


def _bending(rng: np.random.Generator) -> Resting:
    """Trunk down; hands on the floor, the knees or before the feet."""
    angles = neutral(rng)
    deep = rng.random() < 0.6
    angles |= drawn(
        rng,
        {"hip_flexion": (55, 105) if deep else (25, 60), "hip_abduction": (0, 18), "hip_rotation": (-5, 15),
         "trunk_flexion": (35, 78) if deep else (15, 50)},
        alike=0.9,
    )  # fmt: skip
    for side in SIDES:
        angles[f"{side}_knee_flexion"] = float(np.clip(0.4 * angles[f"{side}_hip_flexion"] * rng.random(), 0, 60))
    angles["neck_flexion"] = float(rng.uniform(-40, 25))
    angles = balanced(angles) | random_arms(rng)
    return Resting(_hands_low(rng, angles) if rng.random() < 0.7 else angles, _FEET)


def _hands_low(rng: np.random.Generator, angles: dict[str, float]) -> dict[str, float]:
    """One hand or both near the floor before the feet, or at the shins."""
    height = standing_height(angles)
    target = np.array([rng.normal(0, 0.12), -rng.uniform(0.15, 0.5), rng.uniform(0.05, 0.4) - height])
    sides = SIDES if rng.random() < 0.7 else SIDES[:: 1 if rng.random() < 0.5 else -1][:1]
    return angles | hands_at(
        angles, {side: target + np.array([0.12 if side == "left" else -0.12, 0, 0]) for side in sides}
    )


def hands_at(angles: dict[str, float], places: dict[str, np.ndarray]) -> dict[str, float]:
    """Angles of the arms whose wrists are at places."""
    chest, shoulders = chest_axes(angles)
    found = {}
    for side, place in places.items():
        found |= reach(side, chest.T @ (place - shoulders))
    return found


def _kneeling(rng: np.random.Generator) -> Resting:
    """Upright on both knees or on one, with the other foot ahead."""
    angles = neutral(rng)
    angles |= drawn(rng, {"hip_flexion": (-8, 15), "hip_abduction": (0, 18), "trunk_flexion": (-10, 40)}, alike=0.8)
    angles["pitch"] = float(rng.uniform(-8, 15))
    angles |= _shanks_level(rng, angles)
    if rng.random() < 0.5:
        return Resting(angles | random_arms(rng), (("left_knee",), ("right_knee",)))
    front, back = SIDES[:: 1 if rng.random() < 0.5 else -1]
    height = 0.43 * np.cos(np.radians(angles[f"{back}_hip_flexion"] - angles["pitch"])) + 0.05
    sign = 1.0 if front == "left" else -1.0
    foot = np.array([sign * rng.uniform(0.08, 0.2), -rng.uniform(0.3, 0.5), _ANKLE_HEIGHT - height])
    angles |= foot_at(angles, front, foot, np.array([sign * 0.2, -1.0, 0.6]))
    return Resting(angles | random_arms(rng), ((f"{back}_knee",), (f"{front}_ankle",)))


def _shanks_level(rng: np.random.Generator, angles: dict[str, float]) -> dict[str, float]:
    """Knees bent until the shanks lie behind them on the floor, the ankles a little higher."""
    lift = rng.uniform(2, 9)
    bends = {side: 90 + lift + angles[f"{side}_hip_flexion"] - angles["pitch"] for side in SIDES}
    return {f"{side}_knee_flexion": float(np.clip(bend, 0, 135)) for side, bend in bends.items()}


def _on_the_heels(rng: np.random.Generator) -> Resting:
    """Kneeling with the hips low over the heels, as low as the knees allow."""
    angles = neutral(rng)
    angles |= drawn(rng, {"hip_flexion": (80, 110), "hip_abduction": (0, 20), "trunk_flexion": (0, 40)}, alike=0.9)
    angles |= drawn(rng, {"knee_flexion": (130, 135)}, alike=0.9)
    thigh = np.mean([angles[f"{side}_hip_flexion"] for side in SIDES])
    angles["pitch"] = float(thigh - 37 + rng.uniform(-3, 3))  # shanks level
    angles["trunk_flexion"] = float(np.clip(rng.uniform(-20, 20) - 0.3 * angles["pitch"], -25, 80))
    return Resting(angles | random_arms(rng), (("left_knee", "right_knee"),))


def _on_all_fours(rng: np.random.Generator) -> Resting:
    angles = neutral(rng)
    angles |= drawn(rng, {"hip_flexion": (65, 110), "hip_abduction": (0, 15), "trunk_flexion": (-15, 30)}, alike=0.6)
    angles["pitch"] = float(rng.uniform(68, 88))
    angles |= _shanks_level(rng, angles)
    angles["neck_flexion"] = float(rng.uniform(-45, 10))
    height = standing_height(angles | {f"{side}_arm_elevation": 0.0 for side in SIDES})
    if rng.random() < 0.25:  # on straight legs instead of the knees
        angles["pitch"] = float(rng.uniform(108, 128))
        angles |= drawn(rng, {"hip_flexion": (min(angles["pitch"] - 8, 110), 120), "knee_flexion": (0, 15)}, alike=0.9)
        height = standing_height(angles | {f"{side}_arm_elevation": 0.0 for side in SIDES})
    _, shoulders = chest_axes(angles)
    places = {}
    for side, sign in _SIGNS:
        ahead = shoulders[1] - rng.uniform(-0.1, 0.2)
        places[side] = np.array([sign * rng.uniform(0.12, 0.25), ahead, 0.05 - height])
    angles |= hands_at(angles, places)
    if rng.random() < 0.2:
        angles |= gesture(rng, SIDES[int(rng.integers(2))], "forward")
    return Resting(angles, (("left_knee", "right_knee", "left_ankle", "right_ankle"), ("left_wrist", "right_wrist")))


def _climbing(rng: np.random.Generator) -> Resting:
    """At a ladder or a wall: hands above the shoulders, one foot on the floor or a rung, the other knee high."""
    angles = neutral(rng)
    high, low = SIDES[:: 1 if rng.random() < 0.5 else -1]
    angles |= drawn(rng, {"trunk_lean": (-20, 20), "trunk_twist": (-20, 20), "neck_flexion": (-40, 5)})
    for side, leg in ((high, ((55, 115), (60, 125), (5, 42), (0, 40))), (low, ((-10, 25), (0, 35), (0, 20), (0, 25)))):
        names = ("hip_flexion", "knee_flexion", "hip_abduction", "hip_rotation")
        angles |= {f"{side}_{name}": float(rng.uniform(*ends)) for name, ends in zip(names, leg, strict=True)}
    angles["pitch"] = float(rng.uniform(-8, 18))
    for side, sign in _SIGNS:
        place = np.array([sign * rng.uniform(0.1, 0.45), -rng.uniform(0.1, 0.4), rng.uniform(-0.1, 0.52)])
        angles |= reach(side, place)
    return Resting(angles, ((f"{low}_ankle",),))


def _sitting(rng: np.random.Generator) -> Resting:
    """On the floor: cross-legged, legs stretched, knees up, or one leg bent and one stretched."""
    angles = neutral(rng)
    angles |= drawn(rng, {"trunk_flexion": (-5, 45), "pitch": (-25, 8)})
    kind = int(rng.integers(4))
    if kind == 0:
        angles |= _legs_crossed(rng, angles)
    else:
        bent = (SIDES, (), SIDES[:: 1 if rng.random() < 0.5 else -1][:1])[kind - 1]
        ahead = {side: rng.uniform(0.42, 0.62) if side in bent else rng.uniform(0.78, 0.85) for side in SIDES}
        raised = max(float(np.degrees(np.arccos(min(reached / 0.86, 1.0)))) for reached in ahead.values())
        angles["pitch"] = min(
            angles["pitch"], 26 - raised
        )  # hips that bend no farther tilt back, and the trunk forward
        angles["trunk_flexion"] = float(np.clip(angles["trunk_flexion"] - 0.8 * (angles["pitch"] + 10), -20, 75))
        for side, sign in _SIGNS:
            wide = rng.uniform(0.08, 0.2) if side in bent else rng.uniform(0.1, 0.4)
            foot = np.array([sign * wide, -ahead[side], _ANKLE_HEIGHT - _HIP_HEIGHT])
            angles |= foot_at(angles, side, foot, np.array([sign * rng.uniform(0.0, 0.5), -0.2, 1.0]))
    return Resting(angles | _arms_of_sitting(rng, angles), (("left_hip", "right_hip"),))


def _legs_crossed(rng: np.random.Generator, angles: dict[str, float]) -> dict[str, float]:
    """Shanks crossed before the trunk, knees out and a little above the floor."""
    found = {}
    depth = rng.uniform(0.2, 0.26)
    for side, sign in _SIGNS if rng.random() < 0.5 else _SIGNS[::-1]:
        foot = np.array([-sign * rng.uniform(0.0, 0.12), -depth, _ANKLE_HEIGHT - _HIP_HEIGHT + rng.uniform(0, 0.03)])
        found |= foot_at(angles, side, foot, np.array([sign * 1.0, -0.45, rng.uniform(0.1, 0.5)]))
        depth += 0.13
    return found


def _arms_of_sitting(rng: np.random.Generator, angles: dict[str, float]) -> dict[str, float]:
    """Hands on the floor behind or beside, round the knees, or anything else."""
    behind, height = rng.uniform(0.1, 0.35), 0.05 - _HIP_HEIGHT
    choice = rng.random()
    if choice < 0.3:
        places = {side: np.array([sign * rng.uniform(0.22, 0.4), behind, height]) for side, sign in _SIGNS}
        return hands_at(angles, places)
    if choice < 0.55:
        ahead, up = rng.uniform(0.25, 0.5), rng.uniform(0.15, 0.4)
        return hands_at(angles, {side: np.array([sign * rng.uniform(0.05, 0.35), -ahead, up]) for side, sign in _SIGNS})
    return random_arms(rng)


def _lying(rng: np.random.Generator) -> Resting:
    """On the back, the front or a side; stretched, knees up or curled."""
    angles = neutral(rng)
    angles |= {name: 0.4 * angles[name] for name in ("trunk_flexion", "trunk_lean", "trunk_twist")}
    where = ("back", "front", "left", "right")[int(rng.choice(4, p=[0.4, 0.25, 0.175, 0.175]))]
    if where == "back":
        angles |= {
            "pitch": -90.0,
            "trunk_flexion": float(rng.uniform(0, 10)),
            "neck_flexion": float(rng.uniform(0, 25)),
        }
        angles |= _legs_of_lying_back(rng)
        arms = random_arms(rng) if rng.random() < 0.6 else _arms_beside(rng, (0, 25), (-15, 85))
        return Resting(angles | arms, (("left_hip", "right_hip"), ("left_shoulder",), ("right_shoulder",)))
    if where == "front":
        angles |= {"pitch": 90.0, "neck_flexion": float(rng.uniform(-40, 0)), "neck_twist": float(rng.uniform(-60, 60))}
        angles |= {"trunk_flexion": float(rng.uniform(-20, 0))}
        angles |= drawn(rng, {"hip_flexion": (-4, 1), "hip_abduction": (0, 30), "hip_rotation": (0, 40)}, 0.4)
        angles |= drawn(rng, {"knee_flexion": (0, 12) if rng.random() < 0.7 else (10, 100)})
        return Resting(angles | _arms_beside(rng, (-4, 2), (75, 90)), (("left_hip", "right_hip"),))
    angles |= {"pitch": float(rng.uniform(-20, 20)), "roll": 90.0 if where == "left" else -90.0}
    curl = rng.random()
    angles |= drawn(rng, {"hip_flexion": (5 + 75 * curl, 30 + 85 * curl)}, 0.75)
    angles |= drawn(rng, {"knee_flexion": (15 + 75 * curl, 40 + 90 * curl)}, 0.75)
    angles |= drawn(rng, {"hip_abduction": (-6, 8), "hip_rotation": (-15, 15)}, 0.8)
    angles |= {"trunk_flexion": float(curl * rng.uniform(15, 60)), "neck_flexion": float(curl * rng.uniform(0, 35))}
    for side in SIDES:
        plane, elevation, elbow = rng.uniform(60, 120), rng.uniform(15, 110), rng.uniform(20, 130)
        angles |= {f"{side}_arm_plane": plane, f"{side}_arm_elevation": elevation, f"{side}_elbow_flexion": elbow}
        angles[f"{side}_arm_rotation"] = float(rng.uniform(-50, 20))
    return Resting(angles, ((f"{where}_hip",), (f"{where}_shoulder",)))


def _legs_of_lying_back(rng: np.random.Generator) -> dict[str, float]:
    angles = drawn(rng, {"hip_flexion": (0, 6), "knee_flexion": (0, 10), "hip_abduction": (2, 28)}, 0.5)
    angles |= drawn(rng, {"hip_rotation": (-5, 35)}, 0.6)
    raised = SIDES if rng.random() < 0.35 else SIDES[int(rng.integers(2)) :][:1] if rng.random() < 0.4 else ()
    for side in raised:  # foot on the floor, or the knee to the belly
        flexion = rng.uniform(35, 60)
        angles[f"{side}_hip_flexion"], angles[f"{side}_knee_flexion"] = float(flexion), float(2 * flexion + 2)
        if rng.random() < 0.3:
            angles |= {f"{side}_hip_flexion": rng.uniform(70, 118), f"{side}_knee_flexion": rng.uniform(20, 130)}
    return angles


def _arms_beside(rng: np.random.Generator, plane: Range, rotation: Range) -> dict[str, float]:
    """Arms near the plane of the floor, from beside the trunk to above the head."""
    return drawn(
        rng,
        {"arm_plane": plane, "arm_elevation": (8, 165), "arm_rotation": rotation, "elbow_flexion": (0, 110)},
        alike=0.3 if rng.random() < 0.5 else 0.9,
    )


# Posture: share of the key poses, and what draws it.
FLOOR_POSTURES: dict[str, tuple[float, Callable[[np.random.Generator], Resting]]] = {
    "standing": (0.26, _standing),
    "crouching": (0.09, _crouching),
    "bending": (0.12, _bending),
    "kneeling": (0.08, _kneeling),
    "on the heels": (0.04, _on_the_heels),
    "on all fours": (0.06, _on_all_fours),
    "climbing": (0.08, _climbing),
    "sitting on the floor": (0.13, _sitting),
    "lying": (0.14, _lying),
}
