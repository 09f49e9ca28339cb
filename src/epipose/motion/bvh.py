"""Motions in Biovision's BVH: a tree of joints with offsets, and per frame the channels of every joint.

The format fixes neither names, nor units, nor which way is up, nor the pose without rotation. So: joints are found by
the names of the common families (CMU's and Mixamo's "LeftUpLeg", LAFAN's, Poser's "LeftHip", "lThigh"); the unit is
the one that makes the figure a person's size (twice the leg is the stature); up is the axis that the trunk is along
most of the time; the floor is 9 cm below the lowest ankles. Where the face and the soles point in their joints' own
axes is what they do on average: the face looks where the chest does, a low foot is level.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from epipose.errors import DamagedFileError, InputError
from epipose.motion.motion import Motion, stacked
from epipose.motion.rotations import from_euler, unit

# Where a joint is the beginning of a bone with one of these names (lower case, without prefix, spaces, dots, dashes).
_NAMES = {
    "hip": ("{side}upleg", "{side}thigh", "{side}hip", "{s}thigh", "{side}upperleg"),
    "knee": ("{side}leg", "{side}shin", "{side}knee", "{side}lowleg", "{s}shin", "{side}lowerleg"),
    "ankle": ("{side}foot", "{side}ankle", "{s}foot"),
    "toe": ("{side}toebase", "{side}toe", "{s}toe", "{side}toes", "{side}ball"),
    "shoulder": ("{side}arm", "{side}upperarm", "{side}uparm", "{side}shoulder", "{s}shldr"),
    "elbow": ("{side}forearm", "{side}lowarm", "{side}elbow", "{s}forearm", "{side}lowerarm"),
    "wrist": ("{side}hand", "{side}wrist", "{s}hand"),
}
_OPTIONAL = ("toe",)
_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "CMU": 0.0254 / 0.45}
_STATURES = (1.2, 2.2)  # metres: what a figure may be in a unit
_ANKLE = 0.09  # metres over the floor in a standing person


@dataclass
class _Joint:
    name: str
    parent: int
    offset: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    channels: list[str] = field(default_factory=list)


def read_bvh(path: Path) -> Motion:
    """One motion; raises EpiposeError for a broken file and for one whose joints have unknown names."""
    joints, values, frame_time = _parsed(path)
    turn, place = _posed(joints, values)
    index = _named(joints, path)
    here = {joint: place[:, number] for joint, number in index.items()}
    legs = [("hip", "knee"), ("knee", "ankle")]
    leg = sum(np.median(np.linalg.norm(here[f"left_{b}"] - here[f"left_{a}"], axis=-1)) for a, b in legs)
    chest_mid = (here["left_shoulder"] + here["right_shoulder"]) / 2
    to_z_up = _upright(chest_mid - (here["left_hip"] + here["right_hip"]) / 2)
    place, turn = place @ to_z_up.T * _unit(2 * leg), to_z_up @ turn
    here = {joint: place[:, number] for joint, number in index.items()}
    here["thorax"] = (here["left_shoulder"] + here["right_shoulder"]) / 2
    here["pelvis"] = (here["left_hip"] + here["right_hip"]) / 2
    here["spine"] = place[:, _mid_spine(joints, place, index, (here["pelvis"] + here["thorax"]) / 2)]
    face = _face(here, turn[:, index["head"]])
    here["head"] = here["head"] + 0.06 * face[:, 1]  # from the joint at the skull's base to the middle of the ears
    here["neck_nose"] = here["head"] + 0.1 * face[:, 0]
    toes = _toes(here, turn, index)
    floor = np.percentile(np.minimum(here["left_ankle"][:, 2], here["right_ankle"][:, 2]), 5) - _ANKLE
    lowered = np.array([0, 0, floor])
    return Motion(path.stem, stacked(here) - lowered, 1 / frame_time, None if toes is None else toes - lowered, face)


def _parsed(path: Path) -> tuple[list[_Joint], Float64[np.ndarray, "frame channel"], float]:
    """Joints with parents first, the values of all channels, and the seconds per frame."""
    head, _, tail = path.read_text(encoding="utf-8", errors="replace").partition("MOTION")
    joints, stack = [], []
    words = iter(head.split())
    try:
        for word in words:
            if word in ("ROOT", "JOINT", "End"):
                joints.append(_Joint(next(words), stack[-1] if stack else -1))
            elif word == "{":
                stack.append(len(joints) - 1)
            elif word == "}":
                stack.pop()
            elif word == "OFFSET":
                joints[-1].offset = [float(next(words)) for _ in range(3)]
            elif word == "CHANNELS":
                joints[-1].channels = [next(words) for _ in range(int(next(words)))]
        frame_time = float(re.findall(r"Frame Time:\s*(\S+)", tail)[0])
        numbers = np.array(tail.split("Frame Time:")[1].split()[1:], float)
        values = numbers.reshape(-1, sum(len(joint.channels) for joint in joints))
    except (ValueError, IndexError, StopIteration, RuntimeError) as error:
        raise DamagedFileError(
            f"{path} is no whole BVH file ({error!r}): expected HIERARCHY and MOTION as Biovision defined."
        ) from error
    if not len(values) or frame_time <= 0 or not np.isfinite(values).all():
        raise DamagedFileError(f"{path} has {len(values)} frames of {frame_time} s; expected at least one, all finite.")
    return joints, values, frame_time


def _posed(
    joints: list[_Joint], values: Float64[np.ndarray, "frame channel"]
) -> tuple[Float64[np.ndarray, "frame joint 3 3"], Float64[np.ndarray, "frame joint 3"]]:
    """Turn and place of every joint. Position channels stand in place of the offset."""
    turn = np.zeros((len(values), len(joints), 3, 3))
    place = np.zeros((len(values), len(joints), 3))
    column = 0
    for i, joint in enumerate(joints):
        own = values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        shift = np.tile(np.array(joint.offset), (len(values), 1))
        rotations = [k for k, name in enumerate(joint.channels) if name.lower().endswith("rotation")]
        for k, name in enumerate(joint.channels):
            if name.lower().endswith("position"):
                shift[:, "xyz".index(name[0].lower())] = own[:, k]
        local = from_euler("".join(joint.channels[k][0].lower() for k in rotations), np.radians(own[:, rotations]))
        if joint.parent < 0:
            turn[:, i], place[:, i] = local, shift
        else:
            turn[:, i] = turn[:, joint.parent] @ local
            place[:, i] = place[:, joint.parent] + (turn[:, joint.parent] @ shift[..., None])[..., 0]
    return turn, place


def _named(joints: list[_Joint], path: Path) -> dict[str, int]:
    """Index of the joints that are needed, by our names ("left_hip", ..., "head", and toes where there are any)."""
    plain = {
        re.sub(r"[^a-z0-9]", "", joint.name.rpartition(":")[2].lower()): i
        for i, joint in reversed([*enumerate(joints)])
    }
    wanted = {"head": ("head",)}
    for side in ("left", "right"):
        wanted |= {
            f"{side}_{key}": tuple(n.format(side=side, s=side[0]) for n in names) for key, names in _NAMES.items()
        }
    index = {ours: next((plain[name] for name in names if name in plain), None) for ours, names in wanted.items()}
    missing = [ours for ours, i in index.items() if i is None and not ours.endswith(_OPTIONAL)]
    if missing:
        there = ", ".join(joint.name for joint in joints if joint.name != "Site")
        tried = ", ".join(wanted[missing[0]])
        raise InputError(f"{path} has no {missing[0]} (called {tried}); its joints are {there}. Rename them.")
    return {ours: i for ours, i in index.items() if i is not None}


def _unit(stature: float) -> float:
    """Metres per unit of the file: the first common unit in which the figure is a person's size, else 1.7 m for it."""
    for metres in _METRES.values():
        if _STATURES[0] <= stature * metres <= _STATURES[1]:
            return metres
    return 1.7 / stature


def _upright(trunk: Float64[np.ndarray, "frame 3"]) -> Float64[np.ndarray, "3 3"]:
    """Rotation that takes the axis which the trunk is mostly along to z: y up, or z up already."""
    mean = unit(trunk).mean(0)
    if abs(mean[1]) >= abs(mean[2]):
        return (
            np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
            if mean[1] > 0
            else np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
        )
    return np.eye(3) if mean[2] > 0 else np.diag([1.0, -1, -1])


def _mid_spine(joints: list[_Joint], place: np.ndarray, index: dict[str, int], middle: np.ndarray) -> int:
    """Of the joints between root and head the one nearest to the middle of the trunk."""
    chain, joint = [], joints[index["head"]].parent
    while joint >= 0:
        chain.append(joint)
        joint = joints[joint].parent
    return min(chain, key=lambda i: float(np.linalg.norm(place[:, i] - middle, axis=-1).mean()))


def _face(here: dict[str, np.ndarray], head: Float64[np.ndarray, "frame 3 3"]) -> Float64[np.ndarray, "frame 2 3"]:
    """Forward and up of the head, which on average are those of the chest."""
    up = unit(here["thorax"] - here["pelvis"])
    forward = unit(np.cross(here["left_shoulder"] - here["right_shoulder"], up))
    inverse = np.swapaxes(head, -1, -2)
    own = [unit((inverse @ axis[..., None])[..., 0].mean(0)) for axis in (forward, up)]
    own[1] = unit(own[1] - own[0] * (own[0] @ own[1]))
    return np.stack([head @ axis for axis in own], 1)


def _toes(
    here: dict[str, np.ndarray], turn: np.ndarray, index: dict[str, int]
) -> Float64[np.ndarray, "frame 2 3"] | None:
    """A point ahead of each ankle along the sole, which is level when the ankle is low."""
    if not {"left_toe", "right_toe"} <= set(index):
        return None
    toes = []
    for side in ("left", "right"):
        ankle, foot = here[f"{side}_ankle"], turn[:, index[f"{side}_ankle"]]
        ahead = here[f"{side}_toe"] - ankle
        level = ahead * [1, 1, 0]
        low = ankle[:, 2] <= np.percentile(ankle[:, 2], 20)
        own = (np.swapaxes(foot, -1, -2) @ level[..., None])[low, :, 0].mean(0)
        toes.append(ankle + foot @ (unit(own) * np.linalg.norm(ahead, axis=-1).mean()))
    return np.stack(toes, 1)
