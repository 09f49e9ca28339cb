"""Euler angles against the rotations that they come from, SciPy's, and their own continuity."""

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from epipose.motion.euler import continuous_euler, to_euler
from epipose.motion.rotations import continuous_quaternions, from_euler

ORDERS = ["".join(order) for order in itertools.permutations("xyz")]


@pytest.mark.parametrize("axes", ORDERS)
def test_angles_give_the_rotation_and_are_scipys(axes: str) -> None:
    R = Rotation.random(200, random_state=0).as_matrix()
    angles = to_euler(axes, R)
    np.testing.assert_allclose(from_euler(axes, angles), R, atol=1e-12)
    np.testing.assert_allclose(angles, Rotation.from_matrix(R).as_euler(axes.upper()), atol=1e-9)


@pytest.mark.parametrize("axes", ORDERS)
def test_the_singular_middle_angle_is_no_loss(axes: str) -> None:
    R = from_euler(axes, np.array([[0.7, sign * np.pi / 2, -0.4] for sign in (1.0, -1.0)]))
    np.testing.assert_allclose(from_euler(axes, to_euler(axes, R)), R, atol=1e-7)


@pytest.mark.parametrize("axes", ORDERS)
def test_angles_go_on_through_half_and_quarter_turns(axes: str) -> None:
    t = np.linspace(0, 1, 300)
    angles = np.stack([9 * t, 0.2 + 2.5 * np.sin(3 * t), -7 * t], -1)  # each past its border, more than once
    found = continuous_euler(axes, from_euler(axes, angles))
    np.testing.assert_allclose(found, angles, atol=1e-9)


def test_quaternions_keep_their_sign() -> None:
    R = from_euler("zxy", np.stack([np.linspace(0, 20, 400), np.linspace(0, 3, 400), np.zeros(400)], -1))
    q = continuous_quaternions(R)
    np.testing.assert_allclose(Rotation.from_quat(q).as_matrix(), R, atol=1e-9)
    assert np.linalg.norm(np.diff(q, axis=0), axis=-1).max() < 0.04
