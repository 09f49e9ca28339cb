"""Drawn rigs: 2 to 14 cameras round a room, some under its ceiling, with lenses that suit their distance.

Two kinds. "mixed": every camera has a lens of its own, as when people bring what they have. "one model": cameras of one
make, as in a laboratory, whose focal lengths lie within 6 per cent and whose principal points lie 18 to 51 pixels off
the centre of the image; whoever assumes one focal length and centred principal points for them errs by that much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Camera, Rig
from epipose.errors import InputError
from epipose.geometry.rotation import exp

Layout = Literal["mixed", "one model"]
MAX_VIEWS = 14
_RADIUS = {"mixed": (3.0, 7.0), "one model": (4.0, 6.5)}  # metres from the middle of the room, on the ground
_HEIGHT, _CEILING = (0.8, 2.2), (2.5, 4.0)  # metres over the floor
_UNDER_CEILING = 0.35  # share of the cameras
_PAIR = (40.0, 130.0)  # degrees between the only two cameras
_FOCAL_PER_METRE = (0.16, 0.24)  # focal length over the image's longer side, per metre of distance
_ONE_FOCAL, _FOCAL_SPREAD = (0.9, 1.15), 0.06
_OFF_CENTRE = (18.0, 51.0)  # pixels
_SIZES = ((1920, 1080), (1280, 720), (1000, 1000), (1080, 1920))
_DISTORTION = {"mixed": (-0.12, 0.05), "one model": (-0.06, 0.0)}  # k1


def drawn_rig(rng: np.random.Generator, views: int, layout: Layout = "mixed") -> Rig:
    """A rig of ``views`` cameras that all look at the middle of the room; metres, z up, floor at 0.

    Raises InputError for fewer than 2 cameras or more than 14.
    """
    if not 2 <= views <= MAX_VIEWS:
        raise InputError(f"{views} views were asked for; drawn rigs have 2 to {MAX_VIEWS}.")
    radius = rng.uniform(*_RADIUS[layout], views)
    under = rng.random(views) < _UNDER_CEILING
    height = np.where(under, rng.uniform(*_CEILING, views), rng.uniform(*_HEIGHT, views))
    angle = _angles(rng, views)
    center = torch.from_numpy(np.stack([radius * np.cos(angle), radius * np.sin(angle), height], -1))
    R = _looking_at(center, _targets(rng, views), rng.normal(0, math.radians(2), views))
    size = torch.tensor(_SIZES[int(rng.integers(len(_SIZES)))])
    distance = np.hypot(radius, height - 1.0)
    distortion = torch.zeros(views, 5, dtype=torch.float64)
    distortion[:, 0] = torch.from_numpy(rng.uniform(*_DISTORTION[layout], views))
    t = -(R @ center[..., None])[..., 0]
    camera = Camera(_intrinsics(rng, size, distance, layout), distortion, R, t, size.expand(views, 2))
    return Rig(tuple(f"cam{view + 1:02d}" for view in range(views)), camera, True)


def ring_rig(angles_deg: Sequence[float], *, radius: float = 4.5, height: float = 1.5) -> Rig:
    """Cameras of one make on a circle round the room, at these directions from its middle, looking at the middle.

    ``radius``, ``height``: metres. Full HD, focal length for the distance as in drawn rigs, no distortion.
    """
    views, angle = len(angles_deg), np.radians(np.asarray(angles_deg, float))
    spots = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(views, height)], -1)
    center = torch.from_numpy(spots)
    R = _looking_at(center, torch.tensor([0.0, 0.0, 0.9], dtype=torch.float64).expand(views, 3), np.zeros(views))
    size = torch.tensor(_SIZES[0])
    K = torch.eye(3, dtype=torch.float64).repeat(views, 1, 1)
    K[:, 0, 0] = K[:, 1, 1] = float(size.max()) * radius * sum(_FOCAL_PER_METRE) / 2
    K[:, :2, 2] = (size.double() - 1) / 2
    distortion = torch.zeros(views, 5, dtype=torch.float64)
    camera = Camera(K, distortion, R, -(R @ center[..., None])[..., 0], size.expand(views, 2))
    return Rig(tuple(f"cam{view + 1:02d}" for view in range(views)), camera, True)


def _angles(rng: np.random.Generator, views: int) -> np.ndarray:
    """Directions from the middle of the room: one in every sector of the circle; two cameras are never opposite."""
    first = rng.uniform(0, 2 * np.pi)
    if views == 2:
        return first + np.array([0.0, math.radians(rng.uniform(*_PAIR))])
    return first + (np.arange(views) + rng.uniform(-0.35, 0.35, views)) * 2 * np.pi / views


def _targets(rng: np.random.Generator, views: int) -> Tensor:
    """Points that the optical axes go through: not all the same."""
    return torch.from_numpy(np.array([0.0, 0.0, 0.9]) + rng.uniform(-0.2, 0.2, (views, 3)))


def _looking_at(
    center: Float[Tensor, "view 3"], target: Float[Tensor, "view 3"], roll: np.ndarray
) -> Float[Tensor, "view 3 3"]:
    """Rotations into cameras whose axis goes from centre to target, image upright but for a roll in radians."""
    forward = torch.nn.functional.normalize(target - center, dim=-1)
    up = torch.tensor([0.0, 0.0, 1.0], dtype=center.dtype).expand_as(forward)
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, up), dim=-1)
    level = torch.stack([right, torch.linalg.cross(forward, right), forward], -2)
    about_axis = torch.zeros_like(center)
    about_axis[:, 2] = torch.from_numpy(roll)
    return exp(about_axis) @ level


def _intrinsics(rng: np.random.Generator, size: Tensor, distance: np.ndarray, layout: Layout) -> Tensor:
    views, longer = len(distance), float(size.max())
    centre = (size.double() - 1) / 2
    if layout == "mixed":
        focal = longer * distance * rng.uniform(*_FOCAL_PER_METRE, views)
        off = rng.normal(0, 0.005 * longer, (views, 2))
    else:
        share = rng.permutation(np.linspace(-0.5, 0.5, views))
        focal = longer * rng.uniform(*_ONE_FOCAL) * (1 + _FOCAL_SPREAD * share)
        direction = rng.uniform(0, 2 * np.pi, views)
        off = rng.uniform(*_OFF_CENTRE, views)[:, None] * np.stack([np.cos(direction), np.sin(direction)], -1)
    K = torch.eye(3, dtype=torch.float64).repeat(views, 1, 1)
    K[:, 0, 0] = K[:, 1, 1] = torch.from_numpy(focal)
    K[:, :2, 2] = centre + torch.from_numpy(off)
    return K
