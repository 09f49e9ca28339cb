"""Usual spellings of joints are recognised, and names alone make a skeleton that hangs together."""

import pytest

from epipose.errors import EpiposeError
from epipose.formats.joint_names import joint_named, skeleton_of_names
from epipose.skeletons import SKELETONS

SPELLINGS = {
    "left_shoulder": ["LShoulder", "left shoulder", "shoulder_l", "Left-Shoulder", "LEFT_SHOULDER", "lshoulder",
                      "L.Shoulder", "leftShoulder", "shoulderL", "ShoulderLeft", "left_shoulder", "shoulder.L",
                      "LEFTSHOULDER"],
    "right_knee": ["RKnee", "RKne", "Right-Knee", "knee_r", "R_Knee", "rightknee", "KneeRight", "right knee joint"],
    "left_big_toe": ["LBigToe", "left_big_toe", "left_foot_index", "BigToe_L", "Lhallux"],
    "right_small_toe": ["RSmallToe", "right_small_toe", "RightLittleToe"],
    "left_eye_inner": ["left_eye_inner", "LeftEyeInner", "left_inner_eye"],
    "pelvis": ["Hip", "MidHip", "pelvis", "hip_center", "root"],
    "neck": ["Neck", "NECK"],
    "head_top": ["Head_top", "top of head", "HeadTop"],
    "head": ["Head"],
    "nose": ["nose", "Nose_Tip"],
    "left_heel": ["LHeel", "heel_left"],
    "left_paw": ["L_Paw", "paw_left"],  # not one of ours, but its side is told
    "tail_base": ["tailBase", "tail-base"],
    "legion": ["legion"],
}  # fmt: skip


@pytest.mark.parametrize(("joint", "spelling"), [(joint, one) for joint, each in SPELLINGS.items() for one in each])
def test_spellings(joint, spelling):
    assert joint_named(spelling) == joint


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_our_own_names_are_left_alone(skeleton):
    assert [joint_named(joint) for joint in skeleton.joints] == list(skeleton.joints)


def test_a_known_skeleton_is_recognised_by_the_names_of_its_joints():
    names = (
        "Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle RAnkle"
    )
    assert skeleton_of_names("own", names.split()) == SKELETONS["coco17"]


def test_parents_follow_from_names_and_what_is_unknown_from_edges():
    names = ["RAnkle", "RKnee", "RHip", "LHip", "LShoulder", "RShoulder", "racket", "RWrist", "tip"]
    found = skeleton_of_names("tennis", names, [(7, 6), (6, 8)])
    parent = {joint: found.joints[p] if p >= 0 else "" for joint, p in zip(found.joints, found.parents, strict=True)}
    assert parent == {
        "left_hip": "", "right_hip": "left_hip", "right_knee": "right_hip", "right_ankle": "right_knee",
        "left_shoulder": "left_hip", "right_shoulder": "right_hip", "right_wrist": "right_shoulder",
        "racket": "right_wrist", "tip": "racket",
    }  # fmt: skip
    assert found.joints[found.flip[found.index("left_hip")]] == "right_hip"
    assert found.flip[found.index("right_wrist")] == found.index("right_wrist")


@pytest.mark.parametrize(
    "names", [["right_hip", "left_shoulder"], ["nose", "left_ear"], ["right_shoulder", "neck"], ["a", "b"]]
)
def test_any_choice_of_joints_is_a_tree(names):
    assert skeleton_of_names("some", names).parents.count(-1) == 1


def test_two_spellings_of_one_joint_are_refused():
    with pytest.raises(EpiposeError, match="LHip and left_hip would both be left_hip"):
        skeleton_of_names("own", ["LHip", "RHip", "left_hip"])
