"""The humanoid rig fitted to labels: exact on rigid people, near on noisy ones, steady, and whole where labels are not."""

import numpy as np
import pytest
import torch

from epipose.errors import InputError
from epipose.exporters.base import y_up
from epipose.motion.body_points import body_points
from epipose.motion.humanoid import RIG_INDEX, RIG_JOINTS, RIG_PARENTS
from epipose.motion.rig_fit import FittedRig, fit_rig
from epipose.motion.rotations import axis_and_angle
from epipose.poses import Poses3D
from epipose.skeleton import Skeleton
from epipose.skeletons import BLAZEPOSE33, COCO17, COCO_WHOLEBODY133, H36M17, SKELETONS
from tests.helpers.rigged_person import FPS, labels_of, rigged_person

TURNED = [joint for joint in RIG_JOINTS if joint.endswith(("Leg", "Arm"))] + ["Hips"]


def _fitted(poses: Poses3D) -> FittedRig:
    return fit_rig(body_points(poses, y_up(poses)[:, 0].double().numpy(), 0, "walk"), FPS)


def _degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(axis_and_angle(np.swapaxes(a, -1, -2) @ b)[1])


@pytest.mark.parametrize("name", sorted(set(SKELETONS) - {"coco_wholebody133"}))
def test_a_rigid_person_is_met_in_every_joint_and_rotation(name: str) -> None:
    truth = rigged_person(240)
    fit = _fitted(labels_of(truth, SKELETONS[name]))
    assert np.nanmax(fit.distance) < 1e-4
    joints = [RIG_INDEX[joint] for joint in TURNED]
    assert _degrees(truth.rotation, fit.motion.rotation)[:, joints].max() < 3
    np.testing.assert_allclose(fit.motion.posed()[1][:, joints], truth.posed()[1][:, joints], atol=1e-3)


def test_noisy_labels_are_met_as_far_as_constant_bones_can() -> None:
    fit = _fitted(labels_of(rigged_person(240), BLAZEPOSE33, noise=0.004))
    assert np.nanmedian(fit.distance) < 0.005
    assert np.nanmax(fit.distance) < 0.025


def test_bones_are_constant() -> None:
    fit = _fitted(labels_of(rigged_person(60), BLAZEPOSE33, noise=0.01))
    _, position = fit.motion.posed()
    lengths = np.linalg.norm(position[:, 1:] - position[:, list(RIG_PARENTS[1:])], axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape), atol=1e-12)
    assert (lengths > 0).all(), "programs drop bones without length"


def test_straight_noisy_arms_turn_no_faster_than_their_direction() -> None:
    fit = _fitted(labels_of(rigged_person(300, straight_arms=True), COCO17, noise=0.004))
    for side in ("Left", "Right"):
        R = fit.motion.rotation[:, RIG_INDEX[f"{side}Arm"]]
        along = R[:, :, 0]
        alone = np.degrees(np.arccos((along[1:] * along[:-1]).sum(-1).clip(-1, 1)))
        assert (_degrees(R[:-1], R[1:]) - alone).max() < 5


def test_missing_joints_are_filled_from_their_neighbours_and_go_along() -> None:
    truth = rigged_person(120)
    poses = labels_of(truth, H36M17)
    conf = poses.conf.clone()
    wrist, hips = H36M17.index("left_wrist"), H36M17.index("left_hip")
    conf[40:44, 0, wrist], conf[100:, 0, wrist], conf[60:63, 0, hips] = 0, 0, 0
    xyz = torch.where(conf[..., None] > 0, poses.xyz, torch.tensor(50.0))
    fit = _fitted(Poses3D(xyz, conf, H36M17, times=poses.times, metric=True))
    error = np.linalg.norm(fit.motion.posed()[1] - truth.posed()[1], axis=-1)
    shown = [RIG_INDEX[f"{side}{joint}"] for side in ("Left", "Right") for joint in ("Leg", "Foot", "ForeArm", "Hand")]
    assert error[:99, shown].max() < 0.005
    assert error[100:105, RIG_INDEX["LeftHand"]].max() < 0.12, "a held hand goes along with the trunk"
    assert np.isnan(fit.distance[100:, [site.label == "left_wrist" for site in fit.sites]]).all()


def test_limbs_without_labels_are_at_rest() -> None:
    names = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
    trunk = Skeleton("trunk", names, (-1, 0, 0, 0))
    fit = _fitted(labels_of(rigged_person(30), trunk))
    at_rest = [
        joint for joint in RIG_JOINTS if joint not in ("Hips", "Spine", "Chest", "LeftShoulder", "RightShoulder")
    ]
    numbers = [RIG_INDEX[joint] for joint in at_rest]
    np.testing.assert_allclose(_degrees(np.eye(3), fit.motion.rotation[:, numbers]), 0, atol=1e-6)
    height = np.ptp(fit.motion.offsets[:, 1])
    assert height > 0.3


def test_a_person_in_one_frame_can_be_fitted() -> None:
    fit = _fitted(labels_of(rigged_person(1), COCO17))
    assert np.nanmax(fit.distance) < 1e-4


def test_whole_body_labels_are_read_by_name() -> None:
    known = labels_of(rigged_person(20), BLAZEPOSE33)
    at = {joint: known[joint] for joint in COCO_WHOLEBODY133.joints if joint in known.skeleton.joints}
    for side in ("left", "right"):
        at |= {f"{side}_index_1": known[f"{side}_index"], f"{side}_pinky_1": known[f"{side}_pinky"]}
    zero = torch.zeros_like(known["nose"])
    xyz = torch.stack([at.get(joint, zero) for joint in COCO_WHOLEBODY133.joints], 2)
    conf = torch.tensor([float(joint in at) for joint in COCO_WHOLEBODY133.joints]).expand(xyz.shape[:-1])
    fit = _fitted(Poses3D(xyz, conf, COCO_WHOLEBODY133))
    assert {"left_index", "right_pinky", "left_heel", "nose"} <= {site.label for site in fit.sites}
    assert np.nanmax(fit.distance) < 1e-4


def test_a_person_without_a_trunk_is_refused() -> None:
    poses = labels_of(rigged_person(5), COCO17)
    conf = poses.conf.clone()
    conf[..., COCO17.index("left_hip")] = 0
    with pytest.raises(InputError, match="walk has no frame with both hips and both shoulders"):
        _fitted(Poses3D(poses.xyz, conf, COCO17))
