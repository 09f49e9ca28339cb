"""Clips of one rig adjusted together: against one bundle over all frames, and against the truth."""

from dataclasses import replace

import pytest
import torch

from epipose.errors import InputError
from epipose.geometry.bundle import BundleProblem, Free, Priors, bundle_adjust
from epipose.geometry.pooled_bundle import adjust_together, camera_unknowns, with_shared_priors
from epipose.geometry.pooled_uncertainty import uncertainty_together
from epipose.geometry.residuals import BundleResiduals
from epipose.geometry.rotation import angle_between, exp
from epipose.geometry.uncertainty import uncertainty
from epipose.skeletons import H36M17
from tests.helpers.synthetic import moving_skeleton, rig

PART = torch.minimum(torch.arange(17), torch.tensor(H36M17.flip)).unique(return_inverse=True)[1]
LAGS = ((0.0, 0.3, 0.0, -0.2), (0.0, -0.25, 0.1, 0.0), (0.0, 0.0, 0.2, 0.4))


def clip(seed, frames=20, noise=0.002, lag=LAGS[0], size=1.0, free=None, bones=H36M17.bones, priors=None):
    """One person (``size`` times as tall as usual) before S1's rig: the problem, and a start that is off."""
    camera, walk = rig().camera, size * moving_skeleton(frames + 2, seed)
    late = torch.tensor(lag, dtype=torch.float64)[:, None, None, None]
    before, after = torch.where(late < 0, walk[2:], walk[:-2]), walk[1:-1]
    p = (late.abs() * before + (1 - late.abs()) * after) @ camera.R[:, None].mT + camera.t[:, None, None]
    x = p[..., :2] / p[..., 2:]
    velocity = torch.gradient(x, dim=1)[0]
    generator = torch.Generator().manual_seed(seed)
    x = x + noise * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    weight = torch.ones(x.shape[:-1], dtype=torch.float64)
    problem = BundleProblem(
        x, weight, torch.full_like(weight, 0.005), bones, free or Free(), priors or Priors(), velocity
    )
    off = exp(0.01 * torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    xyz = walk[1:-1] + 0.02 * torch.randn(walk[1:-1].shape, generator=generator, dtype=x.dtype)
    bone = torch.full((len(bones),), 0.02, dtype=torch.float64)
    return problem, BundleResiduals(problem, xyz, bone).start(off @ camera.R, camera.t, xyz, None)


def together(clips, **options):
    return adjust_together([problem for problem, _ in clips], [start for _, start in clips], **options)


def concatenated(problems):
    fields = {
        name: torch.cat([getattr(of, name) for of in problems], 1) for name in ("x", "weight", "noise", "velocity")
    }
    return replace(problems[0], **fields)


@pytest.mark.parametrize("free", [Free(), Free(focal="shared", radial="shared")], ids=["poses", "lenses"])
def test_without_bones_and_lags_it_is_the_bundle_over_all_frames(free):
    still = (0.0,) * 4
    clips = [clip(seed, 12, lag=still, free=free, bones=()) for seed in range(3)]
    found = together(clips, min_gain=1e-14)
    problem, start = concatenated([of for of, _ in clips]), clips[0][1]
    xyz = torch.cat([of.xyz for _, of in clips])
    whole = bundle_adjust(problem, start.R, start.t, xyz, start=start, steps=300, min_gain=1e-14)
    assert float(angle_between(found[0].R, whole.R).max()) < 1e-6
    assert torch.allclose(found[0].t, whole.t, atol=1e-6)
    assert torch.allclose(found[0].focal, whole.focal, rtol=1e-6)
    assert torch.allclose(torch.cat([of.xyz for of in found]), whole.xyz, atol=1e-5)
    assert sum(of.cost for of in found) == pytest.approx(whole.cost, rel=1e-9)
    stretch = [torch.arange(12), torch.arange(12), torch.arange(12)]
    of_pool = uncertainty_together([of for of, _ in clips], found, stretch=stretch, part=PART)
    of_whole = uncertainty(problem, whole, stretch=torch.arange(36), part=PART)
    assert torch.allclose(of_pool.between, of_whole.between, rtol=0.02)
    assert torch.allclose(of_pool.center, of_whole.center, rtol=0.02)
    assert torch.allclose(of_pool.focal, of_whole.focal, rtol=0.02)


def test_one_clip_is_a_bundle_of_its_own():
    problem, start = clip(0, free=Free(focal="shared", lag=True))
    found = together([(problem, start)], min_gain=1e-13)[0]
    alone = bundle_adjust(
        problem, start.R, start.t, start.xyz, start=start, bone_sigma=start.bone_sigma, steps=300, min_gain=1e-13
    )
    assert float(angle_between(found.R, alone.R).max()) < 1e-6
    assert torch.allclose(found.lag, alone.lag, atol=1e-5)
    assert torch.allclose(found.bone_length, alone.bone_length, rtol=1e-5)
    of_pool = uncertainty_together([problem], [found], stretch=[torch.arange(20)], part=PART)
    of_alone = uncertainty(problem, found, stretch=torch.arange(20), part=PART)
    # not quite alike: what bones and lags say is taken into account after the body parts' shares are, or before
    assert torch.allclose(of_pool.between, of_alone.between, rtol=0.4)
    assert torch.allclose(of_pool.focal, of_alone.focal, rtol=0.4)


def test_every_clip_has_bones_and_lags_of_its_own():
    free = Free(lag=True)
    clips = [
        clip(seed, 30, 0.0005, lag, size, free) for seed, lag, size in zip(range(3), LAGS, (0.8, 1, 1.15), strict=True)
    ]
    found = together(clips)
    for of, lag, size in zip(found, LAGS, (0.8, 1, 1.15), strict=True):
        assert torch.allclose(of.lag, torch.tensor(lag, dtype=torch.float64), atol=0.05)
        assert float(of.bone_length[1] / found[1].bone_length[1]) == pytest.approx(size, rel=0.01)
        assert torch.equal(of.R, found[0].R)
        assert torch.equal(of.t, found[0].t)
    true = rig().camera
    between = [R[:, None] @ R[None].mT for R in (found[0].R, true.R)]
    assert float(torch.rad2deg(angle_between(*between)).max()) < 0.1


def test_the_cost_falls_to_less_than_with_the_cameras_of_any_clip():
    clips = [clip(seed, 25) for seed in range(2)]
    found = together(clips)
    for problem, start in clips:
        own = bundle_adjust(problem, start.R, start.t, start.xyz, bone_sigma=start.bone_sigma)
        fixed = [
            bundle_adjust(replace(of, free=Free(poses=False)), own.R, own.t, result.xyz, bone_sigma=begin.bone_sigma)
            for (of, begin), result in zip(clips, found, strict=True)
        ]
        assert sum(of.cost for of in found) < sum(of.cost for of in fixed)


def test_the_prior_on_a_lens_counts_once():
    """Twice the same clip with half the weights each is that clip, also where the prior decides."""
    priors = Priors(focal_sigma=1e-3)
    problem, start = clip(0, free=Free(focal="shared"), bones=(), priors=priors)
    problem = replace(problem, x=1.05 * problem.x)
    once = together([(problem, start)], min_gain=1e-13)[0]
    half = replace(problem, weight=problem.weight / 2)
    twice = together([(half, start), (half, start)], min_gain=1e-13)
    assert 1.0 < float(once.focal[0]) < 1.04
    assert torch.allclose(twice[0].focal, once.focal, rtol=1e-6)
    assert with_shared_priors([problem, problem])[0].priors.lag_sigma == priors.lag_sigma


def test_cameras_come_first_among_the_unknowns():
    for free in (Free(), Free(lag=True), Free(focal="each", radial="shared", lag=True)):
        for bones in ((), H36M17.bones):
            problem, start = clip(0, 5, free=free, bones=bones)
            residuals = BundleResiduals(problem, start.xyz, start.bone_sigma)
            count = camera_unknowns(residuals)
            still = BundleResiduals(replace(problem, free=replace(free, lag=False), bones=()), start.xyz, None)
            assert count == still.shared
            assert torch.equal(residuals.column[:, :6], still.column[:, :6])


def test_other_unknowns_are_refused():
    with pytest.raises(InputError, match="same unknowns"):
        together([clip(0), clip(1, free=Free(focal="each"))])


def test_more_clips_make_the_cameras_surer_and_a_bias_of_the_detector_does_not_average_out():
    clips = [clip(seed, 20) for seed in range(4)]
    found = together(clips)
    stretch = [torch.arange(20)] * 4
    four = uncertainty_together([problem for problem, _ in clips], found, stretch=stretch, part=PART).between.max()
    alone = uncertainty(clips[0][0], together(clips[:1])[0], stretch=stretch[0], part=PART).between.max()
    assert float(four) < 0.75 * float(alone)
    problem, start = clip(0, 40, noise=0.0)
    bias = 0.004 * torch.randn(4, 1, 17, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    same = [(replace(problem, x=problem.x + bias), start)] * 4  # the same walk again: nothing new
    stretch = [torch.arange(40) // 2] * 4
    one, four = (
        uncertainty_together([of for of, _ in some], together(some), stretch=stretch[: len(some)], part=PART).between
        for some in (same[:1], same)
    )
    assert float(four.max()) > 0.8 * float(one.max())


@pytest.mark.slow
def test_memory_for_the_equations_does_not_grow_with_the_clips(monkeypatch):
    """No more than one clip's equations are alive at a time."""
    alive, most = 0, 0

    class Counted:
        def __init__(self):
            nonlocal alive, most
            alive += 1
            most = max(most, alive)

        def __del__(self):
            nonlocal alive
            alive -= 1

    plain = BundleResiduals.equations

    def counted(self, state):
        arrow = plain(self, state)
        arrow.counted = Counted()  # type: ignore[attr-defined]
        return arrow

    monkeypatch.setattr(BundleResiduals, "equations", counted)
    together([clip(seed, 10) for seed in range(5)], steps=3)
    assert most == 1
