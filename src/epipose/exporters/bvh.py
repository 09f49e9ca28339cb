"""BVH export (Biovision): a file per person with a humanoid skeleton of constant bones, and its motion.

Centimetres, y up; the pose without rotation is a T-pose that faces +z. The root has six channels, its position in the
world and its rotation; all other joints have three. Rotations are Euler angles in degrees, in an order that a joint's
usual motion keeps away from the singular one: Y Z X for the hips, Z Y X for the legs, Z X Y for everything else. Angles
do not jump by whole turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from epipose.exporters.base import Recording, Written
from epipose.exporters.options import ExportOptions
from epipose.exporters.people_in_motion import file_of, people_in_motion
from epipose.io.files import replacing
from epipose.motion.euler import continuous_euler
from epipose.motion.humanoid import RIG_JOINTS, RIG_PARENTS, RigMotion

CENTIMETRES = 100.0


def export_bvh(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write a BVH file for each person, ``name_person1.bvh`` and so on where there are several.

    Warns of joints that were missing, of labels whose bones vary, and of lengths that are not metric. Raises InputError
    for a recording without poses, frame rate, or anybody with hips and shoulders.
    """
    people, warnings = people_in_motion(recording)
    files = []
    for person, fit in people:
        path = file_of(out, person, len(people))
        with replacing(path) as part:
            part.write_text(bvh_text(fit.motion), encoding="utf-8")
        files.append(path)
    return Written(tuple(files), tuple(warnings))


def bvh_text(motion: RigMotion) -> str:
    """The whole file."""
    values = channel_values(motion)
    rows = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in values.tolist())
    head = "\n".join(["HIERARCHY", *_hierarchy(motion, 0, 0), "MOTION", f"Frames: {len(values)}"])
    return f"{head}\nFrame Time: {1 / motion.fps:.9f}\n{rows}\n"


def channel_values(motion: RigMotion) -> Float64[np.ndarray, "frame channel"]:
    """Values of all channels in the file's order: centimetres and degrees."""
    angles = [continuous_euler(euler_axes(joint), motion.rotation[:, i]) for i, joint in enumerate(RIG_JOINTS)]
    return np.concatenate([CENTIMETRES * motion.root, np.degrees(np.concatenate(angles, 1))], 1)


def euler_axes(joint: str) -> str:
    """Order of a joint's rotations, the outermost first; the middle one is that which moves least."""
    if joint == "Hips":
        return "yzx"
    return "zyx" if joint.endswith(("Leg", "Foot", "ToeBase")) else "zxy"


def _hierarchy(motion: RigMotion, joint: int, depth: int) -> Iterator[str]:
    """Lines of a joint and of all below it."""
    name, tab = RIG_JOINTS[joint], "\t" * depth
    rotations = [f"{axis.upper()}rotation" for axis in euler_axes(name)]
    channels = [*(["Xposition", "Yposition", "Zposition"] if joint == 0 else []), *rotations]
    yield f"{tab}{'ROOT' if joint == 0 else 'JOINT'} {name}"
    yield f"{tab}{{"
    yield f"{tab}\tOFFSET {_numbers(motion.offsets[joint])}"
    yield f"{tab}\tCHANNELS {len(channels)} {' '.join(channels)}"
    for child, parent in enumerate(RIG_PARENTS):
        if parent == joint:
            yield from _hierarchy(motion, child, depth + 1)
    if name in motion.ends:
        yield f"{tab}\tEnd Site"
        yield f"{tab}\t{{"
        yield f"{tab}\t\tOFFSET {_numbers(motion.ends[name])}"
        yield f"{tab}\t}}"
    yield f"{tab}}}"


def _numbers(offset: Float64[np.ndarray, "3"]) -> str:
    return " ".join(f"{value:.6f}" for value in (CENTIMETRES * offset.round(8) + 0.0).tolist())
