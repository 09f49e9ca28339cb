"""Refined rig: focal lengths, distortion and lags where they are unknown and the footage supports them."""

import dataclasses

import pytest
import torch

import epipose.calibration.adjustment
import epipose.calibration.initial_rig
from epipose.calibration.calibrate import calibrate_rig
from epipose.calibration.refine_rig import refine_rig
from epipose.calibration.rig_options import RigOptions
from epipose.camera import Rig, assumed_camera, stack_cameras
from epipose.geometry.rotation import angle_between, exp
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig

FRAMES = 40
ALL = torch.arange(FRAMES)
AT_ONCE = (0.0, 0.0, 0.0, 0.0)
FOCAL_SHARED = RigOptions(focal="shared", center="known")


def through(k1=0.0):
    """The S1 rig through lenses whose only distortion is k1."""
    distortion = torch.zeros(4, 5, dtype=torch.float64)
    distortion[:, 0] = k1
    return dataclasses.replace(rig(), camera=dataclasses.replace(rig().camera, distortion=distortion))


def clip(cameras, lag=AT_ONCE, pixels=1.0):
    """The moving skeleton in views that are late by some frames: what they show lies between its frames."""
    walk, around = moving_skeleton(FRAMES + 10), 5
    seen = []
    for view, late in enumerate(lag):
        at = ALL + around - late
        before, share = at.floor().long(), (at - at.floor())[:, None, None]
        one = Rig(("one",), cameras.camera[view : view + 1])
        seen.append(detections(one, (1 - share) * walk[before] + share * walk[before + 1], pixels, seed=view)[0])
    uv = torch.cat(seen)
    return Poses2D(uv[:, :, None], torch.ones_like(uv[:, :, None, :, 0]), H36M17, cameras.names)


def start(cameras, focal=(1.0, 1.0, 1.0, 1.0), wrong=0.02):
    """An initial rig: cameras off by some hundredths of a radian and a metre, focal lengths by factors."""
    generator = torch.Generator().manual_seed(1)
    R, t, K = cameras.camera.R.clone(), cameras.camera.t.clone(), cameras.camera.K.clone()
    R[1:] = exp(wrong * torch.randn(3, 3, generator=generator, dtype=torch.float64)) @ R[1:]
    t[1:] += wrong * torch.randn(3, 3, generator=generator, dtype=torch.float64)
    K[:, :2, :2] *= torch.tensor(focal, dtype=torch.float64)[:, None, None]
    return dataclasses.replace(cameras, camera=dataclasses.replace(cameras.camera, K=K, R=R, t=t))


def worst_degrees(found, true):
    return float(
        torch.rad2deg(angle_between(*(of.camera.R[:, None] @ of.camera.R[None].mT for of in (found, true)))).max()
    )


def test_known_intrinsics_stay_bit_for_bit_and_an_initial_rig_gets_better():
    first = start(rig())
    found = refine_rig(clip(rig()), first, ALL)
    assert torch.equal(found.rig.camera.K, rig().camera.K)
    assert torch.equal(found.rig.camera.distortion, rig().camera.distortion)
    assert torch.equal(found.rig.camera.size, rig().camera.size)
    assert not bool(found.sigma.focal.any() or found.sigma.radial.any())
    assert worst_degrees(found.rig, rig()) < 0.3 < worst_degrees(first, rig())
    assert not bool(found.swapped.any())
    assert bool((found.agreed == 1).all())


def test_views_of_one_clock_keep_a_lag_of_exactly_none():
    found = refine_rig(clip(rig()), start(rig()), ALL)
    assert not bool(found.rig.lag.any())
    assert not found.free.lag
    assert not bool(found.sigma.lag.any())


@pytest.mark.slow
@pytest.mark.parametrize("lag", [(0.0, 0.4, 0.0, -0.3), (0.0, 0.0, 3.0, 0.0), (0.0, -2.3, 0.0, 3.4)], ids=str)
def test_late_views_are_found_and_made_up_for(lag):
    poses, first = clip(rig(), lag), start(rig())
    found = refine_rig(poses, first, ALL)
    assert torch.allclose(found.rig.lag, torch.tensor(lag, dtype=torch.float64), atol=0.06)
    assert float(found.rig.lag[0]) == 0
    assert bool((found.sigma.lag[1:] < 0.1).all() and (found.sigma.lag[1:] > 0).all())
    assert worst_degrees(found.rig, rig()) < 0.3
    if lag[2] == 3:
        believed = refine_rig(poses, first, ALL, RigOptions(clocks=False))
        assert not bool(believed.rig.lag.any())
        assert worst_degrees(believed.rig, rig()) > 2


@pytest.mark.slow
def test_lags_that_were_known_before_are_gone_on_from():
    poses, lag = clip(rig(), (0.0, 0.0, 2.0, 0.0)), torch.tensor([0.0, 0.0, 2.0, 0.0], dtype=torch.float64)
    found = refine_rig(poses, dataclasses.replace(start(rig()), lag=lag), ALL)
    assert torch.equal(found.rig.lag, lag)
    nearly = refine_rig(poses, dataclasses.replace(start(rig()), lag=lag + torch.tensor([0.0, 0.0, 0.5, 0.0])), ALL)
    assert torch.allclose(nearly.rig.lag, lag, atol=0.06)


@pytest.mark.parametrize(
    ("sharing", "off"), [("shared", (0.9,) * 4), ("each", (0.9, 1.1, 1.05, 0.93))], ids=["shared", "each"]
)
def test_focal_lengths_that_were_assumed_are_corrected(sharing, off):
    true = through()
    found = refine_rig(clip(true), start(true, off), ALL, RigOptions(focal=sharing, center="known"))
    error = found.rig.camera.focal / true.camera.focal - 1
    assert float(error.abs().max()) < 0.02
    assert bool((error.abs() < 4 * found.sigma.focal).all())
    assert float(found.sigma.focal.max()) < 0.02
    assert found.free.radial == "shared"
    assert bool((found.bundle.radial.abs() < 4 * found.sigma.radial).all())  # there is no distortion
    assert torch.equal(found.rig.camera.K[:, :2, 2], true.camera.K[:, :2, 2])
    assert worst_degrees(found.rig, true) < 0.5
    if sharing == "shared":
        assert float(error.std()) < 1e-9
    assert not bool(found.doubt.focal.any())


def lens_error(found, true):
    """Largest difference in pixels of where the lenses show the person, seen from the true places."""
    walk, place = moving_skeleton(FRAMES + 10)[5:-5], true.camera
    pixels = [dataclasses.replace(of.camera, R=place.R, t=place.t).spread(2).project(walk) for of in (found, true)]
    return float((pixels[0] - pixels[1]).norm(dim=-1).max())


@pytest.mark.parametrize("given", [0.0, -0.15], ids=["none given", "half of it given"])
def test_strong_distortion_is_estimated_where_lenses_are_unknown(given):
    true, first = through(k1=-0.3), start(through(k1=given), (0.9,) * 4)
    found = refine_rig(clip(true), first, ALL, FOCAL_SHARED)
    assert found.free.radial == "shared"
    assert lens_error(found.rig, true) < 0.5 * lens_error(through(k1=given), true)
    assert float((found.rig.camera.focal / true.camera.focal - 1).abs().max()) < 0.02
    assert worst_degrees(found.rig, true) < 0.5


def test_distortion_that_was_given_holds_when_the_focal_length_turns_out_another():
    """It was measured in units of the focal length in the file."""
    true = through(k1=-0.3)
    found = refine_rig(clip(true), start(through(k1=-0.3 / 0.8**2), (0.8**-1,) * 4), ALL, FOCAL_SHARED)
    assert lens_error(found.rig, true) < 4


@pytest.mark.slow
def test_a_given_focal_length_that_does_not_fit_is_doubted_and_kept():
    wrong = start(through(), (1.0, 1.15, 1.0, 1.0))
    found = refine_rig(clip(through()), wrong, ALL)
    assert torch.equal(found.rig.camera.K, wrong.camera.K)
    change, sigma = found.doubt.focal.unbind(-1)
    assert int(change.abs().argmax()) == 1
    assert float(change[1]) < -3 * float(sigma[1])
    honest = refine_rig(clip(through()), start(through()), ALL).doubt.focal
    assert bool((honest[:, 0].abs() < 4 * honest[:, 1]).all())


def test_swapped_frames_are_repaired_and_told():
    poses, flip = clip(rig()), list(H36M17.flip)
    poses.xy[2, 10:18] = poses.xy[2, 10:18][:, :, flip]
    found = refine_rig(poses, start(rig()), ALL)
    assert found.swapped.nonzero().tolist() == [[2, frame] for frame in range(10, 18)]
    assert worst_degrees(found.rig, rig()) < 0.3


def test_swaps_are_looked_for_again_only_where_the_cameras_have_turned(monkeypatch):
    correct, looked_at = epipose.calibration.adjustment.correct_swaps, []

    def counted(observed, R, t, flip):
        looked_at.append(R)
        return correct(observed, R, t, flip)

    monkeypatch.setattr(epipose.calibration.adjustment, "correct_swaps", counted)
    refine_rig(clip(rig()), rig(), ALL)
    assert len(looked_at) == 1
    looked_at.clear()
    turn = exp(torch.tensor([[0.0, 0.0, 0.0], [0.03, 0.0, 0.0], [0.0, 0.03, 0.0], [0.0, 0.0, 0.03]]).double())
    off = dataclasses.replace(rig(), camera=rig().camera.with_pose(turn @ rig().camera.R, rig().camera.t))
    refine_rig(clip(rig()), off, ALL)
    assert len(looked_at) == 2
    assert float(angle_between(*looked_at).max()) > 0.01


def test_only_the_frames_asked_for_are_looked_at():
    poses, some = clip(rig()), torch.arange(0, FRAMES, 2)
    spoiled = dataclasses.replace(poses, xy=poses.xy.clone())
    spoiled.xy[:, 1::2] += 100.0
    found = refine_rig(poses, start(rig()), some, RigOptions(clocks=False))
    assert found.observed.x.shape[1] == found.swapped.shape[1] == len(found.agreed) == len(some)
    assert torch.allclose(
        found.rig.camera.R, refine_rig(spoiled, start(rig()), some, RigOptions(clocks=False)).rig.camera.R
    )


@pytest.mark.slow
def test_a_lens_nobody_described_is_found_from_nothing(monkeypatch):
    """From the size of the images alone; S1's lenses bend rays, and are a seventh longer than the image is wide."""
    monkeypatch.setattr(epipose.calibration.initial_rig, "FOCAL_RATIOS", (0.65, 1.0))
    true = rig().select(rig().names[:3])
    assumed = stack_cameras([assumed_camera(*size) for size in true.camera.size.tolist()])
    found = calibrate_rig(clip(true, AT_ONCE[:3]), Rig(true.names, assumed), RigOptions(focal="shared"))
    assert float((found.rig.camera.focal / true.camera.focal - 1).abs().max()) < 0.03
    assert worst_degrees(found.rig, true) < 2
    assert 0 < found.evidence.focal_sigma_pct < 3
    assert "estimated, one for all cameras" in found.cameras[0].lens
