"""Motion of one person: joints in metres over time, independent of any file format."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from epipose.skeletons import H36M17


class Motion(NamedTuple):
    """A person in motion: joints of H36M17 in metres, z up, floor z = 0, at ``fps`` frames a second.

    ``toes``: a point ahead of the (left, right) ankle along the sole, level with it where the foot stands flat.
    ``face``: unit vectors (forward, up) of the head. Both None where the source has none: then feet are flat while
    the person stands and the head is read from its joints.
    """

    name: str
    xyz: Float64[np.ndarray, "frame joint 3"]
    fps: float
    toes: Float64[np.ndarray, "frame 2 3"] | None = None
    face: Float64[np.ndarray, "frame 2 3"] | None = None


def stack_joints(position: dict[str, Float64[np.ndarray, "frame 3"]]) -> Float64[np.ndarray, "frame joint 3"]:
    """Joints by name in the order of H36M17; the pelvis is the middle of the hips."""
    position = {**position, "pelvis": (position["left_hip"] + position["right_hip"]) / 2}
    return np.stack([position[joint] for joint in H36M17.joints], 1)


def z_up(xyz: Float64[np.ndarray, "*batch 3"]) -> Float64[np.ndarray, "*batch 3"]:
    """From y up to z up, right-handed: (x, y, z) becomes (x, -z, y)."""
    return np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], -1)
