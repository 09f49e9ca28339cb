"""Methods of single-image 3D pose that are compared on the same images.

A method takes a set of people's images (`PeopleImages`: image, BlazePose's keypoints, camera) and gives the pose of
each, relative to the root, in metres and the axes of the camera; a method over time finds its frames by ``track`` and
``frame``. References and weights are in the set for the mean pose alone. To add a method: one class with the two members
of `Method`, one entry in `baselines` or in the list that a script evaluates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from benchmarks.network.people_images import VARIANTS, PeopleImages
from epipose.inference.lift import lift, read_flipped
from epipose.inference.main_person import PersonKeypoints, person_of
from epipose.network.blazepose import Variant, load_landmarks
from epipose.network.choices import CropKind
from epipose.network.crops import crop_image
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import pretrained_model
from epipose.network.reading import PoseReading, cat_readings
from epipose.network.token_head import CROP_SIDE
from epipose.skeletons import BLAZEPOSE33, H36M17

BOX_MARGIN = 1.25  # of upright boxes, as networks that read them have it

Poses = Float[Tensor, "image 17 3"]


class Method(Protocol):
    """Single-image (or several-image) 3D pose; ``name`` is its key in the JSON."""

    @property
    def name(self) -> str:
        """Key in the JSON."""
        ...

    def __call__(self, people: PeopleImages) -> Poses:
        """Root-relative joints of H36M17 in the axes of each image's camera, metres."""
        ...


@dataclass(frozen=True)
class WorldLandmarks:
    """BlazePose's own 3D of the person."""

    variant: Variant

    @property
    def name(self) -> str:
        """Key in the JSON."""
        return f"blazepose_{self.variant}"

    def __call__(self, people: PeopleImages) -> Poses:
        """The 33 world landmarks in the joints of Human3.6M."""
        return torch.einsum("tj,ijc->itc", BLAZEPOSE33.mapping_to(H36M17), people.detected[self.variant].xyz)


@dataclass(frozen=True)
class UprightLandmarks:
    """BlazePose's own 3D of the person, read again in the upright box around its keypoints."""

    variant: Variant

    @property
    def name(self) -> str:
        """Key in the JSON."""
        return f"blazepose_{self.variant}_upright"

    def __call__(self, people: PeopleImages) -> Poses:
        """The 33 world landmarks in the joints of Human3.6M; an upright crop's axes are the camera's."""
        network, found = load_landmarks(self.variant), people.detected[self.variant]
        person = person_of(found.xy, found.conf, BLAZEPOSE33, H36M17, BOX_MARGIN, "upright")
        poses = []
        for crops in crops_of(people, person.box, CROP_SIDE):
            with torch.inference_mode():
                poses.append(network(crops.permute(0, 3, 1, 2) / 255).world[:, : len(BLAZEPOSE33.joints)])
        return torch.einsum("tj,ijc->itc", BLAZEPOSE33.mapping_to(H36M17), torch.cat(poses))


@dataclass(frozen=True)
class MeanPose:
    """The mean of references, for every image: of its track (one person seen by one camera) or of its group.

    ``known`` are the images whose references count. It does not read the image, but it knows what no method does.
    """

    known: Bool[Tensor, " image"]
    over: Literal["track", "group"] = "track"
    name: str = "mean_pose"

    def __call__(self, people: PeopleImages) -> Poses:
        """The mean pose, weighted by which joints have a reference."""
        kind = people.track if self.over == "track" else people.group
        weight = people.weight * people.weight[:, H36M17.root, None] * self.known[:, None]
        centred = people.xyz - people.xyz[:, H36M17.root, None]
        poses = torch.zeros_like(centred)
        for number in kind.unique():
            own = kind == number
            w = weight[own, :, None]
            poses[own] = (w * centred[own]).sum(0) / w.sum(0).clamp(min=1e-9)
        return poses


class CropReadings:
    """A trained PoseNet's readings of the boxes around the keypoints of a variant of BlazePose.

    The readings of the last set are kept: methods that differ in what follows them share one of these.
    """

    def __init__(
        self, folder: Path, variant: Variant = "heavy", crop: CropKind | None = None, *, flip_test: bool = False
    ) -> None:
        """``crop``: another kind of box than the network was trained on; ``flip_test``: see `read_flipped`."""
        self.trained = TrainedPoseNet.load(folder)
        self._variant, self._crop, self._flip_test = variant, crop or self.trained.crop, flip_test
        self._last: tuple[PeopleImages, PersonKeypoints, PoseReading] | None = None

    def __call__(self, people: PeopleImages, batch_size: int = 16) -> tuple[PersonKeypoints, PoseReading]:
        """Boxes with keypoints, and readings, of every image."""
        if self._last is None or self._last[0] is not people:
            trained, found = self.trained, people.detected[self._variant]
            person = person_of(found.xy, found.conf, BLAZEPOSE33, trained.skeleton, trained.margin, self._crop)
            readings = [
                read_flipped(trained, crops, torch.device("cpu"), self._flip_test)
                for crops in crops_of(people, person.box, trained.input_size, batch_size)
            ]
            self._last = people, person, cat_readings(readings)
        return self._last[1:]


@dataclass(frozen=True)
class Network:
    """A trained PoseNet with its refiner or alone."""

    readings: CropReadings
    name: str
    refined: bool = True

    def __call__(self, people: PeopleImages) -> Poses:
        """Each image on its own, as `epipose predict` does; zeros where the person was not found."""
        trained = self.readings.trained if self.refined else replace(self.readings.trained, refiner=None)
        person, reading = self.readings(people)
        return lift(trained, reading, person.box, people.camera, person).xyz


def crops_of(
    people: PeopleImages, box: Float[Tensor, "image 4"], size: int, batch_size: int = 16
) -> Iterator[UInt8[Tensor, "batch size size 3"]]:
    """The box of every image as a square of ``size`` pixels, in batches."""
    for rows in torch.arange(len(people)).split(batch_size):
        yield torch.from_numpy(np.stack([crop_image(people.image(r), box[r].numpy(), size) for r in rows.tolist()]))


def baselines(models: Sequence[Path] = ()) -> list[Method]:
    """BlazePose's own 3D, the package's network as it is used and otherwise, and further model folders, by name."""
    return [
        *(WorldLandmarks(variant) for variant in VARIANTS),
        *(UprightLandmarks(variant) for variant in VARIANTS),
        *(method for variant in VARIANTS for method in _pretrained(variant)),
        *(Network(CropReadings(folder), folder.name) for folder in models),
    ]


def _pretrained(variant: Variant) -> list[Method]:
    """As `epipose predict` uses it, without its refiner, with the flip test, and in upright boxes."""
    folder, name = pretrained_model(variant), f"pretrained_{variant}"
    own, upright = CropReadings(folder, variant), CropReadings(folder, variant, "upright")
    return [
        Network(own, name),
        Network(own, f"{name}_alone", refined=False),
        Network(CropReadings(folder, variant, flip_test=True), f"{name}_flipped"),
        Network(upright, f"{name}_upright"),
        Network(upright, f"{name}_upright_alone", refined=False),
    ]
