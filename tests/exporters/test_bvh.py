"""BVH files against forward kinematics written for this test, our reader of BVH files, and the labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from epipose.errors import InputError
from epipose.exporters.base import y_up
from epipose.motion.bvh import read_bvh
from epipose.motion.humanoid import RIG_JOINTS
from epipose.pipeline.export import export
from epipose.poses import Poses3D
from epipose.skeletons import BLAZEPOSE33, COCO17, H36M17
from tests.helpers.rigged_person import FPS, labels_of, rigged_person

LIMBS = {"UpLeg": "hip", "Leg": "knee", "Foot": "ankle", "Arm": "shoulder", "ForeArm": "elbow", "Hand": "wrist"}
LABEL_OF = {f"{side}{bone}": f"{side.lower()}_{joint}" for side in ("Left", "Right") for bone, joint in LIMBS.items()}


def _forward(text: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """Position of every joint and end site (named after its joint) in the file's units, by SciPy's rotations."""
    hierarchy, motion = text.split("MOTION")
    rows = np.array([[float(word) for word in line.split()] for line in motion.strip().splitlines()[2:]])
    position, turned, stack, column, orders = {}, {}, [], 0, []
    name = ""
    for line in hierarchy.splitlines():
        words = line.split()
        if words[:1] in (["ROOT"], ["JOINT"]):
            name = words[1]
        elif words == ["End", "Site"]:
            name = f"{stack[-1]} end"
        elif words == ["{"]:
            stack.append(name)
        elif words == ["}"]:
            stack.pop()
        elif words[:1] == ["OFFSET"]:
            parent = stack[-2] if len(stack) > 1 else None
            offset = np.array(words[1:], float)
            position[name] = 0 if parent is None else position[parent] + turned[parent].apply(offset)
        elif words[:1] == ["CHANNELS"]:
            values, kinds = rows[:, column : column + int(words[1])], words[2:]
            column += int(words[1])
            if kinds[0] == "Xposition":
                position[name], values, kinds = values[:, :3], values[:, 3:], kinds[3:]
            orders.append("".join(kind[0] for kind in kinds))
            own = Rotation.from_euler(orders[-1], values, degrees=True)
            turned[name] = own if len(stack) == 1 else turned[stack[-2]] * own
    assert column == rows.shape[1]
    return position, orders


def test_the_file_has_the_labels_and_the_tree(tmp_path: Path) -> None:
    poses = labels_of(rigged_person(90), BLAZEPOSE33)
    written = export(poses, tmp_path / "walk.bvh")
    assert written.files == (tmp_path / "walk.bvh",)
    assert not written.warnings
    text = written.files[0].read_text()
    assert "Frames: 90\nFrame Time: 0.016666667\n" in text
    at, orders = _forward(text)
    assert set(LABEL_OF) <= set(at)
    assert {joint for joint in at if " end" not in joint} == set(RIG_JOINTS)
    assert set(orders) == {"YZX", "ZYX", "ZXY"}
    truth = y_up(poses)[:, 0].numpy()
    for joint, label in {**LABEL_OF, "LeftToeBase end": "left_big_toe"}.items():
        np.testing.assert_allclose(at[joint] / 100, truth[:, BLAZEPOSE33.index(label)], atol=1e-4, err_msg=joint)
    knuckles = (truth[:, BLAZEPOSE33.index("right_index")] + truth[:, BLAZEPOSE33.index("right_pinky")]) / 2
    np.testing.assert_allclose(at["RightHand end"] / 100, knuckles, atol=1e-4)


def test_our_reader_reads_back_the_labels(tmp_path: Path) -> None:
    poses = labels_of(rigged_person(90), H36M17, noise=0.004)
    export(poses, tmp_path / "walk.bvh")
    motion = read_bvh(tmp_path / "walk.bvh")
    assert motion.fps == pytest.approx(FPS)
    limbs = [H36M17.index(label) for label in LABEL_OF.values()]
    difference = motion.xyz[:, limbs] - poses.xyz[:, 0].numpy()[:, limbs]
    difference[..., 2] -= np.median(difference[..., 2])  # the reader puts the floor below the feet
    error = np.linalg.norm(difference, axis=-1)
    assert np.median(error) < 0.005
    assert error.max() < 0.015


def test_the_rest_pose_is_a_t_pose_that_faces_z(tmp_path: Path) -> None:
    export(labels_of(rigged_person(30), BLAZEPOSE33), tmp_path / "walk.bvh")
    head, _, motion = (tmp_path / "walk.bvh").read_text().partition("MOTION")
    lines = motion.strip().splitlines()
    still = " ".join("0" for _ in lines[2].split())
    at, _ = _forward(f"{head}MOTION\n{lines[0]}\n{lines[1]}\n{still}\n")
    rest = {joint: place[0] if np.ndim(place) == 2 else place for joint, place in at.items()}
    for side, sign in (("Left", 1), ("Right", -1)):
        arm = rest[f"{side}Hand"] - rest[f"{side}Arm"]
        assert arm / np.linalg.norm(arm) == pytest.approx([sign, 0, 0], abs=1e-6)
        leg = rest[f"{side}Foot"] - rest[f"{side}UpLeg"]
        assert leg / np.linalg.norm(leg) == pytest.approx([0, -1, 0], abs=1e-6)
        assert rest[f"{side}ToeBase end"][2] > 10, "toes point ahead"
    assert rest["Head"][1] > rest["Neck"][1] > rest["Chest"][1] > rest["Spine"][1] > rest["Hips"][1]


def test_channels_do_not_jump(tmp_path: Path) -> None:
    """Somebody who turns about once every four seconds: the hips' heading goes on past 180 degrees."""
    export(labels_of(rigged_person(480), COCO17), tmp_path / "walk.bvh")
    rows = (tmp_path / "walk.bvh").read_text().split("Frame Time:")[1].splitlines()[1:]
    values = np.array([row.split() for row in rows], float)
    assert np.abs(np.diff(values[:, 3:], axis=0)).max() < 8
    assert values[-1, 3] > 600


def test_several_people_get_a_file_each(tmp_path: Path) -> None:
    poses = labels_of(rigged_person(20), COCO17, people=3)
    conf = poses.conf.clone()
    conf[:, 1, COCO17.index("left_hip")] = 0
    poses = Poses3D(poses.xyz, conf, COCO17, metric=True, times=poses.times)
    written = export(poses, tmp_path / "walk.bvh")
    assert [path.name for path in written.files] == ["walk_person1.bvh", "walk_person3.bvh"]
    assert "Left out: person 2 of poses has no frame with both hips" in written.warnings[0]
    first, third = (_forward(path.read_text())[0]["Hips"] for path in written.files)
    np.testing.assert_allclose(third - first, np.broadcast_to([300, 0, 0], first.shape), atol=0.01)


def test_losses_are_named(tmp_path: Path) -> None:
    poses = labels_of(rigged_person(40), COCO17)
    xyz, conf = poses.xyz.clone(), poses.conf.clone()
    conf[10:15, 0, COCO17.index("left_wrist")] = 0
    conf[:, 0, COCO17.index("right_ankle")] = 0
    xyz[:20, 0, COCO17.index("right_wrist")] += torch.tensor([0.0, 0.0, -0.2])
    warnings = " ".join(export(Poses3D(xyz, conf, COCO17, times=poses.times), tmp_path / "walk.bvh").warnings)
    assert "are not metric" in warnings
    assert "joints were missing, and are interpolated or held" in warnings
    assert "no label of right_ankle" in warnings
    assert "where right_elbow and right_wrist are" in warnings


def test_nobody_with_a_trunk_is_refused(tmp_path: Path) -> None:
    poses = labels_of(rigged_person(5), COCO17)
    conf = poses.conf.clone()
    conf[..., COCO17.index("left_hip")] = 0
    with pytest.raises(InputError, match="poses has no frame with both hips and both shoulders"):
        export(Poses3D(poses.xyz, conf, COCO17, times=poses.times), tmp_path / "walk.bvh")
    assert not [*tmp_path.iterdir()]
