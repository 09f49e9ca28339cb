"""Named skeletons of the datasets and detectors that epipose reads, each with its joints in their order.

A joint that two of them share has the same name in both; `Skeleton.mapping_to` does the rest.
"""

from __future__ import annotations

from epipose.errors import InputError
from epipose.skeleton import Skeleton


def _skeleton(name: str, parent_of: dict[str, str]) -> Skeleton:
    joints = tuple(parent_of)
    return Skeleton(name, joints, tuple(joints.index(parent) if parent else -1 for parent in parent_of.values()))


# Human3.6M, 17 of its 32 joints, in the order every published result uses. "Foot" there is the ankle.
H36M17 = _skeleton(
    "h36m17",
    {
        "pelvis": "",
        "right_hip": "pelvis",
        "right_knee": "right_hip",
        "right_ankle": "right_knee",
        "left_hip": "pelvis",
        "left_knee": "left_hip",
        "left_ankle": "left_knee",
        "spine": "pelvis",
        "thorax": "spine",
        "neck_nose": "thorax",
        "head": "neck_nose",
        "left_shoulder": "thorax",
        "left_elbow": "left_shoulder",
        "left_wrist": "left_elbow",
        "right_shoulder": "thorax",
        "right_elbow": "right_shoulder",
        "right_wrist": "right_elbow",
    },
)

# COCO keypoints, 17, in the order of the dataset; the tree is ours (COCO has none) and hangs from the left hip.
COCO17 = _skeleton(
    "coco17",
    {
        "nose": "left_shoulder",
        "left_eye": "nose",
        "right_eye": "nose",
        "left_ear": "left_eye",
        "right_ear": "right_eye",
        "left_shoulder": "left_hip",
        "right_shoulder": "right_hip",
        "left_elbow": "left_shoulder",
        "right_elbow": "right_shoulder",
        "left_wrist": "left_elbow",
        "right_wrist": "right_elbow",
        "left_hip": "",
        "right_hip": "left_hip",
        "left_knee": "left_hip",
        "right_knee": "right_hip",
        "left_ankle": "left_knee",
        "right_ankle": "right_knee",
    },
)

# OpenPose BODY_25, in the order of its JSON output.
BODY25 = _skeleton(
    "body25",
    {
        "nose": "neck",
        "neck": "pelvis",
        "right_shoulder": "neck",
        "right_elbow": "right_shoulder",
        "right_wrist": "right_elbow",
        "left_shoulder": "neck",
        "left_elbow": "left_shoulder",
        "left_wrist": "left_elbow",
        "pelvis": "",
        "right_hip": "pelvis",
        "right_knee": "right_hip",
        "right_ankle": "right_knee",
        "left_hip": "pelvis",
        "left_knee": "left_hip",
        "left_ankle": "left_knee",
        "right_eye": "nose",
        "left_eye": "nose",
        "right_ear": "right_eye",
        "left_ear": "left_eye",
        "left_big_toe": "left_ankle",
        "left_small_toe": "left_ankle",
        "left_heel": "left_ankle",
        "right_big_toe": "right_ankle",
        "right_small_toe": "right_ankle",
        "right_heel": "right_ankle",
    },
)

# BlazePose, 33 landmarks, in the order of the landmark network.
BLAZEPOSE33 = _skeleton(
    "blazepose33",
    {
        "nose": "left_shoulder",
        "left_eye_inner": "nose",
        "left_eye": "left_eye_inner",
        "left_eye_outer": "left_eye",
        "right_eye_inner": "nose",
        "right_eye": "right_eye_inner",
        "right_eye_outer": "right_eye",
        "left_ear": "left_eye_outer",
        "right_ear": "right_eye_outer",
        "left_mouth": "nose",
        "right_mouth": "nose",
        "left_shoulder": "left_hip",
        "right_shoulder": "right_hip",
        "left_elbow": "left_shoulder",
        "right_elbow": "right_shoulder",
        "left_wrist": "left_elbow",
        "right_wrist": "right_elbow",
        "left_pinky": "left_wrist",
        "right_pinky": "right_wrist",
        "left_index": "left_wrist",
        "right_index": "right_wrist",
        "left_thumb": "left_wrist",
        "right_thumb": "right_wrist",
        "left_hip": "",
        "right_hip": "left_hip",
        "left_knee": "left_hip",
        "right_knee": "right_hip",
        "left_ankle": "left_knee",
        "right_ankle": "right_knee",
        "left_heel": "left_ankle",
        "right_heel": "right_ankle",
        "left_big_toe": "left_ankle",
        "right_big_toe": "right_ankle",
    },
)

# MPII, 16 joints in the order of the dataset. Its upper neck is the top of the spine, its thorax the bottom of the
# neck.
MPII16 = _skeleton(
    "mpii16",
    {
        "right_ankle": "right_knee",
        "right_knee": "right_hip",
        "right_hip": "pelvis",
        "left_hip": "pelvis",
        "left_knee": "left_hip",
        "left_ankle": "left_knee",
        "pelvis": "",
        "thorax": "pelvis",
        "upper_neck": "thorax",
        "head_top": "upper_neck",
        "right_wrist": "right_elbow",
        "right_elbow": "right_shoulder",
        "right_shoulder": "thorax",
        "left_shoulder": "thorax",
        "left_elbow": "left_shoulder",
        "left_wrist": "left_elbow",
    },
)

# CMU Panoptic Studio, 19 joints in the order of hdPose3d; its tree hangs from the middle of the hips.
PANOPTIC19 = _skeleton(
    "panoptic19",
    {
        "neck": "pelvis",
        "nose": "neck",
        "pelvis": "",
        "left_shoulder": "neck",
        "left_elbow": "left_shoulder",
        "left_wrist": "left_elbow",
        "left_hip": "pelvis",
        "left_knee": "left_hip",
        "left_ankle": "left_knee",
        "right_shoulder": "neck",
        "right_elbow": "right_shoulder",
        "right_wrist": "right_elbow",
        "right_hip": "pelvis",
        "right_knee": "right_hip",
        "right_ankle": "right_knee",
        "left_eye": "nose",
        "left_ear": "left_eye",
        "right_eye": "nose",
        "right_ear": "right_eye",
    },
)

SKELETONS = {skeleton.name: skeleton for skeleton in (H36M17, COCO17, BODY25, BLAZEPOSE33, MPII16, PANOPTIC19)}


def skeleton_named(name: str) -> Skeleton:
    """The skeleton of that name; raises InputError that lists the names there are."""
    if name not in SKELETONS:
        raise InputError(f"Unknown skeleton '{name}'; epipose knows {', '.join(SKELETONS)}.")
    return SKELETONS[name]
