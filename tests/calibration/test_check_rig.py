"""Report on cameras that are known: the errors of their images, and no doubts that only cameras that were found deserve."""

from dataclasses import replace

import pytest
import torch

from epipose.calibration.calibrate import check_rig
from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.geometry.rotation import exp
from epipose.reconstruction.scale import scale_estimator
from tests.calibration.test_calibrate import clip
from tests.helpers.synthetic import rig

_SMALL = 0.3  # units of the rig that is not metric in a metre


def test_a_known_rig_is_reported_on():
    report = check_rig(clip(pixels=3), rig())
    assert report.rig.metric
    assert report.pairs == ()
    assert report.notes() == ()
    assert all(1 < camera.median_px < 4 for camera in report.cameras)


def not_metric() -> Rig:
    """The real rig in a unit of its own."""
    small = rig().moved(_SMALL, torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    return replace(small, metric=False, upright=True)


def test_a_known_rig_that_is_not_metric_keeps_its_unit_and_says_so():
    report = check_rig(clip(), not_metric())
    torch.testing.assert_close(report.rig.camera.t, not_metric().camera.t)
    assert not report.rig.metric
    assert len(report.notes()) == 1
    assert "lengths are not metres. Give --height" in report.notes()[0]


def test_a_known_length_scales_it_and_nothing_else():
    given, names = not_metric(), rig().names
    true = float((rig().camera.center[0] - rig().camera.center[2]).norm())
    measure = scale_estimator(clip().skeleton, names, None, (), (f"{names[0]}-{names[2]}={true}",))
    report = check_rig(clip(), given, measure=measure)
    torch.testing.assert_close(report.rig.camera.center, rig().camera.center)
    torch.testing.assert_close(report.rig.camera.R, given.camera.R)
    assert (report.rig.metric, report.rig.upright) == (True, True)
    assert report.scale is not None
    assert report.scale.factor == pytest.approx(1 / _SMALL)


def test_the_subjects_height_scales_it_to_within_its_error():
    """The moving skeleton stands 1.72 m tall, give or take what a person's proportions leave open."""
    measure = scale_estimator(clip().skeleton, rig().names, 1.72, (), ())
    report = check_rig(clip(), not_metric(), measure=measure)
    assert report.scale is not None
    assert report.scale.factor * _SMALL == pytest.approx(1, abs=3 * report.scale.sigma)


def test_known_cameras_are_not_doubted_for_a_mirrored_world():
    """It is what cameras that were found may be in; these stand where they stand."""
    result = check_rig(clip(), rig())
    assert result.evidence.handedness is None
    assert not any("mirrored" in reason for reason in result.verdict.reasons)


def test_a_known_camera_that_never_meets_the_others_is_named():
    poses = clip()
    poses.conf[:3, 15:] = 0
    poses.conf[3, :15] = 0
    with pytest.raises(EpiposeError, match="'cam60457274' never shows the subject"):
        check_rig(poses, rig())


def test_a_camera_that_was_turned_since_is_named():
    """By two degrees, about its own centre."""
    true, turn = rig().camera, exp(torch.tensor([0.0, 0.035, 0.0], dtype=torch.float64))
    R = torch.stack([true.R[0], turn @ true.R[1], *true.R[2:]])
    outdated = replace(rig(), camera=true.with_pose(R, -(R @ true.center[..., None])[..., 0]))
    verdict = check_rig(clip(pixels=3), outdated).verdict
    assert verdict.word == "reject"
    assert verdict.reasons[0].startswith(f"{rig().names[1]} is not where the given cameras say")
    assert "contradicts the other views" not in " ".join(verdict.reasons)
