"""Twist of limbs: the rotation of an upper arm or thigh about its own length, from the plane in which it bends.

Two points give a bone's direction, not its twist. An elbow or knee is a hinge, so that the normal of the plane through
the three joints shows the twist, the better the more the limb is bent, and not at all where it is straight. Here the
twist of all frames is estimated at once: near the measured one where the limb is bent, as steady as possible between
(relative to parallel transport of the direction, which has no singular direction), and, where nothing was measured for
long, the twist of the smallest rotation from the rest pose.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex128, Float64

from epipose.motion.rotations import from_axis_angle, rotation_between, unit

_HALF_TRUSTED = np.sin(np.radians(12))  # sine of the bend at which a measured twist has half its full weight
_SMOOTHING = 0.03  # seconds over which a well measured twist is averaged
_REST_WEIGHT = 0.003  # of the twist at rest, where a well measured one weighs 1


def limb_rotation(
    along: Float64[np.ndarray, "frame 3"],
    normal: Float64[np.ndarray, "frame 3"],
    rest_along: Float64[np.ndarray, "3"],
    rest_normal: Float64[np.ndarray, "3"],
    fps: float,
) -> Float64[np.ndarray, "frame 3 3"]:
    """Rotations that take ``rest_along`` to ``along`` exactly and ``rest_normal`` near the hinge's axis ``normal``.

    All are in the parent's axes. ``normal``: cross product of the unit directions of the limb's two bones, its length
    the sine of the bend. ``rest_along`` and ``rest_normal`` are unit vectors, perpendicular.
    """
    along = unit(along)
    carried = parallel_transport(along, rest_along)
    first, second = carried @ rest_normal, carried @ np.cross(rest_along, rest_normal)

    def angle_in_plane(v: np.ndarray) -> Complex128[np.ndarray, " frame"]:
        return (v * first).sum(-1) + 1j * (v * second).sum(-1)

    measured = angle_in_plane(normal)
    sine = np.abs(measured)
    trust = sine**4 / (sine**4 + _HALF_TRUSTED**4)  # rises steeply, since the error of the angle goes as 1 / sine
    rest = angle_in_plane(rotation_between(rest_along, along) @ rest_normal)
    rest_trust = _REST_WEIGHT * (1 + along @ rest_along) / 2
    pull = trust * measured / np.maximum(sine, 1e-12) + rest_trust * rest
    weight, stiffness = trust + rest_trust + 1e-9, (_SMOOTHING * fps) ** 2
    # Complex numbers average angles; where they pass through 0 the angle jumps, so the angles are smoothed once more.
    twist = np.unwrap(np.angle(smooth(pull, weight, stiffness)))
    twist = np.real(smooth(weight * twist, weight, stiffness))
    return carried @ from_axis_angle(rest_along, twist)


def parallel_transport(
    along: Float64[np.ndarray, "frame 3"], rest: Float64[np.ndarray, "3"]
) -> Float64[np.ndarray, "frame 3 3"]:
    """Rotations that take ``rest`` to each direction, from frame to frame by the smallest rotation there is."""
    before = np.concatenate([rest[None], along[:-1]])
    product, reach = rotation_between(before, along), 1
    while reach < len(along):  # products of all steps so far, by doubling
        product[reach:] = product[reach:] @ product[:-reach].copy()
        reach *= 2
    return product


def smooth(
    pull: Complex128[np.ndarray, " frame"] | Float64[np.ndarray, " frame"],
    weight: Float64[np.ndarray, " frame"],
    stiffness: float,
) -> Complex128[np.ndarray, " frame"]:
    """The u of least sum of weight |u - pull / weight|^2 + stiffness |difference of neighbours|^2.

    A symmetric tridiagonal system, solved by parallel cyclic reduction: every step doubles the distance of the
    frames that an equation ties together.
    """
    count = len(pull)
    neighbours = np.full(count, 2.0)
    neighbours[[0, -1]] -= 1
    diagonal = weight + stiffness * (neighbours if count > 1 else 0)
    below, above = np.full(count, -stiffness), np.full(count, -stiffness)
    below[0], above[-1] = 0, 0
    right, reach = pull.astype(complex), 1
    while reach < count:
        down, up = -below / _shifted(diagonal, reach, 1.0), -above / _shifted(diagonal, -reach, 1.0)
        diagonal = diagonal + down * _shifted(above, reach) + up * _shifted(below, -reach)
        right = right + down * _shifted(right, reach) + up * _shifted(right, -reach)
        below, above = down * _shifted(below, reach), up * _shifted(above, -reach)
        reach *= 2
    return right / diagonal


def _shifted(values: np.ndarray, by: int, outside: float = 0.0) -> np.ndarray:
    """Row i holds the value of row i - ``by``."""
    moved = np.full_like(values, outside)
    if by > 0:
        moved[by:] = values[:-by]
    else:
        moved[:by] = values[-by:]
    return moved
