"""Report on cameras that are known: the errors of their images, and no doubts that only cameras that were found deserve."""

import pytest

from epipose.calibration.calibrate import check_rig
from epipose.errors import EpiposeError
from tests.calibration.test_calibrate import clip
from tests.helpers.synthetic import rig


def test_a_known_rig_is_reported_on():
    report = check_rig(clip(pixels=3), rig())
    assert report.rig.metric
    assert report.pairs == ()
    assert report.notes() == ()
    assert all(1 < camera.median_px < 4 for camera in report.cameras)


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
