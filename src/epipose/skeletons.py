"""Named skeletons of the datasets and detectors that epipose reads, each with its joints in their order.

A joint that two of them share has the same name in both; `Skeleton.mapping_to` does the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import numpy as np

from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath
from epipose.skeleton import Skeleton


def _skeleton(name: str, tree: str) -> Skeleton:
    """A skeleton from its joints in their order, each with its parent behind a colon; the root has none."""
    pairs = [entry.partition(":") for entry in tree.split()]
    joints = tuple(joint for joint, _, _ in pairs)
    return Skeleton(name, joints, tuple(joints.index(parent) if parent else -1 for _, _, parent in pairs))


# Human3.6M, 17 of its 32 joints, in the order every published result uses. "Foot" there is the ankle.
H36M17 = _skeleton(
    "h36m17",
    """
    pelvis right_hip:pelvis right_knee:right_hip right_ankle:right_knee left_hip:pelvis left_knee:left_hip
    left_ankle:left_knee spine:pelvis thorax:spine neck_nose:thorax head:neck_nose left_shoulder:thorax
    left_elbow:left_shoulder left_wrist:left_elbow right_shoulder:thorax right_elbow:right_shoulder
    right_wrist:right_elbow
    """,
)

# COCO keypoints, 17, in the order of the dataset; the tree is ours (COCO has none) and hangs from the left hip.
_COCO17 = """
    nose:left_shoulder left_eye:nose right_eye:nose left_ear:left_eye right_ear:right_eye left_shoulder:left_hip
    right_shoulder:right_hip left_elbow:left_shoulder right_elbow:right_shoulder left_wrist:left_elbow
    right_wrist:right_elbow left_hip right_hip:left_hip left_knee:left_hip right_knee:right_hip
    left_ankle:left_knee right_ankle:right_knee
    """
COCO17 = _skeleton("coco17", _COCO17)

# OpenPose BODY_25, in the order of its JSON output.
BODY25 = _skeleton(
    "body25",
    """
    nose:neck neck:pelvis right_shoulder:neck right_elbow:right_shoulder right_wrist:right_elbow
    left_shoulder:neck left_elbow:left_shoulder left_wrist:left_elbow pelvis right_hip:pelvis
    right_knee:right_hip right_ankle:right_knee left_hip:pelvis left_knee:left_hip left_ankle:left_knee
    right_eye:nose left_eye:nose right_ear:right_eye left_ear:left_eye left_big_toe:left_ankle
    left_small_toe:left_ankle left_heel:left_ankle right_big_toe:right_ankle right_small_toe:right_ankle
    right_heel:right_ankle
    """,
)

# BlazePose, 33 landmarks, in the order of the landmark network.
BLAZEPOSE33 = _skeleton(
    "blazepose33",
    """
    nose:left_shoulder left_eye_inner:nose left_eye:left_eye_inner left_eye_outer:left_eye right_eye_inner:nose
    right_eye:right_eye_inner right_eye_outer:right_eye left_ear:left_eye_outer right_ear:right_eye_outer
    left_mouth:nose right_mouth:nose left_shoulder:left_hip right_shoulder:right_hip left_elbow:left_shoulder
    right_elbow:right_shoulder left_wrist:left_elbow right_wrist:right_elbow left_pinky:left_wrist
    right_pinky:right_wrist left_index:left_wrist right_index:right_wrist left_thumb:left_wrist
    right_thumb:right_wrist left_hip right_hip:left_hip left_knee:left_hip right_knee:right_hip
    left_ankle:left_knee right_ankle:right_knee left_heel:left_ankle right_heel:right_ankle
    left_big_toe:left_ankle right_big_toe:right_ankle
    """,
)

# MPII, 16 joints in the order of the dataset. Its upper neck is the top of the spine, its thorax the bottom of the
# neck.
MPII16 = _skeleton(
    "mpii16",
    """
    right_ankle:right_knee right_knee:right_hip right_hip:pelvis left_hip:pelvis left_knee:left_hip
    left_ankle:left_knee pelvis thorax:pelvis upper_neck:thorax head_top:upper_neck right_wrist:right_elbow
    right_elbow:right_shoulder right_shoulder:thorax left_shoulder:thorax left_elbow:left_shoulder
    left_wrist:left_elbow
    """,
)

# CMU Panoptic Studio, 19 joints in the order of hdPose3d; its tree hangs from the middle of the hips.
PANOPTIC19 = _skeleton(
    "panoptic19",
    """
    neck:pelvis nose:neck pelvis left_shoulder:neck left_elbow:left_shoulder left_wrist:left_elbow
    left_hip:pelvis left_knee:left_hip left_ankle:left_knee right_shoulder:neck right_elbow:right_shoulder
    right_wrist:right_elbow right_hip:pelvis right_knee:right_hip right_ankle:right_knee left_eye:nose
    left_ear:left_eye right_eye:nose right_ear:right_eye
    """,
)

# Halpe-FullBody's 26 joints of body and feet, in the order of the dataset, which Pose2Sim's default detector writes.
HALPE26 = _skeleton(
    "halpe26",
    """
    nose:neck left_eye:nose right_eye:nose left_ear:left_eye right_ear:right_eye left_shoulder:neck
    right_shoulder:neck left_elbow:left_shoulder right_elbow:right_shoulder left_wrist:left_elbow
    right_wrist:right_elbow left_hip:pelvis right_hip:pelvis left_knee:left_hip right_knee:right_hip
    left_ankle:left_knee right_ankle:right_knee head_top:neck neck:pelvis pelvis left_big_toe:left_ankle
    right_big_toe:right_ankle left_small_toe:left_ankle right_small_toe:right_ankle left_heel:left_ankle
    right_heel:right_ankle
    """,
)

# OpenPose's COCO model, 18 joints: those of COCO in another order, and a neck, from which its tree hangs here.
OPENPOSE18 = _skeleton(
    "openpose18",
    """
    nose:neck neck right_shoulder:neck right_elbow:right_shoulder right_wrist:right_elbow left_shoulder:neck
    left_elbow:left_shoulder left_wrist:left_elbow right_hip:right_shoulder right_knee:right_hip
    right_ankle:right_knee left_hip:left_shoulder left_knee:left_hip left_ankle:left_knee right_eye:nose
    left_eye:nose right_ear:right_eye left_ear:left_eye
    """,
)


def _face() -> str:
    """The 68 landmarks of a face (iBUG's order), all on the nose; the person's right side comes first."""

    def row(side: str, name: str, numbers: Iterable[int]) -> list[str]:
        return [f"{side}_{name}_{number}" for number in numbers]

    names = [
        *row("right", "jaw", range(1, 9)), "chin", *row("left", "jaw", range(8, 0, -1)),
        *row("right", "brow", range(1, 6)), *row("left", "brow", range(5, 0, -1)),
        *(f"nose_bridge_{number}" for number in range(1, 5)),
        *row("right", "nostril", (1, 2)), "nose_base", *row("left", "nostril", (2, 1)),
        *row("right", "lid", range(1, 7)), *row("left", "lid", (4, 3, 2, 1, 6, 5)),
        *row("right", "lip", (1, 2, 3)), "upper_lip", *row("left", "lip", (3, 2, 1, 4, 5)), "lower_lip",
        *row("right", "lip", (5, 4)),
        *row("right", "inner_lip", (1, 2)), "upper_inner_lip", *row("left", "inner_lip", (2, 1, 3)), "lower_inner_lip",
        "right_inner_lip_3",
    ]  # fmt: skip
    return " ".join(f"{name}:nose" for name in names)


def _hand(side: str) -> str:
    """The 21 landmarks of a hand: its root, and five fingers of four joints each."""
    joints = [f"{side}_hand:{side}_wrist"]
    for finger in ("thumb", "index", "middle", "ring", "pinky"):
        chain = [f"{side}_hand", *(f"{side}_{finger}_{number}" for number in range(1, 5))]
        joints += [f"{joint}:{parent}" for parent, joint in itertools.pairwise(chain)]
    return " ".join(joints)


# COCO-WholeBody, 133 joints in the order of the dataset: body, feet, face, left hand, right hand.
COCO_WHOLEBODY133 = _skeleton(
    "coco_wholebody133",
    f"""
    {_COCO17}
    left_big_toe:left_ankle left_small_toe:left_ankle left_heel:left_ankle
    right_big_toe:right_ankle right_small_toe:right_ankle right_heel:right_ankle
    {_face()} {_hand("left")} {_hand("right")}
    """,
)

_KNOWN = (H36M17, COCO17, BODY25, BLAZEPOSE33, MPII16, PANOPTIC19, HALPE26, OPENPOSE18, COCO_WHOLEBODY133)
SKELETONS = {skeleton.name: skeleton for skeleton in _KNOWN}


def skeleton_named(name: str) -> Skeleton:
    """The skeleton of that name; raises InputError that lists the names there are."""
    if name not in SKELETONS:
        raise InputError(f"Unknown skeleton '{name}'; epipose knows {', '.join(SKELETONS)}.")
    return SKELETONS[name]


SKELETON_KEYS = ("skeleton", "joints", "parents", "flip")  # those of `skeleton_arrays`, of which the first is needed
_MOST_JOINTS = 10_000  # of a skeleton in a file


def skeleton_arrays(skeleton: Skeleton) -> dict[str, np.ndarray]:
    """A skeleton as arrays of an npz, so that files of joints that epipose does not know need no registration."""
    return {
        "skeleton": np.array(skeleton.name),
        "joints": np.array(skeleton.joints),
        "parents": np.array(skeleton.parents, np.int64),
        "flip": np.array(skeleton.flip, np.int64),
    }


def skeleton_from(arrays: Mapping[str, np.ndarray], path: AnyPath) -> Skeleton:
    """The skeleton in a file: that of `skeleton_arrays`, or the known one of its name where there are no joints.

    Raises DamagedFileError for arrays that are no skeleton, InputError for an unknown name without joints.
    """
    name = str(arrays["skeleton"])
    if "joints" not in arrays:
        if name not in SKELETONS:
            raise InputError(
                f"{path}: unknown skeleton '{name}'; epipose knows {', '.join(SKELETONS)}. Another one needs the keys "
                "'joints' (names) and 'parents' (indices, -1 for the root) beside it."
            )
        return SKELETONS[name]
    try:
        if any(arrays[key].shape[1:] or arrays[key].size > _MOST_JOINTS for key in SKELETON_KEYS[1:] if key in arrays):
            raise InputError(f"expected one list of each, of at most {_MOST_JOINTS} joints.")
        joints = tuple(str(joint) for joint in arrays["joints"])
        parents, flip = (tuple(int(i) for i in arrays[key]) if key in arrays else () for key in ("parents", "flip"))
        found = Skeleton(name, joints, parents, flip)
    except Exception as error:
        raise DamagedFileError(f"{path} holds no skeleton in joints, parents and flip: {error}") from error
    return next((known for known in _KNOWN if known == found), found)
