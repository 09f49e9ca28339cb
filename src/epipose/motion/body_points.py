"""Joints of a person by name in every frame: found in any skeleton, missing ones filled in between frames.

An animation has a pose in every frame, labels do not. What is missing is interpolated between the frames that have it,
and held before the first and after the last, in the axes of the trunk, so that a held hand goes along with the person.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float64

from epipose.errors import InputError
from epipose.motion.humanoid import TRUNK
from epipose.motion.rotations import axes_of
from epipose.poses import Poses3D
from epipose.skeleton import Skeleton

TRUNK_JOINTS = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
FACE_JOINTS = (
    "nose", "neck_nose", "head", "head_top", "upper_neck", "left_ear", "right_ear", "left_eye", "right_eye",
    "left_eye_inner", "right_eye_inner", "left_eye_outer", "right_eye_outer", "left_mouth", "right_mouth",
)  # fmt: skip
_PART_JOINTS = ("knee", "ankle", "heel", "big_toe", "small_toe", "elbow", "wrist", "index", "pinky", "thumb")
_WANTED = (
    *TRUNK_JOINTS, "spine", "thorax", "neck", *FACE_JOINTS,
    *(f"{side}_{part}" for side in ("left", "right") for part in _PART_JOINTS),
)  # fmt: skip
_POSED = Skeleton("animation", _WANTED, (-1, *[0] * (len(_WANTED) - 1)))


@dataclass(frozen=True)
class BodyPoints:
    """Joints by name, metres, y up; all are finite in every frame. ``seen``: whether a label has it, not a neighbour.

    Only joints that some frame shows are there. ``own``: names that are joints of the labels, not means of others.
    """

    at: dict[str, Float64[np.ndarray, "frame 3"]]
    seen: dict[str, Bool[np.ndarray, " frame"]]
    own: frozenset[str]

    def __contains__(self, joint: str) -> bool:
        return joint in self.at

    def mean(self, *joints: str) -> Float64[np.ndarray, "frame 3"]:
        """The middle of joints."""
        return np.mean([self.at[joint] for joint in joints], axis=0)

    @property
    def hips(self) -> Float64[np.ndarray, "frame 3"]:
        """The middle of the hips, the root of the rig."""
        return self.mean("left_hip", "right_hip")

    @property
    def neck(self) -> Float64[np.ndarray, "frame 3"]:
        """Where the neck begins: a joint of the labels, or the middle of the shoulders."""
        own = [joint for joint in ("neck", "thorax") if joint in self.own]
        return self.at[own[0]] if own else self.mean("left_shoulder", "right_shoulder")

    @cached_property
    def scale(self) -> float:
        """Size of the person beside the rig's defaults, from the trunk."""
        return float(np.median(np.linalg.norm(self.neck - self.hips, axis=-1))) / TRUNK

    def filled_share(self) -> float:
        """Share of joints and frames that were interpolated or held."""
        return 1 - float(np.mean([seen.mean() for seen in self.seen.values()]))


def body_points(poses: Poses3D, xyz: Float64[np.ndarray, "frame joint 3"], person: int, name: str) -> BodyPoints:
    """The joints of one person. ``xyz``: that person's joints in axes with y up; ``name``: of the person, for messages.

    Raises InputError where no frame shows both hips and both shoulders.
    """
    one = Poses3D(torch.from_numpy(xyz)[:, None], poses.conf[:, person : person + 1].double(), poses.skeleton)
    mapped = one.mapped_to(_POSED)
    position, seen = mapped.xyz[:, 0].numpy(), mapped.conf[:, 0].numpy() > 0
    trunk = [_WANTED.index(joint) for joint in TRUNK_JOINTS]
    if not seen[:, trunk].all(1).any():
        raise InputError(
            f"{name} has no frame with both hips and both shoulders ({poses.skeleton.name} has "
            f"{', '.join(poses.skeleton.joints[:12])}, ...): without them there is no trunk to hang the limbs from. "
            "Label with a skeleton that has them, or leave the person out."
        )
    whole = np.repeat(seen[:, trunk].all(1, keepdims=True), len(_WANTED), 1)
    base = _filled(position, whole)[:, trunk]
    origin, axes = base[:, :2].mean(1)[:, None], _trunk_axes(base)
    local = _filled(np.einsum("fdc,fjd->fjc", axes, position - origin), seen)
    at = np.einsum("fcd,fjd->fjc", axes, local) + origin
    shown = [(number, joint) for number, joint in enumerate(_WANTED) if seen[:, number].any()]
    return BodyPoints(
        {joint: np.where(seen[:, number, None], position[:, number], at[:, number]) for number, joint in shown},
        {joint: seen[:, number] for number, joint in shown},
        frozenset(joint for _, joint in shown if joint in poses.skeleton.joints),
    )


def _trunk_axes(trunk: Float64[np.ndarray, "frame 4 3"]) -> Float64[np.ndarray, "frame 3 3"]:
    """Left, up and forward of the trunk in columns, from hips and shoulders, left and right."""
    return axes_of(trunk[:, 0] - trunk[:, 1], trunk[:, 2:].mean(1) - trunk[:, :2].mean(1))


def _filled(
    values: Float64[np.ndarray, "frame joint 3"], known: Bool[np.ndarray, "frame joint"]
) -> Float64[np.ndarray, "frame joint 3"]:
    """Unknown values interpolated between the known ones of the same joint, held before the first and after the last."""
    frame = np.arange(len(values))[:, None]
    before = np.maximum.accumulate(np.where(known, frame, -1), 0)
    after = np.minimum.accumulate(np.where(known, frame, len(values))[::-1], 0)[::-1]
    before, after = np.where(before < 0, after, before), np.where(after >= len(values), before, after)
    before, after = (np.clip(moment, 0, len(values) - 1) for moment in (before, after))
    share = ((frame - before) / np.maximum(after - before, 1))[..., None]
    first, last = (np.take_along_axis(values, moment[..., None], 0) for moment in (before, after))
    return (1 - share) * first + share * last
