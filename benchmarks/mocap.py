"""Motion capture as joints in metres, so that simulated people move as real ones do.

Two public formats: the CMU Graphics Lab database (ASF skeleton + AMC motion, 120 Hz) and the motions of DeepMimic
(quaternions of the "humanoid3d" character). Both become Human3.6M's 17 joints, float64, metres, z up.
Run as a script with a folder, it checks every file: bone lengths, height, feet near the floor.
"""

from __future__ import annotations

import argparse
import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from epipose.errors import EpiposeError
from epipose.skeleton import H36M17

_CMU_METRE = 2.54 / 100 / 0.45  # CMU's unit of length is an inch divided by 0.45 (mocap.cs.cmu.edu, FAQ)
_CMU_RATE = 120.0
_SIDE = {"left": "l", "right": "r"}
# The joint at the END of each CMU bone, in our names; the pelvis is the middle of the hips.
_CMU_JOINTS = {
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


class Motion(NamedTuple):
    """A person in motion: joints of H36M17 in metres, z up, at ``fps`` frames a second."""

    name: str
    xyz: Float[Tensor, "frame joint 3"]
    fps: float


def motion_files(folder: Path) -> list[Path]:
    """All motions below a folder, sorted; raises EpiposeError when there is none."""
    files = sorted([*folder.rglob("*.amc"), *folder.rglob("humanoid3d_*.txt")])
    if not files:
        raise EpiposeError(
            f"{folder} holds no motion: expected CMU's *.amc with *.asf, or DeepMimic's humanoid3d_*.txt."
        )
    return files


@lru_cache(maxsize=8)
def read_motion(path: Path) -> Motion:
    """One motion by its suffix; the skeleton of an AMC file is the only ASF file beside it."""
    if path.suffix == ".txt":
        return _read_deepmimic(path)
    skeletons = list(path.parent.glob("*.asf"))
    if len(skeletons) != 1:
        raise EpiposeError(f"{path} needs exactly one .asf file beside it, found {len(skeletons)}.")
    return _read_cmu(path, skeletons[0])


class _Bone(NamedTuple):
    parent: str
    offset: NDArray[np.float64]  # in the frame of the standing figure
    axis: Rotation  # of the bone's own degrees of freedom
    dof: tuple[str, ...]


def _read_asf(path: Path) -> dict[str, _Bone]:
    """The bones in hierarchical order (Lander, "Working with motion capture file formats", 1998)."""
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
        offset = np.array(entry["direction"], float) * float(entry["length"][0]) * _CMU_METRE
        axis = Rotation.from_euler("xyz", np.array(entry["axis"][:3], float), degrees=True)
        bones[name] = _Bone(parent, offset, axis, tuple(word[1] for word in entry.get("dof", [])))
    return bones


def _read_cmu(path: Path, asf: Path) -> Motion:
    bones = _read_asf(asf)
    channels: dict[str, list[list[str]]] = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        name, *values = line.split()
        if values and (name == "root" or name in bones):
            channels.setdefault(name, []).append(values)
    values = {name: np.array(rows, float) for name, rows in channels.items()}
    root = values["root"]
    turn = {"root": Rotation.from_euler("xyz", root[:, 3:], degrees=True)}
    place = {"root": root[:, :3] * _CMU_METRE}
    for name, bone in bones.items():
        turn[name] = turn[bone.parent]
        if bone.dof:
            own = Rotation.from_euler("".join(bone.dof), values[name], degrees=True)
            turn[name] = turn[name] * bone.axis * own * bone.axis.inv()
        place[name] = place[bone.parent] + turn[name].apply(bone.offset)
    return Motion(path.stem, _in_our_joints({ours: place[cmu] for ours, cmu in _CMU_JOINTS.items()}), _CMU_RATE)


# Joints of the character: parent, number of values, place in the parent's frame (metres; y up, x forward, z right).
# Numbers: data/characters/humanoid3d.txt of DeepMimic (MIT). The head is the centre of the body part at the neck, a
# ball; the nose is its front.
_HUMANOID = {
    "pelvis": ("", 4, (0.0, 0.0, 0.0)),
    "spine": ("pelvis", 4, (0.0, 0.236151, 0.0)),
    "thorax": ("spine", 4, (0.0, 0.223894, 0.0)),
    **{
        f"{side}_{joint}": (parent.format(side=side), count, (x, y, sign * z))
        for side, sign in (("right", 1), ("left", -1))
        for joint, parent, count, (x, y, z) in (
            ("hip", "pelvis", 4, (0.0, 0.0, 0.084887)),
            ("knee", "{side}_hip", 1, (0.0, -0.421546, 0.0)),
            ("ankle", "{side}_knee", 4, (0.0, -0.40987, 0.0)),
            ("shoulder", "spine", 4, (-0.02405, 0.2435, 0.18311)),
            ("elbow", "{side}_shoulder", 1, (0.0, -0.274788, 0.0)),
            ("wrist", "{side}_elbow", 0, (0.0, -0.258947, 0.0)),
        )
    },
    "neck_nose": ("thorax", 0, (0.1025, 0.175, 0.0)),
    "head": ("thorax", 0, (0.0, 0.175, 0.0)),
}


def _read_deepmimic(path: Path) -> Motion:
    content = json.loads(path.read_text(encoding="utf-8"))
    frames = np.array(content["Frames"], float)
    duration = float(np.median(frames[:-1, 0])) if len(frames) > 1 else 1 / 30
    column = 4
    turn: dict[str, Rotation] = {}
    place: dict[str, NDArray[np.float64]] = {}
    for name, (parent, count, offset) in _HUMANOID.items():
        values, column = frames[:, column : column + count], column + count
        own = Rotation.identity(len(frames))
        if count == 4:
            own = Rotation.from_quat(values[:, [1, 2, 3, 0]])  # the file has the real part first
        elif count == 1:
            own = Rotation.from_euler("z", values)
        turn[name] = turn[parent] * own if parent else own
        place[name] = place[parent] + turn[parent].apply(offset) if parent else frames[:, 1:4]
    return Motion(path.stem, _in_our_joints(place), 1 / duration)


def _in_our_joints(place: dict[str, NDArray[np.float64]]) -> Float[Tensor, "frame joint 3"]:
    """Stack by name, with z up instead of y; the pelvis is the middle of the hips."""
    place = {**place, "pelvis": (place["left_hip"] + place["right_hip"]) / 2}
    xyz = np.stack([place[joint] for joint in H36M17.joints], 1)
    return torch.from_numpy(np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], -1))


def main() -> None:
    """Check every motion in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    print(
        f"{'motion':32s} {'frames':>7s} {'fps':>4s} {'bones vary mm':>14s} {'height m':>9s} {'lowest ankle m':>15s} roam m"
    )
    for path in motion_files(parser.parse_args().folder):
        name, xyz, fps = read_motion(path)
        parent, child = (list(index) for index in zip(*H36M17.bones, strict=True))
        bones = (xyz[:, child] - xyz[:, parent]).norm(dim=-1)
        limbs = [
            i for i, joint in enumerate(child) if "_" in H36M17.joints[joint] and H36M17.joints[joint] != "neck_nose"
        ]
        lengths = dict(zip((H36M17.joints[joint] for joint in child), bones.median(0).values.tolist(), strict=True))
        height = sum(lengths[j] for j in ("left_knee", "left_ankle", "spine", "thorax", "neck_nose", "head")) + 0.08
        ankle = float(xyz[:, [3, 6], 2].min())
        roam = float((xyz[:, 0, :2].amax(0) - xyz[:, 0, :2].amin(0)).norm())
        varying = 1000 * float(bones[:, limbs].std(0).max())
        print(f"{name:32s} {len(xyz):7d} {fps:4.0f} {varying:14.3f} {height:9.2f} {ankle:15.2f} {roam:6.1f}")


if __name__ == "__main__":
    main()
