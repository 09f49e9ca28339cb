"""Twist of a limb: right where the bend shows it, steady where it does not."""

import numpy as np
import pytest

from epipose.motion.rotations import axis_and_angle, from_axis_angle, unit
from epipose.motion.twist import limb_rotation, parallel_transport, smooth

REST, HINGE = np.array([1.0, 0, 0]), np.array([0.0, -1, 0])
FPS = 60.0


def _steps(R: np.ndarray) -> np.ndarray:
    """Degrees from frame to frame."""
    return np.degrees(axis_and_angle(np.swapaxes(R[:-1], -1, -2) @ R[1:])[1])


def _arm(frames: int) -> np.ndarray:
    """An upper arm that swings and twists."""
    t = np.arange(frames) / FPS
    swing = from_axis_angle(np.array([0.0, 0.6, -0.8]), 0.9 * np.sin(3 * t))
    return swing @ from_axis_angle(REST, 0.7 * np.sin(2 * t))


def test_a_bent_limb_has_the_twist_of_its_hinge() -> None:
    R = _arm(240)
    found = limb_rotation(R @ REST, 0.7 * (R @ HINGE), REST, HINGE, FPS)
    np.testing.assert_allclose(found @ REST, R @ REST, atol=1e-9)
    assert np.degrees(axis_and_angle(np.swapaxes(R, -1, -2) @ found)[1]).max() < 4


def test_a_straight_limb_with_noise_does_not_spin() -> None:
    R = _arm(600)
    rng = np.random.default_rng(0)
    along = unit(R @ REST + 0.015 * rng.normal(size=(600, 3)))
    below = unit(R @ REST + 0.015 * rng.normal(size=(600, 3)))
    found = limb_rotation(along, np.cross(along, below), REST, HINGE, FPS)
    alone = np.degrees(np.arccos((along[1:] * along[:-1]).sum(-1).clip(-1, 1)))
    assert (_steps(found) - alone).max() < 2, "the twist adds less than two degrees to what the direction does"
    by_plane = np.degrees(np.arccos((unit(np.cross(along, below))[1:] * unit(np.cross(along, below))[:-1]).sum(-1)))
    assert by_plane.max() > 150, "the plane of the bend alone would spin"


def test_a_hinge_that_is_straight_for_a_while_goes_over_smoothly() -> None:
    """Bent, straight, and bent again with the twist half a turn away: no jump between."""
    frames = np.arange(180)
    angle = np.where(frames < 90, 0.0, np.pi * 0.97)
    R = from_axis_angle(REST, angle)
    bend = np.where((frames > 60) & (frames < 120), 0.0, 0.6)
    found = limb_rotation(R @ REST, bend[:, None] * (R @ HINGE), REST, HINGE, FPS)
    assert _steps(found).max() < 12
    assert np.degrees(axis_and_angle(np.swapaxes(R, -1, -2) @ found)[1])[[20, 160]].max() < 5


def test_without_any_bend_the_rotation_is_the_smallest() -> None:
    along = np.repeat(unit(np.array([[0.3, -0.8, 0.2]])), 40, 0)
    found = limb_rotation(along, np.zeros((40, 3)), REST, HINGE, FPS)
    angle = axis_and_angle(found)[1]
    np.testing.assert_allclose(angle, np.arccos(along[:, 0]), atol=1e-6)


def test_parallel_transport_takes_the_smallest_rotation_in_every_frame() -> None:
    along = _arm(100) @ REST
    carried = parallel_transport(along, REST)
    np.testing.assert_allclose(carried @ REST, along, atol=1e-9)
    np.testing.assert_allclose(
        _steps(carried), np.degrees(np.arccos((along[1:] * along[:-1]).sum(-1).clip(-1, 1))), atol=1e-5
    )


@pytest.mark.parametrize("count", [1, 2, 3, 8, 100])
def test_smoothing_solves_its_equations(count: int) -> None:
    rng = np.random.default_rng(count)
    weight, pull, stiffness = rng.uniform(0.001, 1, count), rng.normal(size=count), 7.0
    difference = np.diff(np.eye(count), axis=0)
    matrix = np.diag(weight) + stiffness * difference.T @ difference
    np.testing.assert_allclose(smooth(pull, weight, stiffness), np.linalg.solve(matrix, pull), atol=1e-8)
