"""Which camera differs between two rigs that should be one, and by how much."""

from dataclasses import replace

import pytest
import torch

from epipose.calibration.refine_rig import RefinedRig
from epipose.calibration.rig_difference import rig_alignment, rig_differences
from epipose.calibration.supported_unknowns import IntrinsicsDoubt
from epipose.geometry.bundle import Free
from epipose.geometry.observations import Observations
from epipose.geometry.rotation import exp
from epipose.geometry.uncertainty import Uncertainty
from tests.helpers.synthetic import rig

SIGMA_DEG, SIGMA_M = 0.1, 0.01


def estimate(cameras, sigma_deg=SIGMA_DEG, focal_doubt=0.0):
    """A rig with the same stated errors for all its cameras."""
    views = len(cameras.names)
    each = torch.ones(views, dtype=torch.float64)
    turn = torch.deg2rad(torch.tensor(sigma_deg)) * each
    known = {"rotation": turn, "center": SIGMA_M * each, "between": turn * torch.ones(views, views)}
    others = {name: 0 * each for name in Uncertainty._fields if name not in known}
    sigma = Uncertainty(**known, **others)
    empty = torch.zeros(views, 1, 17, dtype=torch.float64)
    seen = Observations(torch.zeros(views, 1, 17, 2, dtype=torch.float64), empty, empty + 1)
    doubt = torch.tensor([[focal_doubt, 0.01]] + [[0.0, 0.01]] * (views - 1), dtype=torch.float64)
    return RefinedRig(
        cameras, sigma, Free(), seen, empty[..., 0] > 0, empty[0], replace(IntrinsicsDoubt.none(views), focal=doubt)
    )


def elsewhere(cameras, turn=(0.3, -0.8, 1.2), shift=(2.0, 1.0, -3.0), scale=1.7):
    """The same rig in another world."""
    return cameras.moved(scale, exp(torch.tensor(turn, dtype=torch.float64)), torch.tensor(shift, dtype=torch.float64))


def touched(cameras, view, degrees=0.0, metres=0.0):
    camera = cameras.camera
    R, center = camera.R.clone(), camera.center.clone()
    R[view] = exp(torch.deg2rad(torch.tensor([degrees, 0.0, 0.0], dtype=torch.float64))) @ R[view]
    center[view, 0] += metres
    return replace(cameras, camera=camera.with_pose(R, -(R @ center[..., None])[..., 0]))


def test_the_alignment_takes_one_world_onto_the_other():
    true = rig()
    other = elsewhere(true)
    move = rig_alignment((true.camera.R, true.camera.t), (other.camera.R, other.camera.t))
    assert torch.allclose(move.apply(true.camera.center), other.camera.center)
    assert torch.allclose(true.camera.R @ move.R.mT, other.camera.R)


def test_the_same_cameras_in_another_world_do_not_differ():
    assert rig_differences(estimate(rig()), estimate(elsewhere(rig()))) == ()


@pytest.mark.parametrize("views", [3, 4])
@pytest.mark.parametrize("view", [0, 2])
def test_a_camera_that_was_turned_is_named_with_its_angle(view, views):
    true = rig().select(rig().names[:views])
    (found,) = rig_differences(estimate(touched(true, view, degrees=2)), estimate(elsewhere(true)))
    assert found.camera == true.names[view]
    assert found.turn_deg == pytest.approx(2, abs=1e-6)
    assert found.turn_sigma_deg == pytest.approx(2**0.5 * SIGMA_DEG, rel=1e-3)
    assert found.words() == f"{true.names[view]} was turned by 2.0 degrees (sigma 0.14)"


def test_a_camera_that_was_carried_elsewhere_is_named():
    (found,) = rig_differences(estimate(touched(rig(), 1, metres=0.5)), estimate(elsewhere(rig())))
    assert found.camera == rig().names[1]
    assert "moved by" in found.words()
    assert "turned" not in found.words()


def test_two_cameras_that_were_turned_are_both_named():
    both = touched(touched(rig(), 1, degrees=3), 3, degrees=-2)
    found = rig_differences(estimate(both), estimate(rig()))
    assert [one.camera for one in found] in ([rig().names[1], rig().names[3]], [rig().names[0], rig().names[2]])


def test_a_zoom_shows_in_a_given_focal_length_too():
    (found,) = rig_differences(estimate(rig(), focal_doubt=0.1), estimate(rig()))
    assert found.camera == rig().names[0]
    assert "zoomed by +10%" in found.words()
    assert rig_differences(estimate(rig(), focal_doubt=0.1), estimate(rig(), focal_doubt=0.1)) == ()


def test_a_difference_within_the_stated_errors_is_none():
    true, other = estimate(rig()), touched(rig(), 2, degrees=2)
    assert rig_differences(estimate(other, sigma_deg=1.0), true) == ()
    assert rig_differences(estimate(touched(rig(), 2, degrees=0.4), sigma_deg=0.01), true) == ()  # small in itself


def test_of_two_cameras_nothing_tells_which_was_turned():
    true = rig().select(rig().names[:2])
    found = rig_differences(estimate(touched(true, 1, degrees=5)), estimate(true))
    assert {one.camera for one in found} == set(true.names)
