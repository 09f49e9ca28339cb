"""BVH motions (Biovision): a tree of joints with offsets, and per frame the channels of every joint.

The format fixes neither names, nor units, nor which way is up, nor the pose without rotation. So: joints are found by
the names of the common families (CMU's and Mixamo's "LeftUpLeg", LAFAN's, Poser's "LeftHip", "lThigh"); the unit is
the one that makes the skeleton a person's size (twice the leg is the stature); up is the axis that the trunk is along
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
from epipose.io.files import AnyPath
from epipose.io.guard import reads
from epipose.motion.motion import Motion, sound, stack_joints
from epipose.motion.rotations import from_euler, unit

# Where a joint is the beginning of a bone with one of these names (lower case, without prefix, spaces, dots, dashes).
_JOINT_NAMES = {
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
_STATURE_RANGE = (1.2, 2.2)  # metres, in the right unit
_ANKLE_HEIGHT = 0.09  # metres over the floor in a standing person


@dataclass
class _Joint:
    name: str
    parent: int
    offset: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    channels: list[str] = field(default_factory=list)


@reads("a motion (BVH: HIERARCHY and MOTION as Biovision defined)")
def read_bvh(path: AnyPath) -> Motion:
    """One motion; raises DamagedFileError for a broken file, InputError for one whose joints have unknown names."""
    path = Path(path)
    joints, values, frame_time = _parsed(path)
    rotation, position = _posed(joints, values)
    index = _joint_indices(joints, path)
    at = {joint: position[:, number] for joint, number in index.items()}
    legs = [("hip", "knee"), ("knee", "ankle")]
    leg = sum(np.median(np.linalg.norm(at[f"left_{b}"] - at[f"left_{a}"], axis=-1)) for a, b in legs)
    chest_mid = (at["left_shoulder"] + at["right_shoulder"]) / 2
    to_z_up = _upright(chest_mid - (at["left_hip"] + at["right_hip"]) / 2)
    position, rotation = position @ to_z_up.T * _metres_per_unit(2 * leg), to_z_up @ rotation
    at = {joint: position[:, number] for joint, number in index.items()}
    at["thorax"] = (at["left_shoulder"] + at["right_shoulder"]) / 2
    at["pelvis"] = (at["left_hip"] + at["right_hip"]) / 2
    at["spine"] = position[:, _mid_spine(joints, position, index, (at["pelvis"] + at["thorax"]) / 2)]
    face = _face(at, rotation[:, index["head"]])
    at["head"] = at["head"] + 0.06 * face[:, 1]  # from the joint at the skull's base to the middle of the ears
    at["neck_nose"] = at["head"] + 0.1 * face[:, 0]
    toes = _toes(at, rotation, index)
    floor = np.percentile(np.minimum(at["left_ankle"][:, 2], at["right_ankle"][:, 2]), 5) - _ANKLE_HEIGHT
    lowered = np.array([0, 0, floor])
    toes = None if toes is None else toes - lowered
    return sound(Motion(path.stem, stack_joints(at) - lowered, 1 / frame_time, toes, face), path)


def _parsed(path: Path) -> tuple[list[_Joint], Float64[np.ndarray, "frame channel"], float]:
    """Joints with parents first, the values of all channels, and the seconds per frame."""
    head, _, tail = path.read_text(encoding="utf-8", errors="replace").partition("MOTION")
    joints, stack = [], []
    words = iter(head.split())
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
    if not len(values) or frame_time <= 0 or not np.isfinite(values).all():
        raise DamagedFileError(f"{path} has {len(values)} frames of {frame_time} s; expected at least one, all finite.")
    return joints, values, frame_time


def _posed(
    joints: list[_Joint], values: Float64[np.ndarray, "frame channel"]
) -> tuple[Float64[np.ndarray, "frame joint 3 3"], Float64[np.ndarray, "frame joint 3"]]:
    """Rotation and position of every joint. Position channels replace the offset."""
    rotation = np.zeros((len(values), len(joints), 3, 3))
    position = np.zeros((len(values), len(joints), 3))
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
            rotation[:, i], position[:, i] = local, shift
        else:
            rotation[:, i] = rotation[:, joint.parent] @ local
            position[:, i] = position[:, joint.parent] + (rotation[:, joint.parent] @ shift[..., None])[..., 0]
    return rotation, position


def _joint_indices(joints: list[_Joint], path: Path) -> dict[str, int]:
    """Index of the joints that are needed, by name ("left_hip", ..., "head", and toes where there are any)."""
    plain = {
        re.sub(r"[^a-z0-9]", "", joint.name.rpartition(":")[2].lower()): i
        for i, joint in reversed([*enumerate(joints)])
    }
    wanted = {"head": ("head",)}
    for side in ("left", "right"):
        wanted |= {
            f"{side}_{key}": tuple(n.format(side=side, s=side[0]) for n in names) for key, names in _JOINT_NAMES.items()
        }
    index = {ours: next((plain[name] for name in names if name in plain), None) for ours, names in wanted.items()}
    missing = [ours for ours, i in index.items() if i is None and not ours.endswith(_OPTIONAL)]
    if missing:
        there = ", ".join(joint.name for joint in joints if joint.name != "Site")
        tried = ", ".join(wanted[missing[0]])
        raise InputError(f"{path} has no {missing[0]} (called {tried}); its joints are {there}. Rename them.")
    return {ours: i for ours, i in index.items() if i is not None}


def _metres_per_unit(stature: float) -> float:
    """Metres per unit of the file: the first common unit in which the skeleton is a person's size, else 1.7 m for it."""
    for metres in _METRES.values():
        if _STATURE_RANGE[0] <= stature * metres <= _STATURE_RANGE[1]:
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


def _mid_spine(joints: list[_Joint], position: np.ndarray, index: dict[str, int], middle: np.ndarray) -> int:
    """Of the joints between root and head the one nearest to the middle of the trunk."""
    chain, joint = [], joints[index["head"]].parent
    while joint >= 0:
        chain.append(joint)
        joint = joints[joint].parent
    return min(chain, key=lambda i: float(np.linalg.norm(position[:, i] - middle, axis=-1).mean()))


def _face(at: dict[str, np.ndarray], head: Float64[np.ndarray, "frame 3 3"]) -> Float64[np.ndarray, "frame 2 3"]:
    """Forward and up of the head, which on average are those of the chest."""
    up = unit(at["thorax"] - at["pelvis"])
    forward = unit(np.cross(at["left_shoulder"] - at["right_shoulder"], up))
    inverse = np.swapaxes(head, -1, -2)
    own = [unit((inverse @ axis[..., None])[..., 0].mean(0)) for axis in (forward, up)]
    own[1] = unit(own[1] - own[0] * (own[0] @ own[1]))
    return np.stack([head @ axis for axis in own], 1)


def _toes(
    at: dict[str, np.ndarray], rotation: np.ndarray, index: dict[str, int]
) -> Float64[np.ndarray, "frame 2 3"] | None:
    """A point ahead of each ankle along the sole, which is level when the ankle is low."""
    if not {"left_toe", "right_toe"} <= set(index):
        return None
    toes = []
    for side in ("left", "right"):
        ankle, foot = at[f"{side}_ankle"], rotation[:, index[f"{side}_ankle"]]
        ahead = at[f"{side}_toe"] - ankle
        level = ahead * [1, 1, 0]
        low = ankle[:, 2] <= np.percentile(ankle[:, 2], 20)
        own = (np.swapaxes(foot, -1, -2) @ level[..., None])[low, :, 0].mean(0)
        toes.append(ankle + foot @ (unit(own) * np.linalg.norm(ahead, axis=-1).mean()))
    return np.stack(toes, 1)
