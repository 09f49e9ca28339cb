"""From readings of crops to poses in the camera's frame: refiner, perspective, size of a person."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.camera import Camera
from epipose.errors import InputError
from epipose.inference.person_keypoints import PersonKeypoints
from epipose.network.backends import PoseReader
from epipose.network.crops import crop_from_pixels, pixels_from_crop, pose_from_crop
from epipose.network.reading import PoseReading
from epipose.network.refiner import Evidence, evidence_of
from epipose.skeleton import Skeleton

# Chosen on frames 0 to 57 of the benchmark's real clips, against 0, 0.25, 0.75 and 1 (docs/log.md).
_KEYPOINTS_SHARE = 0.5


class LiftedPoses(NamedTuple):
    """Root-relative joints in the camera's frame, their confidence, and where they are in the image (pixels)."""

    xyz: Float[Tensor, "image joint 3"]
    conf: Float[Tensor, "image joint"]
    uv: Float[Tensor, "image joint 2"]


def lift(
    trained: PoseReader,
    reading: PoseReading,
    box: Float[Tensor, "image 4"],
    cameras: Camera,
    keypoints: PersonKeypoints | None = None,
) -> LiftedPoses:
    """The poses of readings of these boxes; ``cameras`` is a batch, one for each image.

    A box of side 0 holds nobody: zeros with confidence 0. A model's refiner corrects the readings by the ``keypoints``
    of another detector, or by those of the network's own landmarks; the confidence stays the network's. Raises
    InputError for a network without bone lengths.
    """
    if not bool(trained.bone_lengths.any()):
        raise InputError(
            "This network was trained on 2D alone and predicts no depth. Train it on labelled clips: --init MODEL"
        )
    cameras = cameras.to(torch.float32)
    some = box[:, 2] > 0
    safe = torch.where(some[:, None], box, torch.tensor([0.0, 0.0, 1.0, 0.0]))
    uvd = reading.uvd
    if trained.refiner is not None:
        given = None if keypoints is None else (crop_from_pixels(keypoints.xy, safe), keypoints.conf)
        evidence = evidence_of(reading, *(given or ()))
        with torch.inference_mode():
            uvd = _towards_keypoints(trained.refiner(evidence).uvd, evidence)
    xyz = pose_from_crop(uvd, cameras, safe, trained.skeleton, trained.bone_lengths)
    uv = pixels_from_crop(uvd[..., :2], safe)
    return LiftedPoses(xyz * some[:, None, None], reading.conf * some[:, None], uv * some[:, None, None])


def _towards_keypoints(uvd: Float[Tensor, "image joint 3"], evidence: Evidence) -> Float[Tensor, "image joint 3"]:
    """The refined pose with (u, v) half way to the detector's keypoints.

    The refiner has learned from drawn people, on whom the network's (u, v) are better than the detector's; on real ones
    the detector's are as good, and the mean of both is better than either.
    """
    share = _KEYPOINTS_SHARE * (evidence.conf[..., None] > 0)
    return torch.cat([uvd[..., :2].lerp(evidence.keypoints, share), uvd[..., 2:]], -1)


def read_flipped(
    trained: PoseReader, crops: UInt8[Tensor, "image size size 3"], device: torch.device, flip_test: bool
) -> PoseReading:
    """The reading of crops; with ``flip_test`` the mean of it and that of the horizontally flipped crops."""
    reading = trained.read(crops, device)
    if not flip_test:
        return reading
    return flip_test_mean(reading, trained.read(crops.flip(2), device), trained.skeleton)


def flip_test_mean(reading: PoseReading, other: PoseReading, skeleton: Skeleton) -> PoseReading:
    """The mean of the readings of crops and of the same crops flipped, in the skeleton's joints."""
    order = list(skeleton.flip)
    uvd = other.uvd[:, order] * torch.tensor([-1.0, 1.0, 1.0])
    return PoseReading((reading.uvd + uvd) / 2, (reading.scale + other.scale[:, order]) / 2, reading.own)
