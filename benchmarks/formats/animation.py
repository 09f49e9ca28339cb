"""BVH and glTF files against the labels that they were made from, as our reader and Blender read them.

A rig with constant bones cannot meet every label. How near it comes is measured on the joints that a BVH file has:
hips, knees, ankles, shoulders, elbows, wrists, and the toes where the labels have them (ends of the feet's last bones).

    python -m benchmarks.formats.animation CLIP_OR_FOLDER_OF_MOTION... --blender PYTHON

PYTHON is an interpreter that has bpy (4.x), in an environment of its own; without one, our reader alone is asked. Prints
JSON: a list of the fields of `AnimationErrors`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Float64

from epipose.exporters.base import y_up
from epipose.io.version import installed_version
from epipose.motion import motion_files, motion_name, read_motion
from epipose.motion.bvh import read_bvh
from epipose.motion.humanoid import RIG_JOINTS, RIG_PARENTS
from epipose.pipeline.export import export
from epipose.poses import Poses3D
from epipose.skeletons import H36M17

_READER = Path(__file__).parent / "oracle_readers" / "blender.py"
_BONES = {"UpLeg": "hip", "Leg": "knee", "Foot": "ankle", "Arm": "shoulder", "ForeArm": "elbow", "Hand": "wrist"}
_LABEL_OF = {f"{side}{bone}": f"{side.lower()}_{joint}" for side in ("Left", "Right") for bone, joint in _BONES.items()}
_LAST = [joint for i, joint in enumerate(RIG_JOINTS) if i not in RIG_PARENTS]
_LONGEST = 1200  # frames of a motion that are compared


@dataclass(frozen=True)
class AnimationErrors:
    """Distances of a file's joints from the labels, millimetres; ``file_mm``: at most between .glb and .bvh, else 0."""

    motion: str
    format: str
    oracle: str
    version: str
    joints: int
    frames: int
    median_mm: float
    worst_mm: float
    file_mm: float = 0.0


def animation_errors(poses: Poses3D, name: str, blender: Path | None = None) -> list[AnimationErrors]:
    """Errors of person 0 by our reader and, where there is one, by the Blender of an interpreter with bpy.

    ``poses``: in a world with z up, with ``times``. Raises CalledProcessError with Blender's words where it fails.
    """
    with TemporaryDirectory() as folder:
        bvh, glb = Path(folder, "person.bvh"), Path(folder, "person.glb")
        export(poses, bvh)
        found = [_by_our_reader(poses, bvh, name)]
        if blender is not None:
            export(poses, glb)
            found += _by_blender(poses, bvh, glb, name, blender)
    return found


def motion_capture(path: Path) -> Poses3D:
    """A file of motion capture as labels: joints of h36m17, metres, every one seen."""
    motion = read_motion(path)
    xyz = torch.from_numpy(motion.xyz[:_LONGEST, None]).float()
    times = torch.arange(len(xyz)).double() / motion.fps
    return Poses3D(xyz, torch.ones(xyz.shape[:-1]), H36M17, metric=True, times=times)


def _by_our_reader(poses: Poses3D, bvh: Path, name: str) -> AnimationErrors:
    """Of the twelve joints that the reader has as they are; it moves the floor to 0, which is undone."""
    joints = [joint for joint in _LABEL_OF.values() if joint in poses.skeleton.joints]
    read = read_bvh(bvh).xyz[:, [H36M17.index(joint) for joint in joints]]
    difference = read - np.stack([poses[joint][:, 0].double().numpy() for joint in joints], 1)
    difference[..., 2] -= np.median(difference[..., 2])
    return _errors(np.linalg.norm(difference, axis=-1), name, ".bvh", ("epipose.motion.bvh", installed_version()))


def _by_blender(poses: Poses3D, bvh: Path, glb: Path, name: str, blender: Path) -> list[AnimationErrors]:
    at, version = _in_blender(bvh, poses, blender)
    other, _ = _in_blender(glb, poses, blender)
    apart = 1000 * max(float(np.linalg.norm(at[joint] - other[joint], axis=-1).max()) for joint in other)
    xyz = y_up(poses)[:, 0].double().numpy()
    found = []
    for ending, places in ((".bvh", at), (".glb", other)):
        label_of = {**_LABEL_OF, "LeftToeBase_End": "left_toe", "RightToeBase_End": "right_toe"}
        pairs = [(places[joint], _label(poses, xyz, label)) for joint, label in label_of.items() if joint in places]
        errors = np.stack([np.linalg.norm(place - label, axis=-1) for place, label in pairs if label is not None], 1)
        found.append(_errors(errors, name, ending, ("Blender", version), apart if ending == ".glb" else 0.0))
    return found


def _in_blender(file: Path, poses: Poses3D, blender: Path) -> tuple[dict[str, Float64[np.ndarray, "frame 3"]], str]:
    """Joints by name, and the ends of the last bones as ``name_End``, metres, y up; Blender's version."""
    out = file.with_suffix(".json")
    arguments = ["--fps", str(poses.fps), "--frames", str(len(poses.xyz))]
    subprocess.run([blender, _READER, file, out, *arguments], check=True, capture_output=True, text=True)
    content = json.loads(out.read_text(encoding="utf-8"))
    names = [joint.rpartition(":")[2] for joint in content["joints"]]
    head, tail = np.array(content["head"]), np.array(content["tail"])
    ends = {f"{joint}_End": tail[:, i] for i, joint in enumerate(names) if joint in _LAST}
    return {**ends, **{joint: head[:, i] for i, joint in enumerate(names)}}, content["blender"]


def _label(
    poses: Poses3D, xyz: Float64[np.ndarray, "frame joint 3"], label: str
) -> Float64[np.ndarray, "frame 3"] | None:
    """A joint of the labels by its name; "left_toe": the middle of the toes that they have."""
    side = label.partition("_")[0]
    toes = (f"{side}_big_toe", f"{side}_small_toe") if label.endswith("_toe") else (label,)
    own = [poses.skeleton.index(joint) for joint in toes if joint in poses.skeleton.joints]
    return xyz[:, own].mean(1) if own else None


def _errors(
    metres: Float64[np.ndarray, "frame joint"], name: str, ending: str, oracle: tuple[str, str], file_mm: float = 0.0
) -> AnimationErrors:
    frames, joints = metres.shape
    median, worst = 1000 * float(np.median(metres)), 1000 * float(metres.max())
    return AnimationErrors(name, ending, *oracle, joints, frames, round(median, 2), round(worst, 2), round(file_mm, 4))


def main() -> None:
    """Measure clips (poses3d.npz or folders with one) and motion capture, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--blender", type=Path, help="interpreter that has bpy")
    options = parser.parse_args()
    found: list[AnimationErrors] = []
    for source in options.sources:
        labels = source / "poses3d.npz" if (source / "poses3d.npz").exists() else source
        if labels.suffix == ".npz":
            found += animation_errors(Poses3D.load(labels), source.resolve().name, options.blender)
            continue
        for path in motion_files(source):
            found += animation_errors(motion_capture(path), motion_name(path), options.blender)
    print(json.dumps([asdict(errors) for errors in found], indent=1))


if __name__ == "__main__":
    main()
