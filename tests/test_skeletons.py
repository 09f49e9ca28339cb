"""Named skeletons, and skeletons of others in the files of poses."""

from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.errors import EpiposeError
from epipose.poses import Poses2D, Poses3D
from epipose.skeleton import Skeleton
from epipose.skeletons import BLAZEPOSE33, COCO17, COCO_WHOLEBODY133, H36M17, HALPE26, OPENPOSE18, skeleton_arrays

MOUSE = Skeleton("mouse", ("snout", "earL", "earR", "tail"), (3, 0, 0, -1), (0, 2, 1, 3))


def test_halpe_and_openpose_begin_with_the_joints_that_their_documents_list() -> None:
    assert HALPE26.joints[:17] == COCO17.joints
    assert HALPE26.joints[17:] == (
        "head_top", "neck", "pelvis", "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe",
        "left_heel", "right_heel",
    )  # fmt: skip
    assert OPENPOSE18.joints[:5] == ("nose", "neck", "right_shoulder", "right_elbow", "right_wrist")
    assert OPENPOSE18.joints[14:] == ("right_eye", "left_eye", "right_ear", "left_ear")


def test_a_whole_body_is_body_feet_face_and_hands_in_the_order_of_the_dataset() -> None:
    joints, flip = COCO_WHOLEBODY133.joints, COCO_WHOLEBODY133.flip
    assert joints[:17] == COCO17.joints
    assert joints[17:23] == tuple(f"{s}_{j}" for s in ("left", "right") for j in ("big_toe", "small_toe", "heel"))
    assert (joints[31], joints[50], joints[56], joints[91], joints[112]) == (
        "chin", "nose_bridge_1", "nose_base", "left_hand", "right_hand",
    )  # fmt: skip
    # mirror pairs of iBUG's 68 landmarks of a face
    pairs = [*((i, 16 - i) for i in range(8)), *((17 + i, 26 - i) for i in range(5)), (31, 35), (32, 34), (36, 45),
             (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64),
             (61, 63), (65, 67)]  # fmt: skip
    assert all(flip[23 + a] == 23 + b for a, b in pairs)
    assert all(flip[91 + i] == 112 + i for i in range(21))


def test_a_hand_and_a_face_of_many_joints_count_as_one_each() -> None:
    weights = COCO_WHOLEBODY133.evidence_weights
    assert float(weights[23:91].sum() + weights[:5].sum()) == pytest.approx(1)
    assert float(weights[91:112].sum() + weights[COCO_WHOLEBODY133.index("left_wrist")]) == pytest.approx(1)


def test_hands_of_a_whole_body_are_those_of_blazepose() -> None:
    M = COCO_WHOLEBODY133.mapping_to(BLAZEPOSE33)
    for joint, source in {
        "left_index": "left_index_1",
        "right_thumb": "right_thumb_2",
        "left_heel": "left_heel",
    }.items():
        assert M[BLAZEPOSE33.index(joint), COCO_WHOLEBODY133.index(source)] == 1


def test_a_skeleton_that_nobody_registered_travels_in_the_files(tmp_path: Path) -> None:
    xyz, conf = torch.rand(2, 1, 4, 3), torch.ones(2, 1, 4)
    Poses3D(xyz, conf, MOUSE).save(tmp_path / "poses3d.npz")
    Poses2D(torch.rand(1, 2, 1, 4, 2), torch.ones(1, 2, 1, 4), MOUSE, ("a",)).save(tmp_path / "poses2d.npz")
    assert Poses3D.load(tmp_path / "poses3d.npz").skeleton == MOUSE
    assert Poses2D.load(tmp_path / "poses2d.npz").skeleton.flip == (0, 2, 1, 3)


def test_a_file_that_names_a_known_skeleton_needs_no_joints(tmp_path: Path) -> None:
    arrays = {"xyz": np.zeros((1, 1, 17, 3), np.float32), "conf": np.ones((1, 1, 17), np.float32)}
    about = {"space": np.array("world"), "metric": np.array(True)}
    np.savez(tmp_path / "a.npz", **arrays, **about, skeleton=np.array("h36m17"))
    assert Poses3D.load(tmp_path / "a.npz").skeleton is H36M17
    np.savez(tmp_path / "b.npz", **arrays, **about, skeleton=np.array("mouse"))
    with pytest.raises(EpiposeError, match=r"b.npz: unknown skeleton 'mouse'.*needs the keys 'joints'"):
        Poses3D.load(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("parents", [3, 0, 0, 0], "no skeleton.*the index of its parent, and -1 for the one root"),
        ("parents", [1, 0, 0, -1], "the one root from which all hang"),
        ("parents", [3, 0, 9, -1], "the one root from which all hang"),
        ("flip", [1, 2, 0, 3], "expected the index of each joint's mirror partner"),
        ("joints", ["snout", "ear", "ear", "tail"], "twice there: ear"),
    ],
)
def test_what_is_no_skeleton_is_refused(tmp_path: Path, key: str, value: list, message: str) -> None:
    arrays = skeleton_arrays(MOUSE) | {key: np.array(value)}
    about = {"space": np.array("world"), "metric": np.array(True)}
    np.savez(
        tmp_path / "a.npz",
        xyz=np.zeros((1, 1, 4, 3), np.float32),
        conf=np.ones((1, 1, 4), np.float32),
        **about,
        **arrays,
    )
    with pytest.raises(EpiposeError, match=message):
        Poses3D.load(tmp_path / "a.npz")
