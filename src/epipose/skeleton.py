"""Skeletons: joint names, parents, left-right flip, and mapping from one definition to another.

Why by name: joint orders differ between detectors and datasets, and an order typed out twice goes wrong. Here
everything goes BY NAME: a joint that two skeletons share has the same name in both, and a joint that one of them lacks is
written once, in ``_COMBINATIONS``, as the mean of joints the other may have. Such a mean is exact in 3D only (the
mean of two projections is not the projection of the mean), so mapping belongs after triangulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epipose.errors import InputError


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
    def evidence_weights(self) -> Float[Tensor, " joint"]:
        """Weight of each joint as evidence: the joints of a body part whose errors are correlated share a weight of 1.

        A detector that misplaces an eye misplaces the whole head: its eleven landmarks are not independent.
        """
        weights = torch.ones(len(self.joints))
        for part in _PARTS:
            members = [i for i, joint in enumerate(self.joints) if joint in part]
            weights[members] = 1.0 / max(len(members), 1)
        return weights

    @cached_property
    def error_parts(self) -> Int[Tensor, " joint"]:
        """Number of the body part of each joint, left and right in one: a detector's errors repeat within a part."""
        group = list(range(len(self.joints)))
        for part in _PARTS:
            members = [i for i, joint in enumerate(self.joints) if joint in part]
            for member in members:
                group[member] = min(members)
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
}


def _side(side: str, *joints: str) -> frozenset[str]:
    return frozenset(f"{side}_{joint}" for joint in joints)


_FACE = ("eye_inner", "eye", "eye_outer", "ear", "mouth")
_HAND = ("wrist", "pinky", "index", "thumb")
_FOOT = ("ankle", "heel", "big_toe", "small_toe")
_HEAD = ("nose", "head", "head_top", "upper_neck", "neck_nose")
# Joints that a detector gets right or wrong together.
_PARTS = (
    frozenset(_HEAD) | _side("left", *_FACE) | _side("right", *_FACE),
    frozenset({"pelvis"}) | _side("left", "hip") | _side("right", "hip"),
    *(_side(side, *part) for side in ("left", "right") for part in (_HAND, _FOOT)),
)
