"""Standard deviations against errors: over seeds, over gauges, over repeated and independent frames."""

import pytest
import torch

from epipose.geometry.align import similarity_between
from epipose.geometry.bundle import BundleProblem, Free, bundle_adjust
from epipose.geometry.rotation import angle_between, exp
from epipose.geometry.uncertainty import uncertainty
from epipose.skeletons import H36M17
from tests.helpers.synthetic import moving_skeleton, rig

FRAMES, SEEDS = 40, 8
ALIKE = 1e-6  # how far results may depend on the frame of the world
PART = torch.minimum(torch.arange(17), torch.tensor(H36M17.flip)).unique(return_inverse=True)[1]


def rays(camera, xyz):
    p = camera.spread(2).into_frame(xyz)
    return p[..., :2] / p[..., 2:]


def images(frames=FRAMES, seed=0, independent=0.003, repeated=0.0, rounds=1):
    """Rays of the moving skeleton: errors of their own in every frame, and others that each joint keeps in a view.

    ``rounds``: how often the same way is walked.
    """
    camera, xyz = rig().camera, moving_skeleton(frames).repeat(rounds, 1, 1)
    generator = torch.Generator().manual_seed(seed)
    x = rays(camera, xyz)
    bias = torch.randn(4, 1, 17, 2, generator=generator, dtype=torch.float64)
    x = x + independent * torch.randn(x.shape, generator=generator, dtype=x.dtype) + repeated * bias
    weight = torch.ones(x.shape[:-1], dtype=torch.float64)
    return camera, xyz, x, weight, torch.full_like(weight, 0.005)


def adjusted(x, weight, noise, xyz, camera, free, bones=H36M17.bones):
    return bundle_adjust(BundleProblem(x, weight, noise, bones, free), camera.R, camera.t, xyz)


def sure(found, x, weight, noise, free=None, stretch=None, part=PART, bones=H36M17.bones):
    stretch = torch.arange(x.shape[1]) * 20 // x.shape[1] if stretch is None else stretch
    return uncertainty(BundleProblem(x, weight, noise, bones, free or Free()), found, stretch=stretch, part=part)


def errors(found, camera):
    """Of rotations between views (view, view), and of centres after alignment of the whole rig (view)."""
    between = angle_between(found.R[None] @ found.R[:, None].mT, camera.R[None] @ camera.R[:, None].mT)
    center = -(found.R.mT @ found.t[..., None])[..., 0]
    return between, (similarity_between(center, camera.center).apply(center) - camera.center).norm(dim=-1)


def rms(values):
    return float(torch.stack(values).square().mean().sqrt())


@pytest.mark.slow
@pytest.mark.parametrize("free", [Free(), Free(focal="shared")], ids=["known lenses", "focal unknown"])
@pytest.mark.parametrize(("independent", "repeated"), [(0.003, 0.0), (0.001, 0.003)], ids=["noise", "bias"])
def test_errors_are_as_large_as_said(free, independent, repeated):
    of_rotation, of_center, of_focal = [], [], []
    for seed in range(SEEDS):
        camera, xyz, x, weight, noise = images(seed=seed, independent=independent, repeated=repeated)
        found = adjusted(x, weight, noise, xyz, camera, free)
        sigma = sure(found, x, weight, noise, free)
        between, center = errors(found, camera)
        apart = ~torch.eye(4, dtype=torch.bool)
        of_rotation.append(between[apart] / sigma.between[apart])
        of_center.append(center / sigma.center)
        of_focal.append((found.focal - 1) / sigma.focal)
    assert 0.5 < rms(of_rotation) < 2
    assert 0.5 < rms(of_center) < 2
    if free.focal == "known":
        assert not bool(sigma.focal.any() or sigma.radial.any() or sigma.lag.any())
    else:
        assert 0.5 < rms(of_focal) < 2


@pytest.mark.slow
def test_a_clock_is_as_sure_as_said():
    ratio = []
    for seed in range(SEEDS):
        camera, xyz, x, weight, noise = images(seed=seed)
        velocity = torch.gradient(rays(camera, xyz), dim=1)[0]
        free = Free(lag=True)
        problem = BundleProblem(x, weight, noise, H36M17.bones, free, velocity=velocity)
        found = bundle_adjust(problem, camera.R, camera.t, xyz)
        sigma = uncertainty(problem, found, stretch=torch.arange(FRAMES) * 20 // FRAMES, part=PART)
        assert float(sigma.lag[0]) == 0
        ratio.append(found.lag[1:] / sigma.lag[1:])
    assert 0.5 < rms(ratio) < 2


@pytest.mark.parametrize("bones", [(), H36M17.bones], ids=["points", "bones"])
def test_where_the_world_is_and_how_large_does_not_matter(bones):
    """The same answer told in another world: as sure of every angle, and centres in the other world's unit."""
    camera, xyz, x, weight, noise = images()
    free = Free(focal="shared")
    found = adjusted(x, weight, noise, xyz, camera, free, bones)
    turn, shift = exp(torch.tensor([0.4, -0.9, 1.3], dtype=torch.float64)), torch.tensor([5.0, -3.0, 2.0]).double()
    R = found.R @ turn.mT
    moved = found._replace(
        R=R, t=3 * found.t - R @ shift, xyz=3 * found.xyz @ turn.mT + shift, bone_length=3 * found.bone_length
    )
    here, there = (sure(of, x, weight, noise, free, bones=bones) for of in (found, moved))
    assert float(here.rotation.min()) > 0
    assert torch.allclose(here.rotation, there.rotation, rtol=ALIKE)
    assert torch.allclose(here.between, there.between, rtol=ALIKE)
    assert torch.allclose(3 * here.center, there.center, rtol=ALIKE)
    assert torch.allclose(here.focal, there.focal, rtol=ALIKE)
    assert torch.allclose(here.between, here.between.mT)
    assert float(here.between.diagonal().abs().max()) < 1e-9


def test_the_same_frames_once_more_say_nothing_new():
    """Every frame four times, as a detector repeats itself: as sure as before, where stretches of time say so."""
    camera, xyz, x, weight, noise = images()
    found = adjusted(x, weight, noise, xyz, camera, Free())
    copies = torch.arange(FRAMES).repeat_interleave(4)
    repeated = found._replace(xyz=found.xyz[copies])
    arguments = (x[:, copies], weight[:, copies], noise[:, copies])
    once = sure(found, x, weight, noise, stretch=torch.arange(FRAMES))
    again = sure(repeated, *arguments, stretch=copies)
    assert torch.allclose(once.rotation, again.rotation, rtol=1e-3)
    assert torch.allclose(once.center, again.center, rtol=1e-3)
    assert torch.allclose(once.between, again.between, rtol=1e-3)
    believed = sure(repeated, *arguments, stretch=torch.arange(4 * FRAMES), part=torch.zeros(17, dtype=torch.long))
    assert float(believed.between.max()) < 0.7 * float(once.between.max())


@pytest.mark.slow
def test_more_independent_frames_make_it_surer_and_more_of_a_bias_does_not():
    def sigma(rounds, **kind):
        camera, xyz, x, weight, noise = images(rounds=rounds, **kind)
        found = adjusted(x, weight, noise, xyz, camera, Free())
        return float(sure(found, x, weight, noise).between.square().mean().sqrt())

    assert sigma(3) == pytest.approx(3**-0.5 * sigma(1), rel=0.3)
    bias = {"independent": 0.0, "repeated": 0.003}
    assert sigma(3, **bias) > 0.8 * sigma(1, **bias)


def test_larger_errors_make_it_less_sure():
    def sigma(independent):
        camera, xyz, x, weight, noise = images(independent=independent)
        return float(sure(adjusted(x, weight, noise, xyz, camera, Free()), x, weight, noise).between.max())

    assert sigma(0.004) == pytest.approx(4 * sigma(0.001), rel=0.4)


def test_the_camera_that_sees_worst_is_the_least_sure():
    camera, xyz, x, weight, noise = images(independent=0.0)
    generator = torch.Generator().manual_seed(0)
    error = torch.tensor([0.001, 0.001, 0.001, 0.006], dtype=torch.float64)[:, None, None, None]
    x = x + error * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    found = adjusted(x, weight, noise, xyz, camera, Free())
    sigma = sure(found, x, weight, noise)
    assert int(sigma.rotation.argmax()) == 3
    assert float(sigma.between[:3, 3].mean()) > float(sigma.between[[0, 0, 1], [1, 2, 2]].mean())


def test_a_lens_that_is_free_costs_certainty_and_is_never_nan():
    camera, xyz, x, weight, noise = images(30)
    known, free = (
        sure(adjusted(x, weight, noise, xyz, camera, of), x, weight, noise, of)
        for of in (Free(), Free(focal="each", radial="each"))
    )
    assert all(bool(field.isfinite().all()) for field in free)
    assert float(free.between.max()) > float(known.between.max())
    assert float(free.focal.min()) > 0
    assert float(free.radial.min()) > 0
