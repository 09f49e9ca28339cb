"""Motions of the CMU Graphics Lab database: a skeleton (ASF) and its joint angles (AMC), 120 Hz.

Format: Lander, "Working with motion capture file formats", Game Developer 1998. A bone is turned by its own degrees of
freedom in its own axes C: L = C M C^-1, after its parent's turn; its end lies ``direction * length`` along.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from epipose.errors import DamagedFileError, InputError
from epipose.motion.motion import Motion, stacked, z_up
from epipose.motion.rotations import from_euler

_METRE = 2.54 / 100 / 0.45  # the unit of length is an inch divided by 0.45 (mocap.cs.cmu.edu, FAQ)
_RATE = 120.0
_SIDE = {"left": "l", "right": "r"}
# The joint at the END of each bone, in our names.
_JOINTS = {
    "spine": "lowerback",
    "thorax": "thorax",
    "neck_nose": "upperneck",
    "head": "head",
    **{
        f"{side}_{joint}": f"{_SIDE[side]}{bone}"
        for side in _SIDE
        for joint, bone in (
            ("hip", "hipjoint"),
            ("knee", "femur"),
            ("ankle", "tibia"),
            ("shoulder", "clavicle"),
            ("elbow", "humerus"),
            ("wrist", "radius"),
        )
    },
}
_FACE = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])  # the standing figure looks along z, y is up


class _Bone(NamedTuple):
    parent: str
    offset: Float64[np.ndarray, "3"]  # metres, in the frame of the standing figure
    axes: Float64[np.ndarray, "3 3"]  # of the bone's own degrees of freedom
    dof: str


def read_amc(path: Path) -> Motion:
    """One motion; its skeleton is the only ASF file beside it. Raises EpiposeError when there is another number."""
    skeletons = list(path.parent.glob("*.asf"))
    if len(skeletons) != 1:
        raise InputError(f"{path} needs exactly one .asf file beside it, found {len(skeletons)}.")
    bones = _read_asf(skeletons[0])
    values = _read_channels(path, bones)
    if "root" not in values:
        raise DamagedFileError(f"{path} has no frames: expected lines such as 'root 9.3 16.8 -28.3 -1.8 3.2 -0.7'.")
    root = values["root"]
    turn = {"root": _turn("xyz", root[:, 3:])}
    place = {"root": root[:, :3] * _METRE}
    for name, bone in bones.items():
        turn[name] = turn[bone.parent]
        if bone.dof:
            turn[name] = turn[name] @ bone.axes @ _turn(bone.dof, values[name]) @ bone.axes.T
        place[name] = place[bone.parent] + turn[name] @ bone.offset
    xyz = stacked({ours: place[theirs] for ours, theirs in _JOINTS.items()})
    toes = np.stack([place[f"{side}tibia"] + turn[f"{side}foot"] @ _sole(bones[f"{side}foot"]) for side in "lr"], 1)
    face = np.einsum("fij,kj->fki", turn["head"], _FACE)
    return Motion(path.stem, z_up(xyz), _RATE, z_up(toes), z_up(face))


def _sole(foot: _Bone) -> Float64[np.ndarray, "3"]:
    """Where the foot points, level with the floor as it is in the standing figure."""
    return foot.offset * [1, 0, 1]


def _read_asf(path: Path) -> dict[str, _Bone]:
    """The bones in hierarchical order."""
    fields: dict[str, dict[str, list[str]]] = {}
    children: list[tuple[str, str]] = []
    section, bone = "", {}
    for line in path.read_text(encoding="latin-1").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0].startswith(":"):
            section = words[0]
        elif section == ":bonedata" and words[0] == "begin":
            bone = {}
        elif section == ":bonedata" and words[0] == "end":
            fields[bone["name"][0]] = bone
        elif section == ":bonedata":
            bone[words[0]] = words[1:]
        elif section == ":hierarchy" and words[0] not in ("begin", "end"):
            children += [(words[0], child) for child in words[1:]]
    bones = {}
    for parent, name in children:
        entry = fields[name]
        offset = np.array(entry["direction"], float) * float(entry["length"][0]) * _METRE
        axes = _turn("xyz", np.array(entry["axis"][:3], float))
        bones[name] = _Bone(parent, offset, axes, "".join(word[1] for word in entry.get("dof", [])))
    missing = sorted({*_JOINTS.values(), "lfoot", "rfoot"} - set(bones))
    if missing:
        raise DamagedFileError(f"{path} has no bone {', '.join(missing)}; expected the skeleton of the CMU database.")
    return bones


def _read_channels(path: Path, bones: dict[str, _Bone]) -> dict[str, Float64[np.ndarray, "frame channel"]]:
    channels: dict[str, list[list[str]]] = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        name, *values = line.split() or [""]
        if values and (name == "root" or name in bones):
            channels.setdefault(name, []).append(values)
    return {name: np.array(rows, float) for name, rows in channels.items()}


def _turn(axes: str, degrees: Float64[np.ndarray, "*batch axis"]) -> Float64[np.ndarray, "*batch 3 3"]:
    """About fixed axes in this order, which is about own axes in the reverse order."""
    return from_euler(axes[::-1], np.radians(degrees[..., ::-1]))
