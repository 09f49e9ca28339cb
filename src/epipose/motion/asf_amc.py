"""ASF/AMC motions of the CMU Graphics Lab database: a skeleton (ASF) and its joint angles (AMC), 120 Hz.

Format: Lander, "Working with motion capture file formats", Game Developer 1998. A bone is rotated by its own degrees of
freedom in its own axes C: L = C M C^-1, after its parent's rotation; its end lies ``direction * length`` along.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath
from epipose.io.guard import reads
from epipose.motion.motion import Motion, sound, stack_joints, z_up
from epipose.motion.rotations import from_euler

_METRES_PER_UNIT = 2.54 / 100 / 0.45  # the unit of length is an inch divided by 0.45 (mocap.cs.cmu.edu, FAQ)
_FPS = 120.0
_SIDE = {"left": "l", "right": "r"}
# The bone at whose END a joint is, by the joint's name in H36M17.
_BONE_OF_JOINT = {
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
_FACE_AXES = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])  # the standing skeleton looks along z, y is up


class _Bone(NamedTuple):
    parent: str
    offset: Float64[np.ndarray, "3"]  # metres, in the frame of the standing skeleton
    axes: Float64[np.ndarray, "3 3"]  # of the bone's own degrees of freedom
    dof: str


@reads("a motion (AMC) with its skeleton (ASF)", "Download both again.")
def read_amc(path: AnyPath) -> Motion:
    """One motion; its skeleton is the only ASF file beside it. Raises InputError when there is another number."""
    path = Path(path)
    skeletons = list(path.parent.glob("*.asf"))
    if len(skeletons) != 1:
        raise InputError(f"{path} needs exactly one .asf file beside it, found {len(skeletons)}.")
    bones = _read_asf(skeletons[0])
    values = _read_channels(path, bones)
    if "root" not in values:
        raise DamagedFileError(f"{path} has no frames: expected lines such as 'root 9.3 16.8 -28.3 -1.8 3.2 -0.7'.")
    root = values["root"]
    rotation = {"root": _rotation("xyz", root[:, 3:])}
    position = {"root": root[:, :3] * _METRES_PER_UNIT}
    for name, bone in bones.items():
        rotation[name] = rotation[bone.parent]
        if bone.dof:
            rotation[name] = rotation[name] @ bone.axes @ _rotation(bone.dof, values[name]) @ bone.axes.T
        position[name] = position[bone.parent] + rotation[name] @ bone.offset
    xyz = stack_joints({joint: position[bone] for joint, bone in _BONE_OF_JOINT.items()})
    toes = np.stack(
        [position[f"{side}tibia"] + rotation[f"{side}foot"] @ _level_foot(bones[f"{side}foot"]) for side in "lr"], 1
    )
    face = np.einsum("fij,kj->fki", rotation["head"], _FACE_AXES)
    return sound(Motion(path.stem, z_up(xyz), _FPS, z_up(toes), z_up(face)), path)


def _level_foot(foot: _Bone) -> Float64[np.ndarray, "3"]:
    """Direction of the foot, level with the floor as it is in the standing skeleton."""
    return foot.offset * [1, 0, 1]


@reads("a skeleton (ASF)", "Download it again.")
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
        offset = np.array(entry["direction"], float) * float(entry["length"][0]) * _METRES_PER_UNIT
        axes = _rotation("xyz", np.array(entry["axis"][:3], float))
        bones[name] = _Bone(parent, offset, axes, "".join(word[1] for word in entry.get("dof", [])))
    missing = sorted({*_BONE_OF_JOINT.values(), "lfoot", "rfoot"} - set(bones))
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


def _rotation(axes: str, degrees: Float64[np.ndarray, "*batch axis"]) -> Float64[np.ndarray, "*batch 3 3"]:
    """About fixed axes in this order, which is about own axes in the reverse order."""
    return from_euler(axes[::-1], np.radians(degrees[..., ::-1]))
