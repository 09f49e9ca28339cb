"""Angles of an arm or leg whose end is to be somewhere: closed-form inverse kinematics of two segments and a hinge.

The end of the limb and the plane of its bend (a pole: where elbow or knee is to point) fix all angles of a ball joint
with a hinge after it. They are the angles of `epipose.motion.sampler`, degrees, and cut to its limits: what the joints
do not allow comes out as the nearest pose in which each angle is allowed.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from epipose.motion.rotations import from_euler, unit
from epipose.motion.sampler import FOREARM, LIMITS, SHANK, THIGH, UPPER_ARM

Vector = Float64[np.ndarray, "3"]


def arm_angles(side: str, wrist: Vector, pole: Vector) -> dict[str, float]:
    """Angles ("left_arm_plane", ...) that bring the wrist of the ``side`` ("left", "right") to a place.

    ``wrist``: from the shoulder, metres, in the chest's axes (x left, y back, z up), cut to the arm's length. ``pole``:
    where the elbow points, in the same axes.
    """
    sign = 1.0 if side == "left" else -1.0
    upper, lower, bend = _two_segments(wrist, UPPER_ARM, FOREARM, pole)
    elevation = np.arccos(np.clip(-upper[2], -1, 1))
    plane = np.arctan2(-upper[1], sign * upper[0])
    own = from_euler("zy", np.array([-sign * plane, -sign * elevation])).T @ lower
    rotation = _wrapped(sign * np.arctan2(own[0], -own[1]) - plane)
    angles = {"arm_plane": plane, "arm_elevation": elevation, "arm_rotation": rotation, "elbow_flexion": bend}
    return _within_limits(side, angles)


def leg_angles(side: str, ankle: Vector, pole: Vector) -> dict[str, float]:
    """Angles ("left_hip_flexion", ...) that bring the ankle of the ``side`` ("left", "right") to a place.

    ``ankle``: from the hip, metres, in the pelvis's axes (x left, y back, z up), cut to the leg's length. ``pole``:
    where the knee points, in the same axes.
    """
    sign = 1.0 if side == "left" else -1.0
    upper, lower, bend = _two_segments(ankle, THIGH, SHANK, pole)
    abduction = np.arcsin(np.clip(sign * upper[0], -1, 1))
    flexion = np.arctan2(-upper[1], -upper[2])
    own = from_euler("xy", np.array([-flexion, -sign * abduction])).T @ lower
    rotation = _wrapped(sign * np.arctan2(-own[0], own[1]))
    angles = {"hip_flexion": flexion, "hip_abduction": abduction, "hip_rotation": rotation, "knee_flexion": bend}
    return _within_limits(side, angles)


def _two_segments(end: Vector, first: float, second: float, pole: Vector) -> tuple[Vector, Vector, float]:
    """Directions of both segments, and the angle between them (radians)."""
    distance = float(np.clip(np.linalg.norm(end), abs(first - second) + 0.02, first + second - 1e-3))
    along = unit(end)
    aside = unit(pole - (pole @ along) * along)
    cosine = np.clip((first**2 + distance**2 - second**2) / (2 * first * distance), -1, 1)
    upper = cosine * along + np.sqrt(1 - cosine**2) * aside
    lower = unit(distance * along - first * upper)
    return upper, lower, float(np.arccos(np.clip(upper @ lower, -1, 1)))


def _wrapped(angle: float) -> float:
    """The same angle between -pi and pi."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def _within_limits(side: str, radians: dict[str, float]) -> dict[str, float]:
    return {f"{side}_{name}": float(np.clip(np.degrees(angle), *LIMITS[name])) for name, angle in radians.items()}
