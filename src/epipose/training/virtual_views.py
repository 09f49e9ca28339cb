"""Virtual views: poses seen by random cameras, as (u, v, d) of the crops that a network would read.

A 3D pose is worth more than the images it came from: seen by ever new virtual cameras it shows how depth follows from
keypoints, for any viewpoint. The errors that a detector and a network would make there are in `error_bank`.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Camera
from epipose.network.crops import pose_to_crop, roi_around
from epipose.skeleton import Skeleton

_MIN_DISTANCE, _MAX_DISTANCE = 2.2, 7.0  # of the person, in units of 1.7 m; see `_metre`
_BONES_PER_STATURE = 2.37  # summed length of the bones of Human3.6M's skeleton over stature, mean of 32 random bodies
_PITCH, _PITCH_SPREAD, _ROLL_SPREAD = 0.15, 0.2, 0.08  # radians; cameras look somewhat down, and are held level
_OFF_AXIS = 0.12  # standard deviation of the tangent of the angle from the camera's axis to the person, per axis


def virtual_views(
    xyz: Float[Tensor, "batch joint 3"], conf: Float[Tensor, "batch joint"], skeleton: Skeleton, random: torch.Generator
) -> tuple[Float[Tensor, "batch joint 3"], Float[Tensor, "batch joint"]]:
    """Each pose as (u, v, d) of its crop (see `crops`) in a random camera's image, and the confidence of these joints.

    Half of them are flipped horizontally, left and right swapped. Poses may have any unit and place, z is up; joints
    with conf 0 are left out of the crop, and some bone must have both ends. Cameras stand all round, at 2.2 to 7 m from
    a person of 1.7 m, look at them about level, and somewhat past them.
    """
    batch, root = len(xyz), skeleton.root
    metre = _metre(xyz, conf, skeleton)
    away = torch.empty(batch).uniform_(_MIN_DISTANCE, _MAX_DISTANCE, generator=random) * metre
    aside = _OFF_AXIS * torch.randn(batch, 2, generator=random)
    place = torch.cat([aside, torch.ones(batch, 1)], -1) * away[:, None]
    R = _level_cameras(batch, random)
    in_frame = torch.einsum("bij,bkj->bki", R, xyz - xyz[:, root, None]) + place[:, None]
    in_frame[..., 2] = torch.maximum(in_frame[..., 2], 0.3 * metre[:, None])
    camera = _pinhole()
    box = roi_around(camera.project_in_frame(in_frame), conf, skeleton)
    uvd = pose_to_crop(in_frame, camera, box, root)
    flipped = torch.rand(batch, 1, generator=random) < 0.5
    other = list(skeleton.flip)
    uvd = torch.where(flipped[..., None], uvd[:, other] * torch.tensor([-1.0, 1.0, 1.0]), uvd)
    return uvd, torch.where(flipped, conf[:, other], conf)


def _pinhole() -> Camera:
    """A camera whose image is the plane at distance 1: after the division by the crop's side no unit is left."""
    at = torch.eye(3)
    return Camera(at[None], torch.zeros(1, 5), at[None], torch.zeros(1, 3), torch.ones(1, 2, dtype=torch.int64))


def _level_cameras(batch: int, random: torch.Generator) -> Float[Tensor, "batch 3 3"]:
    """cam_from_world of cameras (x right, y down, z forward) at random headings, z of the world up."""
    heading = 2 * math.pi * torch.rand(batch, generator=random)
    pitch = _PITCH + _PITCH_SPREAD * torch.randn(batch, generator=random)
    roll = _ROLL_SPREAD * torch.randn(batch, 1, generator=random)
    level = torch.stack([heading.cos(), heading.sin(), torch.zeros(batch)], -1)
    up = torch.tensor([0.0, 0.0, 1.0])
    z = pitch.cos()[:, None] * level - pitch.sin()[:, None] * up
    x = torch.stack([heading.sin(), -heading.cos(), torch.zeros(batch)], -1)
    y = torch.linalg.cross(z, x)
    return torch.stack([roll.cos() * x + roll.sin() * y, roll.cos() * y - roll.sin() * x, z], 1)


def _metre(
    xyz: Float[Tensor, "batch joint 3"], conf: Float[Tensor, "batch joint"], skeleton: Skeleton
) -> Float[Tensor, " batch"]:
    """A metre in the unit of the poses, taking the person for 1.7 m tall; missing bones are as long as the others' mean."""
    known = (skeleton.bone_weight(conf) > 0).to(xyz)
    return (known * skeleton.bone_lengths(xyz)).sum(-1) / known.mean(-1) / (_BONES_PER_STATURE * 1.7)
