"""DeepMimic motions (Peng et al. 2018): joint quaternions of the "humanoid3d" character, often 30 Hz.

A frame is its duration, the position of the root and one rotation per joint (a quaternion, real part first, or an angle
about z for knees and elbows). y is up, the standing skeleton looks along x, its right is z.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from epipose.errors import DamagedFileError
from epipose.io.files import AnyPath
from epipose.io.guard import reads
from epipose.motion.motion import Motion, sound, stack_joints, z_up
from epipose.motion.rotations import from_euler, from_quaternion

# Joints of the character: parent, number of values, position in the parent's frame (metres). Numbers:
# data/characters/humanoid3d.txt of DeepMimic (MIT). The head is the centre of the body part at the neck, a ball; the
# nose is its front.
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
_TOES_FROM_ANKLE = np.array([0.14, 0.0, 0.0])  # in the frame of the ankle: ahead, along the sole
_FACE_AXES = np.eye(3)[:2]  # forward and up of the body part that the head belongs to


@reads("a DeepMimic motion (JSON with equally long Frames)")
def read_deepmimic(path: AnyPath) -> Motion:
    """One motion; raises DamagedFileError when the file is no motion of the humanoid."""
    path = Path(path)
    frames = np.array(json.loads(path.read_text(encoding="utf-8"))["Frames"], float)
    columns = 4 + sum(count for _, count, _ in _HUMANOID.values())
    if frames.ndim != 2 or frames.shape[1] != columns:
        raise DamagedFileError(
            f"{path} has frames of shape {frames.shape}; expected (frames, {columns}) of humanoid3d."
        )
    duration = float(np.median(frames[:-1, 0])) if len(frames) > 1 else 1 / 30
    rotation, position = _posed(frames)
    toes = np.stack(
        [position[f"{side}_ankle"] + rotation[f"{side}_ankle"] @ _TOES_FROM_ANKLE for side in ("left", "right")], 1
    )
    face = np.einsum("fij,kj->fki", rotation["thorax"], _FACE_AXES)
    return sound(Motion(path.stem, z_up(stack_joints(position)), 1 / duration, z_up(toes), z_up(face)), path)


def _posed(
    frames: Float64[np.ndarray, "frame value"],
) -> tuple[dict[str, Float64[np.ndarray, "frame 3 3"]], dict[str, Float64[np.ndarray, "frame 3"]]]:
    """Rotation and position of every joint."""
    column = 4
    rotation, position = {}, {}
    for name, (parent, count, offset) in _HUMANOID.items():
        values, column = frames[:, column : column + count], column + count
        own = np.broadcast_to(np.eye(3), (len(frames), 3, 3))
        if count == 4:
            own = from_quaternion(values)
        elif count == 1:
            own = from_euler("z", values)
        rotation[name] = rotation[parent] @ own if parent else own
        position[name] = position[parent] + rotation[parent] @ np.array(offset) if parent else frames[:, 1:4]
    return rotation, position
