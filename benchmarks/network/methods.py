"""Methods of single-image 3D pose that are compared on the same images.

A method takes a set of people's images (`PeopleImages`: image, BlazePose's keypoints, camera) and gives the pose of
each, relative to the root, in metres and the axes of the camera; a method over time finds its frames by ``track`` and
``frame``. References and weights are in the set for the mean pose alone. To add a method: one class with the two members
of `Method`, one entry in `baselines` or in the list that a script evaluates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from benchmarks.network.people_images import VARIANTS, PeopleImages
from epipose.detection.blazepose import landmark_crops
from epipose.inference.lift import flip_test_mean, lift
from epipose.inference.person_keypoints import PersonKeypoints, person_of
from epipose.network.blazepose import LANDMARKS, Variant, landmark_reading
from epipose.network.choices import CropKind
from epipose.network.crops import crop_image
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import pretrained_model
from epipose.network.reading import PoseReading, cat_readings
from epipose.skeletons import BLAZEPOSE33, H36M17

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


class Read(NamedTuple):
    """What a network reads in one crop of every image: boxes with keypoints, poses, and world landmarks if it has any."""

    person: PersonKeypoints
    reading: PoseReading
    world: Float[Tensor, "image 33 3"] | None


class CropReader:
    """A trained PoseNet that reads crops around the keypoints of a variant of BlazePose, as fast as `epipose predict`.

    What it read in the last set is kept: methods that differ in what follows share one of these.
    """

    def __init__(self, folder: Path, variant: Variant = "heavy") -> None:
        """``folder``: the model's."""
        self.trained = TrainedPoseNet.load(folder)
        self._variant, net = variant, self.trained.net
        on_landmarks = isinstance(net, LandmarkPoseNet)
        self._head = net.head.eval() if on_landmarks else None
        self._landmarks = landmark_crops(net.backbone.network, torch.get_num_threads()) if on_landmarks else None
        self._people: PeopleImages | None = None
        self._kept: dict[tuple[CropKind, bool], Read] = {}

    def __call__(self, people: PeopleImages, crop: CropKind | None = None, *, flipped: bool = False) -> Read:
        """Read every image; ``crop``: another kind of box than the network was trained on; ``flipped``: horizontally."""
        if people is not self._people:
            self._people, self._kept = people, {}
        kind = crop or self.trained.crop
        if (kind, flipped) not in self._kept:
            self._kept[kind, flipped] = self._read(people, kind, flipped)
        return self._kept[kind, flipped]

    def _read(self, people: PeopleImages, kind: CropKind, flipped: bool, batch_size: int = 16) -> Read:
        trained, found = self.trained, people.detected[self._variant]
        person = person_of(found.xy, found.conf, BLAZEPOSE33, trained.skeleton, trained.margin, kind)
        readings, world = [], []
        for rows in torch.arange(len(people)).split(batch_size):
            crops = [crop_image(people.image(r), person.box[r].numpy(), trained.input_size) for r in rows.tolist()]
            images = torch.from_numpy(np.stack(crops))
            images = images.flip(2) if flipped else images
            if self._landmarks is None or self._head is None:
                readings.append(trained.read(images, torch.device("cpu")))
                continue
            outputs = landmark_reading([torch.from_numpy(part) for part in self._landmarks(images.numpy())])
            with torch.inference_mode():
                readings.append(self._head(outputs))
            world.append(outputs.world[:, :LANDMARKS])
        return Read(person, cat_readings(readings), torch.cat(world) if world else None)


@dataclass(frozen=True)
class Network:
    """A trained PoseNet with its refiner or alone.

    ``crop``: another kind of box than the network was trained on. ``flip_test``: the mean of the reading and that of the
    horizontally flipped crop.
    """

    reader: CropReader
    name: str
    refined: bool = True
    crop: CropKind | None = None
    flip_test: bool = False

    def __call__(self, people: PeopleImages) -> Poses:
        """Each image on its own, as `epipose predict` does; zeros where the person was not found."""
        trained = self.reader.trained if self.refined else replace(self.reader.trained, refiner=None)
        person, reading, _ = self.reader(people, self.crop)
        if self.flip_test:
            other = self.reader(people, self.crop, flipped=True)
            reading = flip_test_mean(reading, other.reading, trained.skeleton)
        return lift(trained, reading, person.box, people.camera, person).xyz


@dataclass(frozen=True)
class UprightLandmarks:
    """BlazePose's own 3D of the person, read again in the upright box around its keypoints."""

    reader: CropReader
    name: str

    def __call__(self, people: PeopleImages) -> Poses:
        """The 33 world landmarks in the joints of Human3.6M; an upright crop's axes are the camera's."""
        world = self.reader(people, "upright").world
        assert world is not None
        return torch.einsum("tj,ijc->itc", BLAZEPOSE33.mapping_to(H36M17), world)


def baselines(models: Sequence[Path] = ()) -> list[Method]:
    """BlazePose's own 3D, the package's network as it is used and otherwise, and further model folders, by name."""
    return [
        *(method for variant in VARIANTS for method in _pretrained(variant)),
        *(Network(CropReader(folder), folder.name) for folder in models),
    ]


def _pretrained(variant: Variant) -> list[Method]:
    """BlazePose, and the network on it: as it is used, without its refiner, with the flip test, in upright boxes."""
    reader, name = CropReader(pretrained_model(variant), variant), f"pretrained_{variant}"
    return [
        WorldLandmarks(variant),
        UprightLandmarks(reader, f"blazepose_{variant}_upright"),
        Network(reader, name),
        Network(reader, f"{name}_alone", refined=False),
        Network(reader, f"{name}_flipped", flip_test=True),
        Network(reader, f"{name}_upright", crop="upright"),
        Network(reader, f"{name}_upright_alone", refined=False, crop="upright"),
    ]
