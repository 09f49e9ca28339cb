"""Variance components: noise per part and view, and part weights, against errors that were drawn with known sizes."""

import dataclasses

import pytest
import torch

from epipose.geometry.bundle import BundleProblem, bundle_adjust
from epipose.geometry.noise_components import CAUCHY_SIGMAS, measured_noise, part_weights
from epipose.geometry.observations import observe
from epipose.geometry.parameters import Priors
from epipose.geometry.part_equations import equations_of_parts
from epipose.geometry.residuals import BundleResiduals
from epipose.poses import Poses2D
from epipose.skeletons import BLAZEPOSE33, H36M17
from tests.helpers.synthetic import moving_skeleton, rig

FRAMES = 120
PART = H36M17.error_parts
WRISTS = int(PART[H36M17.index("left_wrist")])


def seen(pixels, views=4, seed=0, wild=0.0):
    """Observations of the walk; ``pixels`` (view, 1, joint, 1) or a number is the standard deviation of the error."""
    true = rig().select(rig().names[:views])
    xy = true.camera.spread(2).project(moving_skeleton(FRAMES))
    generator = torch.Generator().manual_seed(seed)
    xy = xy + pixels * torch.randn(xy.shape, generator=generator, dtype=xy.dtype)
    far = torch.rand(xy.shape[:-1], generator=generator) < wild
    xy = xy + 100 * far[..., None] * torch.randn(xy.shape, generator=generator, dtype=xy.dtype)
    return observe(Poses2D(xy[:, :, None], torch.ones(xy[:, :, None, :, 0].shape), H36M17, true.names), true), true, far


def in_pixels(tuned, true):
    return tuned.noise / CAUCHY_SIGMAS * true.camera.focal[:, None, None]


@pytest.mark.parametrize("views", [2, 3, 4])
@pytest.mark.parametrize("pixels", [1.0, 6.0])
def test_the_noise_of_a_detector_is_found(views, pixels):
    observed, true, _ = seen(pixels, views)
    noise = in_pixels(measured_noise(observed, true.camera.R, true.camera.t, PART), true)
    assert float(noise.median()) == pytest.approx(pixels, rel=0.15)


def test_a_noisy_part_and_a_noisy_view_are_told_apart():
    pixels = 3.0 * torch.ones(4, 1, 17, 1, dtype=torch.float64)
    pixels[:, :, PART == WRISTS] *= 3
    pixels[2] *= 2
    observed, true, _ = seen(pixels)
    noise = in_pixels(measured_noise(observed, true.camera.R, true.camera.t, PART), true)
    usual = noise[0, :, PART != WRISTS].median()
    assert float(noise[0, :, PART == WRISTS].median() / usual) == pytest.approx(3, rel=0.25)
    assert float(noise[2, :, PART != WRISTS].median() / usual) == pytest.approx(2, rel=0.4)


def test_what_lies_far_outside_does_not_count():
    observed, true, far = seen(3.0, wild=0.03)
    tuned = measured_noise(observed, true.camera.R, true.camera.t, PART)
    assert float((tuned.weight[far] == 0).double().mean()) > 0.85
    assert float((tuned.weight[~far] == 0).double().mean()) < 0.05
    assert float(in_pixels(tuned, true).median()) == pytest.approx(3, rel=0.15)


def test_a_joint_that_is_hardly_seen_takes_the_noise_of_the_others():
    observed, true, _ = seen(3.0)
    weight = observed.weight.clone()
    weight[:, 5:, PART == WRISTS] = 0
    tuned = measured_noise(dataclasses.replace(observed, weight=weight), true.camera.R, true.camera.t, PART)
    assert bool(tuned.noise.isfinite().all())
    assert float(in_pixels(tuned, true)[:, :, PART == WRISTS].median()) == pytest.approx(3, rel=0.15)


def adjusted(observed, true, weight=None):
    tuned = measured_noise(observed, true.camera.R, true.camera.t, PART)
    tuned = tuned if weight is None else tuned.weighted(weight)
    problem = BundleProblem(tuned.x, tuned.weight, tuned.noise)
    return problem, bundle_adjust(problem, true.camera.R, true.camera.t, moving_skeleton(FRAMES))


def test_parts_with_independent_errors_count_alike():
    observed, true, _ = seen(3.0)
    weight = part_weights(*adjusted(observed, true), PART)
    assert float(weight.min()) > 0.5
    assert float(weight.max()) <= 1


def biased(pixels=8.0):
    """Wrists that every camera sees at a place of its own, off by the same pixels in all frames."""
    observed, true, _ = seen(2.0)
    generator = torch.Generator().manual_seed(3)
    shift = pixels * torch.randn(4, 1, 2, 2, generator=generator, dtype=torch.float64)
    x = observed.x.clone()
    x[:, :, PART == WRISTS] += shift / true.camera.focal[:, None, None, None]
    return dataclasses.replace(observed, x=x), true


def test_a_part_that_pulls_the_cameras_counts_less():
    observed, true = biased()
    weight = part_weights(*adjusted(observed, true), PART)
    assert float(weight[PART == WRISTS].max()) < 0.3 * float(weight[PART != WRISTS].median())
    assert float(weight[PART != WRISTS].min()) > 0.4


def test_weights_do_not_hang_on_the_unit_of_weight():
    observed, true = biased()
    problem, found = adjusted(observed, true)
    seldom = part_weights(dataclasses.replace(problem, weight=problem.weight / 4), found, PART)
    often = part_weights(problem, found, PART)
    assert bool((seldom >= often - 1e-9).all()), "a quarter of the observations pulls a quarter as far beyond chance"


def test_a_part_nobody_sees_has_a_weight_too():
    observed, true, _ = seen(3.0)
    weight = observed.weight.clone()
    weight[:, :, PART == WRISTS] = 0
    found = part_weights(*adjusted(dataclasses.replace(observed, weight=weight), true), PART)
    assert float(found[PART == WRISTS].min()) == 1


def test_joints_that_err_together_are_one_part():
    for skeleton in (H36M17, BLAZEPOSE33):
        part, at = skeleton.error_parts, skeleton.index
        assert part[at("left_hip")] == part[at("right_hip")] != part[at("left_knee")]
        assert part[at("left_wrist")] == part[at("right_wrist")] != part[at("left_elbow")]
        assert sorted(part.unique().tolist()) == list(range(int(part.max()) + 1))
    assert H36M17.error_parts[H36M17.index("pelvis")] == H36M17.error_parts[H36M17.index("left_hip")]
    assert H36M17.error_parts[H36M17.index("head")] == H36M17.error_parts[H36M17.index("neck_nose")]
    face = BLAZEPOSE33.error_parts[:11]
    assert len(face.unique()) == 1


def test_the_equations_of_all_parts_add_up_to_those_of_the_whole():
    observed, true, _ = seen(3.0)
    problem, found = adjusted(observed, true)
    parts = equations_of_parts(problem, found, [(part == PART).nonzero()[:, 0] for part in range(int(PART.max()) + 1)])
    none = dataclasses.replace(problem, bones=(), priors=Priors())
    whole = BundleResiduals(none, found.xyz, None).equations(found).damped(0.0).eliminate()
    assert torch.allclose(torch.stack([of.shared for of in parts]).sum(0), whole.shared, rtol=1e-6, atol=1e-3)
    assert torch.allclose(torch.stack([of.shared_g for of in parts]).sum(0), whole.shared_g, rtol=1e-6, atol=1e-3)
