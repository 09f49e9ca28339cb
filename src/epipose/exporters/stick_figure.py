"""Stick figure of the humanoid rig in its rest pose: a capsule per bone, each fixed to the joint that turns it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from epipose.motion.humanoid import RIG_INDEX, RIG_JOINTS, RIG_PARENTS, RigMotion
from epipose.motion.rotations import rotation_between

_AROUND, _ALONG = 10, 4  # vertices around a capsule, rings on each of its two half spheres
# Radius of a bone, metres, by the joint that turns it without its side; it is never more than 0.45 of the length.
_RADIUS = {"Spine": 0.09, "Chest": 0.1, "Neck": 0.045, "Head": 0.085, "UpLeg": 0.065, "Leg": 0.045, "Hips": 0.07}
_OTHER_RADIUS = 0.035


class Mesh(NamedTuple):
    """Triangles in the rest pose, metres, hips at the origin; ``joint``: the number of the one that each vertex follows."""

    vertices: Float64[np.ndarray, "vertex 3"]
    normals: Float64[np.ndarray, "vertex 3"]
    joint: Int64[np.ndarray, " vertex"]
    triangles: Int64[np.ndarray, "triangle 3"]


def rest_positions(motion: RigMotion) -> Float64[np.ndarray, "joint 3"]:
    """Joints without any rotation, hips at the origin."""
    position = motion.offsets.copy()
    for joint, parent in enumerate(RIG_PARENTS[1:], 1):
        position[joint] += position[parent]
    return position


def stick_figure(motion: RigMotion) -> Mesh:
    """The mesh of a person."""
    position, parts, count = rest_positions(motion), [], 0
    bones = [(parent, position[parent], position[joint]) for joint, parent in enumerate(RIG_PARENTS) if parent >= 0]
    bones += [
        (RIG_INDEX[name], position[RIG_INDEX[name]], position[RIG_INDEX[name]] + end)
        for name, end in motion.ends.items()
    ]
    for joint, start, end in bones:
        length = float(np.linalg.norm(end - start))
        if length == 0:
            continue
        bare = RIG_JOINTS[joint].removeprefix("Left").removeprefix("Right")
        part = _capsule(start, end, min(_RADIUS.get(bare, _OTHER_RADIUS), 0.45 * length))
        parts.append(Mesh(part[0], part[1], np.full(len(part[0]), joint, np.int64), part[2] + count))
        count += len(part[0])
    return Mesh(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _capsule(
    start: Float64[np.ndarray, "3"], end: Float64[np.ndarray, "3"], radius: float
) -> tuple[Float64[np.ndarray, "vertex 3"], Float64[np.ndarray, "vertex 3"], Int64[np.ndarray, "triangle 3"]]:
    """Vertices, normals and triangles (counterclockwise from outside) of a rounded stick between two points."""
    half = np.linspace(0, np.pi / 2, _ALONG)
    polar = np.concatenate([np.pi - half, half[::-1]])  # from the pole at the start to that at the end
    around = 2 * np.pi * np.arange(_AROUND) / _AROUND
    ring = np.stack([np.cos(around), np.sin(around)], -1)
    normals = np.concatenate(
        [np.sin(polar)[:, None, None] * ring, np.broadcast_to(np.cos(polar)[:, None, None], (len(polar), _AROUND, 1))],
        -1,
    ).reshape(-1, 3)
    length = float(np.linalg.norm(end - start))
    middle = np.where(np.arange(len(polar)) < _ALONG, radius, length - radius).repeat(_AROUND)
    vertices = radius * normals + middle[:, None] * [0, 0, 1]
    to_bone = rotation_between(np.array([0.0, 0, 1]), end - start)
    first = np.arange(len(polar) - 1)[:, None] * _AROUND + np.arange(_AROUND)
    beside = np.arange(len(polar) - 1)[:, None] * _AROUND + (np.arange(_AROUND) + 1) % _AROUND
    quads = np.stack([first, beside, beside + _AROUND, first, beside + _AROUND, first + _AROUND], -1)
    return start + vertices @ to_bone.T, normals @ to_bone.T, quads.reshape(-1, 3)
