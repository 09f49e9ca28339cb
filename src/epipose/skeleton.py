"""Which joints there are, how they hang together, and how one definition is read in terms of another.

Joint orders differ between detectors and datasets, and a joint order typed out twice is a bug waiting. Everything
here goes BY NAME: a joint that two skeletons share has the same name in both, and a joint that one of them lacks is
written once, in ``_COMBINATIONS``, as the mean of joints the other may have. Such a mean is exact in 3D only (the
mean of two projections is not the projection of the mean), so mapping belongs after triangulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.errors import EpiposeError


@dataclass(frozen=True)
class Skeleton:
    """Named joints; ``parents[j]`` is the index of j's parent, -1 for the root."""

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]

    @property
    def root(self) -> int:
        """Index of the root joint."""
        return self.parents.index(-1)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) index pairs, one per joint that has a parent."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    @cached_property
    def flip(self) -> tuple[int, ...]:
        """For each joint the index of its mirror partner (itself on the midline): left_x <-> right_x by name."""
        swap = {"left": "right", "right": "left"}

        def partner(joint: str) -> str:
            side, _, rest = joint.partition("_")
            return f"{swap[side]}_{rest}" if side in swap else joint

        return tuple(self.joints.index(partner(joint)) for joint in self.joints)

    @cached_property
    def bone_flip(self) -> tuple[int, ...]:
        """For each bone the index of its mirror partner, itself where the tree has none."""
        number = {bone: i for i, bone in enumerate(self.bones)}
        both = [(self.flip[parent], self.flip[child]) for parent, child in self.bones]
        return tuple(number.get((p, c), number.get((c, p), i)) for i, (p, c) in enumerate(both))

    @cached_property
    def votes(self) -> Float[Tensor, "joint"]:
        """What each joint counts where joints are evidence: a body part whose joints err together has one vote.

        A detector that misplaces an eye misplaces the whole face: eleven landmarks on it are not eleven opinions.
        """
        votes = torch.ones(len(self.joints))
        for part in _PARTS:
            members = [i for i, joint in enumerate(self.joints) if joint in part]
            votes[members] = 1.0 / max(len(members), 1)
        return votes

    def index(self, joint: str) -> int:
        """Index of a joint by name; raises EpiposeError that lists the names there are."""
        if joint not in self.joints:
            raise EpiposeError(f"Skeleton {self.name} has no joint '{joint}'; it has {', '.join(self.joints)}.")
        return self.joints.index(joint)

    def mapping_to(self, target: Skeleton) -> Float[Tensor, "target source"]:
        """Matrix whose rows express each joint of ``target`` as a mean of joints of this skeleton.

        A joint that cannot be expressed has an all-zero row: it is missing (confidence 0), never guessed.
        """
        rows = torch.zeros(len(target.joints), len(self.joints))
        for row, joint in enumerate(target.joints):
            for source, weight in self._as_mean_of_own(joint).items():
                rows[row, self.joints.index(source)] = weight
        return rows

    def bone_lengths(self, pose: Float[Tensor, "*batch joint 3"]) -> Float[Tensor, "*batch bone"]:
        """Lengths of the bones of poses, in the order of `bones` and in the poses' unit."""
        return (pose[..., self._ends[1], :] - pose[..., self._ends[0], :]).norm(dim=-1)

    def bone_weight(self, weight: Float[Tensor, "*batch joint"]) -> Float[Tensor, "*batch bone"]:
        """The lesser of the weights (or confidences) of each bone's two ends: 0 where one of them is missing."""
        return torch.minimum(weight[..., self._ends[0]], weight[..., self._ends[1]])

    @cached_property
    def _ends(self) -> tuple[list[int], list[int]]:
        """Parents and children of the bones."""
        return [parent for parent, _ in self.bones], [child for _, child in self.bones]

    def _as_mean_of_own(self, joint: str) -> dict[str, float]:
        if joint in self.joints:
            return {joint: 1.0}
        for parts in _COMBINATIONS.get(joint, ()):
            own = [self._as_mean_of_own(part) for part in parts]
            if all(own):
                mean: dict[str, float] = {}
                for part in own:
                    for source, weight in part.items():
                        mean[source] = mean.get(source, 0.0) + weight / len(parts)
                return mean
        return {}


# A joint as the mean of others; the first combination whose parts exist is taken.
_COMBINATIONS: dict[str, tuple[tuple[str, ...], ...]] = {
    "pelvis": (("left_hip", "right_hip"),),
    "thorax": (("left_shoulder", "right_shoulder"),),
    "neck": (("left_shoulder", "right_shoulder"),),
    "spine": (("pelvis", "thorax"),),
    "head": (("left_ear", "right_ear"), ("head_top",)),
    "neck_nose": (("nose",),),
}


def _side(side: str, *joints: str) -> frozenset[str]:
    return frozenset(f"{side}_{joint}" for joint in joints)


_FACE = ("eye_inner", "eye", "eye_outer", "ear", "mouth")
_HAND = ("wrist", "pinky", "index", "thumb")
_FOOT = ("ankle", "heel", "big_toe", "small_toe")
# Joints that a detector gets right or wrong together.
_PARTS = (
    frozenset({"nose"}) | _side("left", *_FACE) | _side("right", *_FACE),
    *(_side(side, *part) for side in ("left", "right") for part in (_HAND, _FOOT)),
)


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

SKELETONS = {skeleton.name: skeleton for skeleton in (H36M17, COCO17, BODY25, BLAZEPOSE33)}


def skeleton_named(name: str) -> Skeleton:
    """The skeleton of that name; raises EpiposeError that lists the names there are."""
    if name not in SKELETONS:
        raise EpiposeError(f"Unknown skeleton '{name}'; epipose knows {', '.join(SKELETONS)}.")
    return SKELETONS[name]
