"""A pose and what it rests on: its angles, the joints that have to be on the floor, or the height of a seat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from epipose.motion.limb_angles import Vector, leg_angles
from epipose.motion.rotations import from_euler
from epipose.motion.sampler import CHEST, HIP, JOINT_CLEARANCE, LIMITS, SPINE, balance, posed
from epipose.skeletons import H36M17

SIDES = ("left", "right")
Range = tuple[float | int, float | int]  # lowest and highest
_TWO_SIDED = ("hip", "knee", "ankle", "arm", "elbow")


@dataclass(frozen=True)
class Resting:
    """A pose. ``rests_on``: of each group of joints one at least has to be on the floor.

    ``angles`` in degrees by name, as `random_pose`. ``pelvis``: height of the hips over the floor in metres of a person
    on a seat, None for one on the floor.
    """

    angles: dict[str, float]
    rests_on: tuple[tuple[str, ...], ...] = ()
    pelvis: float | None = None

    def moved(self, x: float, y: float, yaw: float) -> Resting:
        """The same somewhere else on the floor (metres), facing elsewhere (degrees)."""
        return replace(self, angles=self.angles | {"x": x, "y": y, "yaw": yaw})


def neutral(rng: np.random.Generator) -> dict[str, float]:
    """All angles of a person who stands upright with hanging arms and looks about."""
    angles = {
        f"{side}{angle}": 0.0
        for angle in LIMITS
        for side in (("left_", "right_") if angle.startswith(_TWO_SIDED) else ("",))
    }
    for angle, spread in (
        ("neck_flexion", 15), ("neck_lean", 10), ("neck_twist", 22), ("trunk_lean", 6), ("trunk_twist", 10),
        ("trunk_flexion", 8),
    ):  # fmt: skip
        angles[angle] = float(np.clip(rng.normal(0, spread), *LIMITS[angle]))
    for side in SIDES:
        angles |= {f"{side}_arm_elevation": 8.0, f"{side}_elbow_flexion": 15.0}
    return angles | dict.fromkeys(("x", "y", "yaw", "pitch", "roll"), 0.0)


def drawn(rng: np.random.Generator, ranges: Mapping[str, Range], alike: float = 0.0) -> dict[str, float]:
    """Angles drawn from ranges; those of arms and legs for both sides, the right ``alike`` (0 to 1) to the left."""
    angles = {}
    for angle, (low, high) in ranges.items():
        if not angle.startswith(_TWO_SIDED):
            angles[angle] = float(rng.uniform(low, high))
            continue
        first, second = rng.uniform(low, high, 2)
        angles |= {f"left_{angle}": float(first), f"right_{angle}": float(alike * first + (1 - alike) * second)}
    return angles


def chest_axes(angles: dict[str, float]) -> tuple[Float64[np.ndarray, "3 3"], Vector]:
    """Rotation of the chest, and the middle of the shoulders from the hips (metres), in a world turned with the yaw."""
    trunk = np.radians([angles["trunk_flexion"], angles["trunk_lean"], angles["trunk_twist"]])
    root = root_axes(angles)
    chest = root @ from_euler("xyz", trunk)
    return chest, root @ SPINE + root @ from_euler("xyz", trunk / 2) @ CHEST


def root_axes(angles: dict[str, float]) -> Float64[np.ndarray, "3 3"]:
    """Rotation of the pelvis in a world turned with the yaw."""
    return from_euler("xy", np.radians([angles["pitch"], angles["roll"]]))


def foot_at(angles: dict[str, float], side: str, ankle: Vector, pole: Vector) -> dict[str, float]:
    """Angles of the leg whose ankle is at a place: metres from the hips' middle in a world turned with the yaw."""
    root = root_axes(angles)
    sign = 1.0 if side == "left" else -1.0
    return leg_angles(side, root.T @ ankle - HIP * [sign, 1, 1], root.T @ pole)


def balanced(angles: dict[str, float]) -> dict[str, float]:
    """The pose pitched so that the trunk is over the feet."""
    return angles | {"pitch": float(np.clip(balance(angles), -30, 60))}


def standing_height(angles: dict[str, float]) -> float:
    """Height of the hips over the floor, metres, when the lowest part touches it."""
    return float(posed({name: np.array([value]) for name, value in angles.items()}, 30.0).xyz[0, H36M17.root, 2])


def hover(xyz: Float64[np.ndarray, "joint 3"], rests_on: tuple[tuple[str, ...], ...]) -> float:
    """Metres by which what has to be on the floor is above it, added up over the groups."""

    def height(joint: str) -> float:
        part = next(clearance for name, clearance in JOINT_CLEARANCE.items() if joint.endswith(name))
        return float(xyz[H36M17.index(joint), 2]) - part

    return sum((max(min(height(joint) for joint in group), 0.0) for group in rests_on), start=0.0)
