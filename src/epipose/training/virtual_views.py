"""Training data of the refiner: poses seen by random virtual cameras, with simulated errors of detector and network.

A 3D pose is worth more than the images it came from: seen by ever new virtual cameras it shows how depth follows from
keypoints, for any viewpoint. In use the refiner gets no such perfect view but two erroneous estimates of it, so errors
of both kinds are simulated here. They are not fitted to any footage; their size was chosen once, by trying three
(docs/log.md, "Why there is a refiner").
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Camera
from epipose.network.crops import box_around, pose_to_crop
from epipose.skeleton import Skeleton

MARGIN = 1.25  # side of the crop over the longer side of the person's joints
_MIN_DISTANCE, _MAX_DISTANCE = 2.2, 7.0  # of the person, in units of 1.7 m; see `_metre`
_BONES_PER_STATURE = 2.37  # summed length of the bones of Human3.6M's skeleton over stature, mean of 32 random bodies
_PITCH, _PITCH_SPREAD, _ROLL_SPREAD = 0.15, 0.2, 0.08  # radians; cameras look somewhat down, and are held level
_OFF_AXIS = 0.12  # standard deviation of the tangent of the angle from the camera's axis to the person, per axis


class RefinerInputs(NamedTuple):
    """PoseNet's (u, v, d), a detector's (u, v), and the detector's confidence: 0 or 1."""

    predicted: Float[Tensor, "batch joint 3"]
    detected: Float[Tensor, "batch joint 2"]
    conf: Float[Tensor, "batch joint"]


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
    box = box_around(camera.project_in_frame(in_frame), conf, MARGIN)
    uvd = pose_to_crop(in_frame, camera, box, root)
    flipped = torch.rand(batch, 1, generator=random) < 0.5
    other = list(skeleton.flip)
    uvd = torch.where(flipped[..., None], uvd[:, other] * torch.tensor([-1.0, 1.0, 1.0]), uvd)
    return uvd, torch.where(flipped, conf[:, other], conf)


def simulate_inputs(uvd: Float[Tensor, "batch joint 3"], skeleton: Skeleton, random: torch.Generator) -> RefinerInputs:
    """Poses with simulated errors, whose size differs from image to image.

    A detector's standard deviation is about 0.6 % of the crop, and it misses some joints altogether; one image in five
    has a coarse detector, or none. The network's errors are larger, 2 % to 30 %, and pass from a joint to its
    descendants; in one image in four it predicts the pose of another person. It is right where the two agree.
    """
    batch, joints, _ = uvd.shape

    def drawn(*shape: int) -> Tensor:
        return torch.rand(shape, generator=random)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random)

    fine, coarse = 0.006 * torch.exp(0.5 * normal(batch, 1, 1)), 0.02 * torch.exp(1.6 * drawn(batch, 1, 1))
    size = torch.where(drawn(batch, 1, 1) < 0.15, coarse, fine)
    outlier = (drawn(batch, joints, 1) < 0.03) * 0.06
    detected = uvd[..., :2] + torch.hypot(size, outlier) * normal(batch, joints, 2)
    conf = (drawn(batch, joints) > 0.02) & (drawn(batch, 1) > 0.05)
    theirs = torch.where(drawn(batch, 1, 1) < 0.25, uvd.roll(1, 0), uvd)
    size = 0.02 * torch.exp(math.log(15.0) * drawn(batch, 1, 1))
    error = _ancestors(skeleton) @ normal(batch, joints, 3)
    flattened = 1 - 0.6 * drawn(batch, 1, 1) * torch.tensor(
        [0.3, 0.3, 1.0]
    )  # an uncertain prediction lies near the mean
    return RefinerInputs(flattened * theirs + size * error, detected, conf.float())


def _pinhole() -> Camera:
    """A camera whose image is the plane at distance 1: after the division by the crop's side no unit is left."""
    at = torch.eye(3)
    return Camera(at[None], torch.zeros(1, 5), at[None], torch.zeros(1, 3), torch.ones(1, 2, dtype=torch.int64))


def _ancestors(skeleton: Skeleton) -> Float[Tensor, "joint joint"]:
    """1 where the column's joint is the row's or an ancestor of it, the root left out."""
    held = torch.eye(len(skeleton.joints))
    for joint in range(len(skeleton.joints)):
        parent = skeleton.parents[joint]
        while parent >= 0 and parent != skeleton.root:
            held[joint, parent], parent = 1.0, skeleton.parents[parent]
    return held


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
