"""Fit of the humanoid rig to joint positions: constant bones, and the rotations that bring them nearest to the joints.

First in closed form: every part's axes (body_axes.py), the median of every offset in them. Bones that do not change
cannot meet every joint, and a chain would add up what its bones miss, so a few damped Gauss-Newton steps on the
distances of all joints and of the points fixed to head, hands and feet follow. What the points leave open (the twist
of a straight limb) has no gradient and stays as it was in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from epipose.motion.body_axes import body_axes, fixed_in
from epipose.motion.body_points import FACE_JOINTS, BodyPoints
from epipose.motion.head_axes import has_head, skull_base
from epipose.motion.humanoid import RIG_INDEX, RIG_JOINTS, RIG_PARENTS, SIDES, RigMotion, ancestors, in_parents
from epipose.motion.rig_offsets import rig_offsets
from epipose.motion.rotations import axis_and_angle, from_axis_angle, unit

_STEPS = 4
# What it costs to leave the closed form, square metres per square radian: 1 cm off weighs as much as a turn by a radian,
# and 10 cm in the trunk, whose parts could otherwise fold against each other where the shoulders come closer.
_STAY = 1e-4
_STAY_OF = {"Spine": 1e-2, "Chest": 1e-2, "Head": 3e-4}
_FILLED_WEIGHT = 1e-3  # of a joint that was interpolated
_FACE_WEIGHT = 1.0  # of all joints of the face together: their errors are one
_WEIGHT = {"heel": 0.1, "thumb": 0.1, "index": 0.4, "pinky": 0.4, "spine": 0.3}
_FRAMES_AT_ONCE = 256


class Site(NamedTuple):
    """A joint of the labels as a point fixed to a joint of the rig, in that joint's axes."""

    label: str
    joint: str
    offset: Float64[np.ndarray, "3"]


@dataclass(frozen=True)
class FittedRig:
    """The rig's motion, the labels' joints as its points, and their distances in metres where a label was seen.

    ``distance`` is NaN where the label was missing.
    """

    motion: RigMotion
    sites: tuple[Site, ...]
    distance: Float64[np.ndarray, "frame site"]

    def positions(self) -> Float64[np.ndarray, "frame site 3"]:
        """Where the rig has the labels' joints."""
        return _placed(self.motion, self.sites)


def fit_rig(body: BodyPoints, fps: float) -> FittedRig:
    """The rig that fits a person's joints best."""
    axes = body_axes(body, fps)
    offsets, ends = rig_offsets(body, axes)
    sites = _sites(body, axes)
    motion = RigMotion(offsets, ends, in_parents(axes), body.hips, fps)
    target = np.stack([body.at[site.label] for site in sites], 1)
    seen = np.stack([body.seen[site.label] for site in sites], 1)
    weight = np.where(seen, 1.0, _FILLED_WEIGHT) * _site_weights(sites)
    closed = motion.rotation
    for _ in range(_STEPS):
        motion = _improved(motion, closed, sites, target, weight)
    distance = np.linalg.norm(_placed(motion, sites) - target, axis=-1)
    return FittedRig(motion, sites, np.where(seen, distance, np.nan))


_JOINT_OF = {  # joints of the labels that are joints of the rig, both without the side
    "hip": "UpLeg",
    "knee": "Leg",
    "ankle": "Foot",
    "shoulder": "Arm",
    "elbow": "ForeArm",
    "wrist": "Hand",
}
_FIXED_TO = {"heel": "Foot", "big_toe": "Foot", "small_toe": "Foot", "index": "Hand", "pinky": "Hand", "thumb": "Hand"}
_FROM = {"Foot": "ankle", "Hand": "wrist"}


def _sites(body: BodyPoints, axes: Float64[np.ndarray, "frame joint 3 3"]) -> tuple[Site, ...]:
    """The labels' joints as points of the rig: most are its joints, others are fixed to head, feet and hands."""
    origin = np.zeros(3)
    sites = [Site(joint, "Neck", origin) for joint in ("neck", "thorax") if joint in body.own][:1]
    sites += [Site("spine", "Chest", origin)] if "spine" in body.own else []
    for side in SIDES:
        for joint, part in _JOINT_OF.items():
            if f"{side}_{joint}" in body:
                sites.append(Site(f"{side}_{joint}", side.title() + part, origin))
        for joint, part in _FIXED_TO.items():
            label, start, to = f"{side}_{joint}", f"{side}_{_FROM[part]}", side.title() + part
            if label in body and start in body:
                away = body.at[label] - body.at[start]
                sites.append(Site(label, to, fixed_in(axes[:, RIG_INDEX[to]], away)))
    head = axes[:, RIG_INDEX["Head"]]
    if has_head(body):
        base = skull_base(body, head)
        face = [joint for joint in FACE_JOINTS if joint in body.own]
        sites += [Site(joint, "Head", fixed_in(head, body.at[joint] - base)) for joint in face]
    return tuple(sites)


def _site_weights(sites: tuple[Site, ...]) -> Float64[np.ndarray, " site"]:
    """Weight of each point: what is fixed to a head, hand or foot, and a bent spine, count less than the limbs' joints."""
    face = [site.joint == "Head" and bool(site.offset.any()) for site in sites]
    bare = [site.label.removeprefix("left_").removeprefix("right_") for site in sites]
    return np.array(
        [_FACE_WEIGHT / sum(face) if own else _WEIGHT.get(name, 1.0) for own, name in zip(face, bare, strict=True)]
    )


def _placed(motion: RigMotion, sites: tuple[Site, ...]) -> Float64[np.ndarray, "frame site 3"]:
    """Where the rig has its points."""
    turned, position = motion.posed()
    joints = [RIG_INDEX[site.joint] for site in sites]
    return position[:, joints] + np.einsum("fsij,sj->fsi", turned[:, joints], np.stack([site.offset for site in sites]))


def _improved(
    motion: RigMotion,
    closed: Float64[np.ndarray, "frame joint 3 3"],
    sites: tuple[Site, ...],
    target: Float64[np.ndarray, "frame site 3"],
    weight: Float64[np.ndarray, "frame site"],
) -> RigMotion:
    """After one damped Gauss-Newton step in every frame, over the root's position and all rotations."""
    turned, position = motion.posed()
    placed = _placed(motion, sites)
    axis, angle = axis_and_angle(motion.rotation @ np.swapaxes(closed, -1, -2))
    above = np.concatenate([np.eye(3)[None, None].repeat(len(angle), 0), turned[:, [*RIG_PARENTS[1:]]]], 1)
    left = (above @ (unit(axis) * angle[..., None])[..., None])[..., 0]  # how far the closed form has been left
    moved, steps = ancestors()[[RIG_INDEX[site.joint] for site in sites]], []
    for first in range(0, len(target), _FRAMES_AT_ONCE):
        some = slice(first, first + _FRAMES_AT_ONCE)
        steps.append(_step(position[some], placed[some], target[some], weight[some], moved, left[some]))
    step = np.concatenate(steps)
    turn = step[:, 3:].reshape(len(step), len(RIG_JOINTS), 3)
    angle = np.linalg.norm(turn, axis=-1)
    extra = from_axis_angle(np.where(angle[..., None] > 0, turn, [1.0, 0, 0]), angle)
    local = np.swapaxes(above, -1, -2) @ extra @ turned
    return replace(motion, rotation=local, root=motion.root + step[:, :3])


def _step(
    position: Float64[np.ndarray, "frame joint 3"],
    placed: Float64[np.ndarray, "frame site 3"],
    target: Float64[np.ndarray, "frame site 3"],
    weight: Float64[np.ndarray, "frame site"],
    moved: Float64[np.ndarray, "site joint"],
    left: Float64[np.ndarray, "frame joint 3"],
) -> Float64[np.ndarray, "frame unknown"]:
    """The root's shift and the turns of all joints, as vectors in the world, about the joints' own positions."""
    arm = (placed[:, :, None] - position[:, None]) * moved[..., None]
    x, y, z = np.moveaxis(arm, -1, 0)
    zero = np.zeros_like(x)
    # A turn w moves a point by w x arm; rows are the point's coordinates, columns those of w.
    by_turn = np.stack([np.stack(row, -1) for row in ([zero, z, -y], [-z, zero, x], [y, -x, zero])], -2)
    frames, points = weight.shape
    by_turn = np.swapaxes(by_turn, 2, 3).reshape(frames, points, 3, -1)
    jacobian = np.concatenate([np.eye(3)[None, None].repeat(frames, 0).repeat(points, 1), by_turn], -1)
    jacobian = jacobian.reshape(frames, 3 * points, -1)
    weighted = np.swapaxes(jacobian, 1, 2) * weight.repeat(3, -1)[:, None]
    stay = np.repeat([_STAY_OF.get(joint, _STAY) for joint in RIG_JOINTS], 3)
    right = (weighted @ (target - placed).reshape(frames, -1, 1))[..., 0]
    right[:, 3:] -= stay * left.reshape(frames, -1)
    return np.linalg.solve(weighted @ jacobian + np.diag([1e-9] * 3 + [*stay]), right[..., None])[..., 0]
