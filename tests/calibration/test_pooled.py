"""Clips of one rig calibrated together: better cameras, one world, and the clips that do not belong named."""

from dataclasses import replace

import pytest
import torch

from epipose.calibration.calibrate import calibrate_rig
from epipose.calibration.pooled import ClipInput, calibrate_together
from epipose.calibration.rig_options import RigOptions
from epipose.camera import Camera, Rig
from epipose.errors import CalibrationError, InputError
from epipose.geometry.rotation import angle_between, exp
from epipose.poses import Poses2D
from epipose.reconstruction.scale import Scale
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig

FRAMES = 30
LAGS_KNOWN = RigOptions(clocks=False)


def clip(name, seed, cameras=None, size=1.0, roam=1.2, frames=FRAMES, pixels=4.0, measure=None):
    cameras = cameras or rig()
    uv, conf = detections(cameras, size * moving_skeleton(frames, seed, roam), pixels, 0.02, seed)
    return ClipInput(name, Poses2D(uv[:, :, None], conf[:, :, None], H36M17, cameras.names), 50.0, measure)


def given():
    camera = rig().camera
    return Rig(rig().names, Camera.from_intrinsics(camera.K, camera.distortion, camera.size))


def turned(view=2, degrees=3.0):
    camera = rig().camera
    R, t = camera.R.clone(), camera.t.clone()
    R[view] = exp(torch.deg2rad(torch.tensor([0.0, degrees, 0.0], dtype=torch.float64))) @ R[view]
    t[view] = -R[view] @ camera.center[view]
    return replace(rig(), camera=camera.with_pose(R, t))


def degrees(found, true=None):
    between = [of.camera.R[:, None] @ of.camera.R[None].mT for of in (found, true or rig())]
    return torch.rad2deg(angle_between(*between))


@pytest.mark.slow
def test_clips_together_give_better_cameras_and_one_world():
    clips = [clip("a", 0), clip("b", 1, size=0.9), clip("c", 6, size=1.1)]
    together = calibrate_together(clips, given(), LAGS_KNOWN)
    alone = [calibrate_rig(one.poses, given(), LAGS_KNOWN, fps=50.0) for one in clips]
    assert float(degrees(together[0].rig).mean()) < min(float(degrees(one.rig).mean()) for one in alone)
    for one, by_itself in zip(together, alone, strict=True):
        assert torch.equal(one.rig.camera.R, together[0].rig.camera.R)
        assert torch.equal(one.rig.camera.t, together[0].rig.camera.t)
        assert one.evidence.worst_sigma_deg < by_itself.evidence.worst_sigma_deg
        assert one.frames_used == FRAMES
        assert one.remarks == ("The cameras are from 3 clips together: a, b, c.",)
        assert not one.rig.metric
    assert min(float(one.rig.camera.center[:, 2].min()) for one in together) > 0  # the floor is below


@pytest.mark.slow
def test_a_clip_with_a_turned_camera_is_left_out_and_named():
    first, second, third = calibrate_together(
        [clip("a", 0), clip("moved", 6, turned()), clip("c", 1)], given(), LAGS_KNOWN
    )
    assert second.remarks[0].startswith("Left out of the clips calibrated together (a, c): cam58860488 was turned by")
    assert second.remarks[0].endswith("These cameras are its own.")
    assert float(degrees(second.rig, turned()).max()) < 1 < 2 < float(degrees(second.rig).max())
    for one in (first, third):
        assert one.remarks[0] == "The cameras are from 2 clips together: a, c."
        assert one.remarks[1].startswith("Left out: moved, because cam58860488 was turned by")
        assert float(degrees(one.rig).max()) < 0.5


@pytest.mark.slow
def test_lags_are_each_clips_own():
    late = clip("late", 6, frames=60, pixels=1.0)
    late.poses.xy[1, :-2] = late.poses.xy[1, 2:].clone()  # two frames early
    late = replace(late, poses=replace(late.poses, xy=late.poses.xy[:, :-2], conf=late.poses.conf[:, :-2]))
    on_time, shifted = calibrate_together([clip("a", 0, pixels=1.0, frames=60), late], given())
    assert not bool(on_time.rig.lag.any())
    assert float(shifted.rig.lag[1]) == pytest.approx(-2, abs=0.1)
    assert torch.equal(on_time.rig.camera.R, shifted.rig.camera.R)
    assert float(degrees(on_time.rig).max()) < 0.3


@pytest.mark.slow
def test_a_clip_that_alone_gives_no_cameras_takes_part_where_it_fits():
    stands = clip("stands", 3, roam=0.0, frames=12)
    stands.poses.conf[3, 3:] = 0  # and the fourth camera hardly sees it
    results = calibrate_together([clip("a", 0), stands, clip("c", 1)], given(), LAGS_KNOWN)
    assert all("3 clips together" in one.remarks[0] for one in results)
    assert torch.equal(results[0].rig.camera.R, results[1].rig.camera.R)
    assert results[1].verdict.word != "reject"
    assert any("Alone this clip" in words for words in results[1].remarks)


@pytest.mark.slow
def test_keypoints_that_fit_no_rig_of_the_others_are_left_out_and_rejected():
    wrong = clip("wrong", 6)
    wrong.poses.xy[2] = clip("other", 1).poses.xy[2]  # another take in one view
    first, _, third = calibrate_together([clip("a", 0), clip("b", 5), wrong], given(), LAGS_KNOWN)
    assert "Left out: wrong" in first.remarks[1]
    assert third.verdict.word == "reject"
    assert "Left out of the clips calibrated together (a, b)" in third.remarks[0]


@pytest.mark.slow
def test_one_measured_length_makes_all_metric():
    def doubled(*_):
        return Scale(2.0, 0.01, ("By a tape the scale is 2.",), ())

    first, second = calibrate_together([clip("a", 0), clip("b", 1, measure=doubled)], given(), LAGS_KNOWN)
    assert first.rig.metric
    assert second.rig.metric
    assert first.scale == second.scale == Scale(2.0, 0.01, ("By a tape the scale is 2.",), ())


def test_other_views_are_refused():
    one = clip("a", 0)
    other = replace(one, name="b", poses=replace(one.poses, views=("w", "x", "y", "z")))
    with pytest.raises(InputError, match="b has w, x, y, z; cam54138969"):
        calibrate_together([one, other], given())


def test_where_no_clip_gives_cameras_it_says_why_of_each():
    empty = [clip(name, 0) for name in "ab"]
    for one in empty:
        one.poses.conf[0] = 0
    with pytest.raises(CalibrationError, match=r"No clip gives cameras.*a: View 'cam54138969'.*b: View"):
        calibrate_together(empty, given())


@pytest.mark.slow
def test_unknown_focal_lengths_that_began_differently_become_one(monkeypatch):
    factors = iter((0.95, 1.06, 0.95, 1.06))

    def guessed(source, *_):
        K = source.rig.camera.K.clone()
        K[:, :2, :2] *= next(factors)
        return replace(source.rig, camera=replace(source.rig.camera, K=K))

    monkeypatch.setattr("epipose.calibration.calibrate.with_likely_focal", guessed)
    clips = [clip("a", 0, pixels=1.0), clip("b", 1, pixels=1.0)]
    first, second = calibrate_together(clips, given(), RigOptions(focal="shared", clocks=False))
    assert "2 clips together" in second.remarks[0]
    assert torch.equal(first.rig.camera.K, second.rig.camera.K)
    assert torch.equal(first.rig.camera.R, second.rig.camera.R)
    error = first.rig.camera.focal / rig().camera.focal - 1
    assert float(error.abs().max()) < 0.01
    assert 0 < first.cameras[0].focal_sigma_pct < 3
    assert float(degrees(first.rig).max()) < min(0.8, first.evidence.worst_sigma_deg)


@pytest.mark.slow
def test_a_clip_with_a_zoomed_camera_is_left_out_and_named():
    K = rig().camera.K.clone()
    K[1, :2, :2] *= 1.15
    zoomed = replace(rig(), camera=replace(rig().camera, K=K))
    first, second, _ = calibrate_together([clip("a", 0), clip("zoomed", 6, zoomed), clip("c", 1)], given(), LAGS_KNOWN)
    assert "2 clips together: a, c" in first.remarks[0]
    assert "cam55011271 was" in second.remarks[0]
    assert "zoomed by" in second.remarks[0]
