"""Humanoid rig of animation programs: names, tree, rest pose, and its poses over time as joint rotations.

The rest pose is a T-pose, y up, facing +z, arms along x, in which all rotations are none: a joint's axes are those of
the world there. Names are those of Mixamo and of most BVH files, so that programs map them by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

_TREE = """
    Hips LeftUpLeg:Hips LeftLeg:LeftUpLeg LeftFoot:LeftLeg LeftToeBase:LeftFoot
    RightUpLeg:Hips RightLeg:RightUpLeg RightFoot:RightLeg RightToeBase:RightFoot
    Spine:Hips Chest:Spine Neck:Chest Head:Neck
    LeftShoulder:Chest LeftArm:LeftShoulder LeftForeArm:LeftArm LeftHand:LeftForeArm
    RightShoulder:Chest RightArm:RightShoulder RightForeArm:RightArm RightHand:RightForeArm
    """
_PARENT_OF: dict[str, str] = {joint: parent for joint, _, parent in (entry.partition(":") for entry in _TREE.split())}

RIG_JOINTS = tuple(_PARENT_OF)
"""Joints, parents first and branch after branch, the order in which BVH lists them."""
RIG_PARENTS = tuple(RIG_JOINTS.index(parent) if parent else -1 for parent in _PARENT_OF.values())
RIG_INDEX = {joint: number for number, joint in enumerate(RIG_JOINTS)}

SIDES = {"left": 1.0, "right": -1.0}
"""Sides of the person, with the sign of x on that side in the rest pose."""

# Offsets of a person 1.7 m tall, metres from the parent: what no label shows has these, scaled by the trunk.
TRUNK = 0.5
DEFAULT_LENGTH = {"UpLeg": 0.42, "Leg": 0.41, "Arm": 0.28, "ForeArm": 0.26, "Neck": 0.12}
DEFAULT_TOE = np.array([0.0, -0.07, 0.18])
DEFAULT_HAND = 0.09
DEFAULT_HEAD_TOP = 0.18
BALL_OF_FOOT = 0.7  # share of the way from ankle to toes at which the toes bend


@dataclass(frozen=True)
class RigMotion:
    """A person in motion as rotations of the rig's joints.

    ``offsets``: from the parent to each joint, metres in the parent's axes (of the root: zeros). ``ends``: where the
    bone of a joint without children ends, in that joint's axes. ``rotation``: of each joint in its parent's axes.
    ``root``: position of the hips, metres, y up.
    """

    offsets: Float64[np.ndarray, "joint 3"]
    ends: dict[str, Float64[np.ndarray, "3"]]
    rotation: Float64[np.ndarray, "frame joint 3 3"]
    root: Float64[np.ndarray, "frame 3"]
    fps: float

    def posed(self) -> tuple[Float64[np.ndarray, "frame joint 3 3"], Float64[np.ndarray, "frame joint 3"]]:
        """Rotation and position of every joint in the world (forward kinematics)."""
        return forward_kinematics(self.offsets, self.rotation, self.root)

    def end_positions(self) -> dict[str, Float64[np.ndarray, "frame 3"]]:
        """Where the bones of the joints without children end, by the joint's name."""
        rotation, position = self.posed()
        return {
            name: position[:, RIG_INDEX[name]] + rotation[:, RIG_INDEX[name]] @ end for name, end in self.ends.items()
        }


def forward_kinematics(
    offsets: Float64[np.ndarray, "joint 3"],
    rotation: Float64[np.ndarray, "frame joint 3 3"],
    root: Float64[np.ndarray, "frame 3"],
) -> tuple[Float64[np.ndarray, "frame joint 3 3"], Float64[np.ndarray, "frame joint 3"]]:
    """Rotation and position of every joint in the world, from those in the parents' axes."""
    turned, position = rotation.copy(), np.zeros((*rotation.shape[:2], 3))
    position[:, 0] = root
    for joint, parent in enumerate(RIG_PARENTS[1:], 1):
        turned[:, joint] = turned[:, parent] @ rotation[:, joint]
        position[:, joint] = position[:, parent] + turned[:, parent] @ offsets[joint]
    return turned, position


def in_parents(turned: Float64[np.ndarray, "frame joint 3 3"]) -> Float64[np.ndarray, "frame joint 3 3"]:
    """Rotations in the parents' axes, from those in the world."""
    parents = list(RIG_PARENTS[1:])
    local = turned.copy()
    local[:, 1:] = np.swapaxes(turned[:, parents], -1, -2) @ turned[:, 1:]
    return local


def ancestors() -> Float64[np.ndarray, "joint joint"]:
    """1 where the column's joint is the row's or above it in the tree."""
    above = np.eye(len(RIG_JOINTS))
    for joint, parent in enumerate(RIG_PARENTS[1:], 1):
        above[joint] += above[parent]
    return above
