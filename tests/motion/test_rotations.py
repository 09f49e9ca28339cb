"""Axis and angle against the rotation that they come from, up to half a circle."""

import numpy as np

from epipose.motion.rotations import axis_and_angle, from_axis_angle, unit


def test_axis_and_angle_give_the_rotation_at_every_angle() -> None:
    rng = np.random.default_rng(0)
    axis = unit(rng.normal(size=(600, 3)))
    angle = np.concatenate([rng.uniform(0, np.pi, 300), np.pi - 10 ** rng.uniform(-9, -1, 290), np.full(10, np.pi)])
    R = from_axis_angle(axis, angle)
    found, size = axis_and_angle(R)
    np.testing.assert_allclose(from_axis_angle(found, size), R, atol=1e-7)
    np.testing.assert_allclose(size, angle, atol=1e-7)
