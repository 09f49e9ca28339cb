"""Motion of one person: joints in metres over time, independent of any file format."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from epipose.errors import DamagedFileError
from epipose.io.guard import AGAIN
from epipose.skeletons import H36M17


class Motion(NamedTuple):
    """A person in motion: joints of H36M17 in metres, z up, floor z = 0, at ``fps`` frames a second.

    ``toes``: a point ahead of the (left, right) ankle along the sole, level with it where the foot stands flat.
    ``face``: unit vectors (forward, up) of the head. Both None where the source has none: then feet are flat while
    the person stands and the head is read from its joints.
    ``seat``: height of the seat over the floor, metres, for a person who sits on it all the time; None without one.
    """

    name: str
    xyz: Float64[np.ndarray, "frame joint 3"]
    fps: float
    toes: Float64[np.ndarray, "frame 2 3"] | None = None
    face: Float64[np.ndarray, "frame 2 3"] | None = None
    seat: float | None = None


def sound(motion: Motion, path: Path) -> Motion:
    """A motion as read from a file; DamagedFileError where it has no frame, or numbers that are none, or no frame rate."""
    parts = [part for part in (motion.xyz, motion.toes, motion.face) if part is not None]
    numbers = [motion.fps, *(() if motion.seat is None else (motion.seat,))]
    if not len(motion.xyz) or not all(np.isfinite(part).all() for part in (*parts, numbers)) or motion.fps <= 0:
        raise DamagedFileError(
            f"{path} has {len(motion.xyz)} frames at {motion.fps:g} fps; expected at least one, all numbers finite. {AGAIN}"
        )
    return motion


def at_frames(motion: Motion, moment: Float[np.ndarray, " moment"]) -> Motion:
    """The motion at fractional frames, between which joints go straight; those outside are the first or the last."""
    before = np.clip(np.floor(moment).astype(int), 0, max(len(motion.xyz) - 2, 0))
    after = np.minimum(before + 1, len(motion.xyz) - 1)
    share = np.clip(moment - before, 0, 1)[:, None, None]

    def between(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else (1 - share) * values[before] + share * values[after]

    xyz = between(motion.xyz)
    assert xyz is not None
    return motion._replace(xyz=xyz, toes=between(motion.toes), face=between(motion.face))


def stack_joints(position: dict[str, Float64[np.ndarray, "frame 3"]]) -> Float64[np.ndarray, "frame joint 3"]:
    """Joints by name in the order of H36M17; the pelvis is the middle of the hips."""
    position = {**position, "pelvis": (position["left_hip"] + position["right_hip"]) / 2}
    return np.stack([position[joint] for joint in H36M17.joints], 1)


def z_up(xyz: Float64[np.ndarray, "*batch 3"]) -> Float64[np.ndarray, "*batch 3"]:
    """From y up to z up, right-handed: (x, y, z) becomes (x, -z, y)."""
    return np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], -1)
