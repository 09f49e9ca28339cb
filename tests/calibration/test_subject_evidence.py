"""Evidence from the images alone: how far keypoints reach, whether the person sits, and what of the body is shown."""

import numpy as np
import pytest
import torch

from benchmarks.geometry.failure_subjects import seated_motion
from epipose.calibration.calibrate import calibrate_rig
from epipose.calibration.subject_evidence import subject_evidence, trunk_joints
from epipose.poses import Poses2D, shown_joints
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig

LEGS = [H36M17.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle")]
LOWER_BODY = [*LEGS, *(H36M17.index(joint) for joint in ("pelvis", "left_hip", "right_hip"))]


def clip(xyz, factor=1.0):
    uv, conf = detections(rig(), xyz, pixels=2.0)
    return Poses2D(factor * uv[:, :, None], conf[:, :, None], H36M17, rig().names)


def test_a_walker_fills_the_images_and_does_not_sit():
    found = subject_evidence(clip(moving_skeleton(60)), rig().camera)
    assert found.reach > 0.6
    assert found.path > 0.3
    assert found.sitting < 0.2
    assert bool(found.shown.all())


def test_keypoints_at_half_the_size_stay_in_a_quarter_of_the_image():
    whole, half = (subject_evidence(clip(moving_skeleton(60), f), rig().camera) for f in (1.0, 0.5))
    assert half.reach == pytest.approx(whole.reach / 2)
    assert half.reach < 0.5


def test_somebody_who_sits():
    found = subject_evidence(clip(seated_motion(moving_skeleton(60), 0.4)), rig().camera)
    assert found.sitting > 0.8
    assert found.path < 0.1


def test_the_trunk_is_what_there_is_of_it():
    conf = torch.ones(20, 17)
    assert trunk_joints(H36M17, shown_joints(conf)) == [4, 1]
    conf[:, LOWER_BODY] = 0
    assert trunk_joints(H36M17, shown_joints(conf)) == [11, 14]
    conf[:, [11, 14]] = 0
    assert trunk_joints(H36M17, shown_joints(conf)) == [7, 8, 9, 10, 12, 13, 15, 16]


@pytest.mark.slow
def test_an_upper_body_alone_gives_a_rig_of_the_right_size():
    poses = clip(moving_skeleton(40))
    poses.conf[..., LOWER_BODY] = 0
    found = calibrate_rig(poses, rig())
    assert found.evidence.upper_body
    assert found.evidence.roaming > 0.5
    assert found.evidence.bone_spread < 0.2
    assert any("Only the upper body was ever seen" in note for note in found.notes())
    true, size = (np.linalg.norm(c - c.mean(0)) for c in (rig().camera.center.numpy(), found.rig.camera.center.numpy()))
    assert size == pytest.approx(true, rel=0.12)


@pytest.mark.slow
def test_keypoints_at_half_the_size_are_rejected_for_that():
    verdict = calibrate_rig(clip(moving_skeleton(40), 0.5), rig()).verdict
    assert verdict.word == "reject"
    assert len(verdict.reasons) == 1
    assert "smaller images" in verdict.reasons[0]
