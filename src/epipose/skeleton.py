"""Skeletons: joint names, parents, left-right flip, and mapping from one definition to another.

Why by name: joint orders differ between detectors and datasets, and an order typed out twice goes wrong. Here
everything goes BY NAME: a joint that two skeletons share has the same name in both, and a joint that one of them lacks is
written once, in ``_COMBINATIONS``, as the mean of joints the other may have. Such a mean is exact in 3D only (the
mean of two projections is not the projection of the mean), so mapping belongs after triangulation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epipose.errors import InputError


@dataclass(frozen=True)
class Skeleton:
    """Named joints; ``parents[j]`` is the index of j's parent, -1 for the root.

    ``flip``: for each joint the index of its mirror partner, itself on the midline; by default that goes by the names
    left_x and right_x. Raises InputError for joints named twice, for parents that are no tree, and for a ``flip`` that
    is no exchange of pairs.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    flip: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.flip:
            object.__setattr__(self, "flip", _partners(self.joints))
        self._check()

    def _check(self) -> None:
        """Raise InputError for what is no skeleton."""
        count = range(len(self.joints))
        twice = sorted({joint for joint in self.joints if self.joints.count(joint) > 1})
        if twice or not self.joints:
            raise InputError(f"Skeleton {self.name}: joints need names of their own; twice there: {', '.join(twice)}.")
        if len(self.parents) != len(count) or self.parents.count(-1) != 1 or not _is_tree(self.parents):
            raise InputError(
                f"Skeleton {self.name}: parents are {list(self.parents)}; expected one number for each of {len(count)} "
                "joints, the index of its parent, and -1 for the one root from which all hang."
            )
        if sorted(self.flip) != list(count) or any(self.flip[self.flip[i]] != i for i in count):
            raise InputError(
                f"Skeleton {self.name}: flip is {list(self.flip)}; expected the index of each joint's mirror partner, "
                "its own on the midline."
            )

    @property
    def root(self) -> int:
        """Index of the root joint."""
        return self.parents.index(-1)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) index pairs, one per joint that has a parent."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    @cached_property
    def bone_flip(self) -> tuple[int, ...]:
        """For each bone the index of its mirror partner, itself where the tree has none."""
        number = {bone: i for i, bone in enumerate(self.bones)}
        both = [(self.flip[parent], self.flip[child]) for parent, child in self.bones]
        return tuple(number.get((p, c), number.get((c, p), i)) for i, (p, c) in enumerate(both))

    @cached_property
    def evidence_weights(self) -> Float[Tensor, " joint"]:
        """Weight of each joint as evidence: the joints of a body part whose errors are correlated share a weight of 1.

        A detector that misplaces an eye misplaces the whole head: its eleven landmarks are not independent.
        """
        parts = [_part(joint) for joint in self.joints]
        return torch.tensor([1.0 / parts.count(part) for part in parts])

    @cached_property
    def error_parts(self) -> Int[Tensor, " joint"]:
        """Number of the body part of each joint, left and right in one: a detector's errors repeat within a part."""
        parts = [_part(joint) for joint in self.joints]
        group = [parts.index(part) for part in parts]
        mirrored = [min(first, group[self.flip[joint]]) for joint, first in enumerate(group)]
        return torch.tensor(mirrored).unique(return_inverse=True)[1]

    def index(self, joint: str) -> int:
        """Index of a joint by name; raises InputError that lists the names there are."""
        if joint not in self.joints:
            raise InputError(f"Skeleton {self.name} has no joint '{joint}'; it has {', '.join(self.joints)}.")
        return self.joints.index(joint)

    def mapping_to(self, target: Skeleton) -> Float[Tensor, "target source"]:
        """Matrix whose rows express each joint of ``target`` as a mean of joints of this skeleton.

        A joint that cannot be expressed has an all-zero row: it is missing (confidence 0), never estimated.
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
    **{
        f"{side}_{joint}": ((f"{side}_{first}",),)
        for side in ("left", "right")
        for joint, first in {"thumb": "thumb_2", "index": "index_1", "pinky": "pinky_1", "mouth": "lip_1"}.items()
    },
}


def _partners(joints: tuple[str, ...]) -> tuple[int, ...]:
    """Mirror partners by name: left_x <-> right_x; a joint without one is its own."""
    swap = {"left": "right", "right": "left"}

    def partner(joint: str) -> str:
        side, _, rest = joint.partition("_")
        return f"{swap[side]}_{rest}" if side in swap else joint

    number = {joint: i for i, joint in enumerate(joints)}
    return tuple(number.get(partner(joint), i) for i, joint in enumerate(joints))


def _is_tree(parents: tuple[int, ...]) -> bool:
    """Whether every joint's chain of parents ends at the root."""
    for joint in range(len(parents)):
        for _ in parents:
            if joint < 0:
                break
            if joint >= len(parents):
                return False
            joint = parents[joint]
        if joint >= 0:
            return False
    return True


# Joints that a detector gets right or wrong together, by name without side and number (left_index_2 is index).
_FACE = (
    "nose head head_top upper_neck neck_nose eye_inner eye eye_outer ear mouth jaw chin brow nose_bridge nostril nose_base "
    "lid lip upper_lip lower_lip inner_lip upper_inner_lip lower_inner_lip"
)
_HAND, _FOOT = "wrist hand thumb index middle ring pinky", "ankle heel big_toe small_toe"
_PART_OF = {
    joint: part
    for part, joints in {"head": _FACE, "hips": "pelvis hip", "hand": _HAND, "foot": _FOOT}.items()
    for joint in joints.split()
}


def _part(joint: str) -> str:
    """The body part of a joint; hands and feet are two each, and a joint of no part is one by itself."""
    side = joint.partition("_")[0]
    bare = re.sub(r"^(left|right)_|_\d+$", "", joint)
    part = _PART_OF.get(bare, joint)
    return f"{side} {part}" if part in ("hand", "foot") else part
