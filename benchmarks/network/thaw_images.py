"""Test images for a network of which more than the head learns: its errors, and how far the landmark network drifted.

Each group is a part of a set of `PeopleImages`; their crops, around BlazePose full's keypoints, are made once. Errors are
those of the network alone, without its refiner, one image at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from benchmarks.network.people_images import PeopleImages
from benchmarks.network.studio_test import SINGLE
from benchmarks.network.thaw_parts import ThawedNet
from benchmarks.network.two_people import PEOPLE
from epipose.evaluation.bootstrap import bootstrap_mean
from epipose.evaluation.metrics import pmpjpe_mm
from epipose.inference.person_keypoints import person_of
from epipose.network.crops import crop_image, pose_from_crop
from epipose.network.posenet import TrainedPoseNet, to_input
from epipose.skeletons import BLAZEPOSE33, H36M17

DETECTOR = "full"
_BATCH = 16
_MIN_SCENES = 4  # fewer give no interval
_LATE = 80  # first of the sample's frames on which nothing is chosen
_POINTS = len(BLAZEPOSE33.joints)

Range = tuple[float, float, float]  # mean, lower and upper end of the interval


@dataclass(frozen=True)
class TestImages:
    """A group of images with their crops and boxes, as the network reads them; every person was found."""

    __test__ = False  # for pytest

    people: PeopleImages
    crops: UInt8[Tensor, "image 256 256 3"]
    box: Float[Tensor, "image 4"]

    @staticmethod
    def of(people: PeopleImages, chosen: Bool[Tensor, " image"], trained: TrainedPoseNet) -> TestImages:
        """The chosen images that count, see `PeopleImages.counted`."""
        people = people.rows(people.counted & chosen)
        found = people.detected[DETECTOR]
        box = person_of(found.xy, found.conf, BLAZEPOSE33, trained.skeleton, trained.margin, trained.crop).box
        crops = [crop_image(people.image(row), box[row].numpy(), trained.input_size) for row in range(len(people))]
        return TestImages(people, torch.from_numpy(np.stack(crops)), box)


@dataclass(frozen=True)
class Measured:
    """Per image: errors of the network and of the landmark network's own 3D (PMPJPE, mm), and the latter's answers.

    ``uv`` in pixels of the crop, ``world`` in metres.
    """

    pmpjpe_mm: Float[Tensor, " image"]
    own_pmpjpe_mm: Float[Tensor, " image"]
    uv: Float[Tensor, "image 33 2"]
    world: Float[Tensor, "image 33 3"]

    def drift_px(self, before: Measured) -> Float[Tensor, " image"]:
        """Mean distance of the landmarks from those before, pixels of the crop."""
        return (self.uv - before.uv).norm(dim=-1).mean(-1)

    def drift_mm(self, before: Measured) -> Float[Tensor, " image"]:
        """Mean distance of the world landmarks from those before, mm."""
        return 1000 * (self.world - before.world).norm(dim=-1).mean(-1)

    def arrays(self) -> dict[str, np.ndarray]:
        """By name, to be stored."""
        return {field.name: getattr(self, field.name).numpy() for field in fields(self)}


Groups = Mapping[str, Measured]


def images_by_group(work: Path, trained: TrainedPoseNet, sparse: int = 1) -> dict[str, TestImages]:
    """The groups: the real man early and late, both people of the two-person demo, drawn single images.

    ``work`` holds what `real_people` and `studio_test` prepared; InputError where they did not. Frames are taken at
    regular steps, ``sparse`` times as wide as usual.
    """
    sample, two, drawn = (PeopleImages.load(work / name) for name in ("sample_people", "two_people", "studio"))
    late = sample.frame >= _LATE
    chosen = {
        "sample_frames_0_79": (sample, ~late, sample.frame, 4),
        "sample_frames_80_99": (sample, late, sample.frame, 2),
        **{f"two_people_{name}": (two, two.group == n, two.frame, 4) for n, name in enumerate(PEOPLE)},
        "studio": (drawn, drawn.group == SINGLE, drawn.scene, 1),
    }
    return {
        name: TestImages.of(people, part & (number % (step * sparse) == 0), trained)
        for name, (people, part, number, step) in chosen.items()
    }


def measure(net: ThawedNet, trained: TrainedPoseNet, groups: Mapping[str, TestImages]) -> dict[str, Measured]:
    """Errors and answers on every group."""
    return {name: _measured(net, trained, images) for name, images in groups.items()}


def _measured(net: ThawedNet, trained: TrainedPoseNet, images: TestImages) -> Measured:
    uvd, landmarks, world = [], [], []
    for crops in images.crops.split(_BATCH):
        with torch.no_grad():
            reading = net(to_input(crops))
        uvd.append(reading.pose.uvd)
        landmarks.append(reading.landmarks.landmarks[:, :_POINTS, :2])
        world.append(reading.landmarks.world[:, :_POINTS])
    people, camera = images.people, images.people.camera.to(torch.float32)
    xyz = pose_from_crop(torch.cat(uvd), camera, images.box, trained.skeleton, trained.bone_lengths)
    own = torch.einsum("tj,ijc->itc", BLAZEPOSE33.mapping_to(H36M17), torch.cat(world))
    error, own_error = (pmpjpe_mm(poses, people.xyz, people.weight) for poses in (xyz, own))
    return Measured(error, own_error, torch.cat(landmarks), torch.cat(world))


def group_row(images: TestImages, start: Measured, middle: Measured, end: Measured, control: Measured) -> Any:
    """A group's row of one variant as JSON; ``control`` is the variant's control at its end.

    ``over_start`` and ``over_frozen``: differences of PMPJPE at the end, paired, with 95 % intervals over scenes.
    ``views``: PMPJPE at the start, of the control and of the variant, for each view where there are several.
    """
    moments = {"start": start, "middle": middle, "end": end}
    scene, track = images.people.scene, images.people.track
    numbers = [] if images.people.fps.eq(0).any() else track.unique().tolist()  # single images have no views
    row = {
        "pmpjpe_mm": {name: _mean(one.pmpjpe_mm) for name, one in moments.items()},
        "over_start": _interval(end.pmpjpe_mm - start.pmpjpe_mm, scene),
        "over_frozen": _interval(end.pmpjpe_mm - control.pmpjpe_mm, scene),
        "own_pmpjpe_mm": {name: _mean(one.own_pmpjpe_mm) for name, one in moments.items()},
        "drift_px": _mean(end.drift_px(start)),
        "drift_mm": _mean(end.drift_mm(start)),
    }
    compared = (start, control, end)
    views = [[_mean(one.pmpjpe_mm[track == number]) for one in compared] for number in numbers]
    return {**row, "views": views} if views else row


def _mean(value: Float[Tensor, " image"]) -> float:
    return round(float(value.mean()), 2)


def _interval(value: Float[Tensor, " image"], scene: Tensor) -> Range | tuple[float]:
    """Mean and interval, the mean alone of few scenes."""
    if len(scene.unique()) < _MIN_SCENES:
        return (_mean(value),)
    found = bootstrap_mean(value, scene)
    return round(found.mean, 2), round(found.low, 2), round(found.high, 2)
