"""Euler angles of rotations that are continuous over time, as animation curves need them.

Two triples of angles stand for every rotation, and each angle for itself plus whole turns. Of these, every frame takes
what is nearest to the frame before, so that curves do not jump where a joint passes an angle of 90 or 180 degrees.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

_LOCKED = 1e-7  # cosine of the middle angle below which the outer two cannot be told apart


def to_euler(axes: str, R: Float64[np.ndarray, "*batch 3 3"]) -> Float64[np.ndarray, "*batch 3"]:
    """Angles in radians about own axes, one after the other: `rotations.from_euler` with the same ``axes`` gives R.

    ``axes`` are three different ones, as "zxy". The middle angle lies within a quarter turn of 0.
    """
    i, j, k = ("xyz".index(axis) for axis in axes)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    middle = np.arcsin(np.clip(sign * R[..., i, k], -1, 1))
    locked = np.hypot(R[..., i, i], R[..., i, j]) < _LOCKED
    first = np.arctan2(-sign * R[..., j, k], R[..., k, k])
    last = np.arctan2(-sign * R[..., i, j], R[..., i, i])
    first = np.where(locked, np.arctan2(sign * R[..., k, j], R[..., j, j]), first)
    return np.stack([first, middle, np.where(locked, 0.0, last)], -1)


def continuous_euler(axes: str, R: Float64[np.ndarray, "frame 3 3"]) -> Float64[np.ndarray, "frame 3"]:
    """`to_euler` of a rotation over time, of all equal angles those that are nearest to the frame before."""
    angles = to_euler(axes, R)
    other = np.stack([angles[:, 0] + np.pi, np.pi - angles[:, 1], angles[:, 2] + np.pi], -1)
    # Going over to the other triple keeps distances, so each step alone says whether it is better to change.
    stay, change = (np.abs(_wrapped(to[1:] - angles[:-1])).sum(-1) for to in (angles, other))
    changed = np.concatenate([[0], np.cumsum(change < stay)]) % 2 == 1
    return np.unwrap(np.where(changed[:, None], other, angles), axis=0)


def _wrapped(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2 * np.pi) - np.pi
