"""Limbs of people as solids: bones and joints of one frame at a time, as batches of meshes are placed.

Thickness and colour are those of the whole recording; places, directions and lengths are worked out for the frame that
is asked for, so that an hour of poses needs no more memory than its poses.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.geometry.sampling import evenly
from epipose.poses import Poses3D
from epipose.viz.plots import SIDE_COLORS, drawn_bones
from epipose.viz.scene import quaternion_from_z

_STEP_METRES = 1e-3  # to which places and sizes are rounded: files of rounded numbers are half as large
_STEP_TURN = 2e-3  # to which quaternions are
_MEASURED_FRAMES = 2000  # from which bones' usual lengths are taken
_PATH_STEPS = 2000  # of a path over the floor at most


class Placed(NamedTuple):
    """One frame: position, rotation and size of every bone, position and size of every joint, of all people."""

    bone_positions: Float[np.ndarray, "bone 3"]
    bone_wxyzs: Float[np.ndarray, "bone 4"]
    bone_scales: Float[np.ndarray, "bone 3"]
    joint_positions: Float[np.ndarray, "joint 3"]
    joint_scales: Float[np.ndarray, " joint"]


class Limbs:
    """Bones of their own length and of median thickness; joints of confidence 0 shrink to nothing."""

    def __init__(self, poses: Poses3D) -> None:
        """Take poses in stage axes, in metres."""
        self.poses = poses
        bones = drawn_bones(poses.skeleton)
        self._parent, self._child = [bone[0] for bone in bones], [bone[1] for bone in bones]
        self._sides = [bone[2] for bone in bones]

    @cached_property
    def radius(self) -> Float[Tensor, " bone"]:
        """Of every bone, metres."""
        some = evenly(len(self.poses.xyz), _MEASURED_FRAMES)
        length = self._lengths(self.poses.xyz[some], self.poses.conf[some])[1]
        known = torch.where(length > 0, length, torch.nan).flatten(0, 1)
        return (0.16 * known.nanmedian(0).values.nan_to_num(0.05)).clamp(0.008, 0.055)

    @cached_property
    def thickness(self) -> Float[Tensor, " joint"]:
        """Radius of every joint, metres: a little less than that of its thickest bone."""
        thickness = torch.zeros(len(self.poses.skeleton.joints))
        for bone, ends in enumerate(zip(self._parent, self._child, strict=True)):
            for joint in ends:
                thickness[joint] = max(float(thickness[joint]), 0.85 * float(self.radius[bone]))
        return thickness

    @property
    def colors(self) -> UInt8[np.ndarray, "bone 3"]:
        """Of the bones of all people: deep ones, which the viewer's lights wash out."""
        colors = np.array([SIDE_COLORS[side] for side in self._sides]) / 255
        return np.tile((255 * colors**2).round().astype(np.uint8), (self.poses.xyz.shape[1], 1))

    def at(self, frame: int) -> Placed:
        """The limbs in one frame."""
        xyz, conf = self.poses.xyz[frame], self.poses.conf[frame]
        along, length = self._lengths(xyz, conf)
        radius = self.radius * (length > 0)
        return Placed(
            _rounded(xyz[:, self._parent], _STEP_METRES),
            _rounded(quaternion_from_z(along), _STEP_TURN),
            _rounded(torch.stack([radius, radius, length], -1), _STEP_METRES),
            _rounded(xyz, _STEP_METRES),
            (self.thickness * (conf > 0)).flatten().float().numpy(),
        )

    def _lengths(self, xyz: Tensor, conf: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors along the bones, and lengths, which are 0 where either end is missing."""
        along, seen = xyz[..., self._child, :] - xyz[..., self._parent, :], conf > 0
        return along, along.norm(dim=-1) * seen[..., self._parent] * seen[..., self._child]

    def ground_path(self) -> Float[np.ndarray, "step 2 3"]:
        """The path of the first person's hips over the floor, as segments between successive moments that have it."""
        some = evenly(len(self.poses.xyz), _PATH_STEPS)
        xyz, seen = self.poses.xyz[some, 0], self.poses.conf[some, 0] > 0
        hips = [i for i, name in enumerate(self.poses.skeleton.joints) if name.endswith("hip")] or [0]
        points = xyz[:, hips].mean(1)
        points[:, 2] = 0.01
        both = seen[:, hips].all(-1)
        keep = both[1:] & both[:-1]
        return torch.stack([points[:-1], points[1:]], 1)[keep].numpy()


def _rounded(values: Tensor, step: float) -> Float[np.ndarray, "row column"]:
    """Rounded values of all people in one list."""
    return ((values / step).round() * step).flatten(0, 1).float().numpy()


def lathe(profile: tuple[tuple[float, float], ...], sides: int = 12) -> tuple[Float[np.ndarray, "vertex 3"], Any]:
    """Turn (height, radius) pairs about z into a closed mesh: vertices and triangles."""
    angle = 2 * np.pi * np.arange(sides) / sides
    height, radius = np.array(profile).T[:, :, None]
    vertices = np.stack([radius * np.cos(angle), radius * np.sin(angle), height + 0 * angle], -1).reshape(-1, 3)
    ring = sides * np.arange(len(profile) - 1)[:, None]
    a, b = ring + np.arange(sides), ring + (np.arange(sides) + 1) % sides
    faces = np.stack([np.stack([a, b, b + sides], -1), np.stack([a, b + sides, a + sides], -1)]).reshape(-1, 3)
    return vertices, faces


def ball() -> tuple[Float[np.ndarray, "vertex 3"], Any]:
    """A sphere of radius 1."""
    return lathe(tuple((-math.cos(math.pi * i / 8), math.sin(math.pi * i / 8)) for i in range(9)))
