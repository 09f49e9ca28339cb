"""Test images of people with references: what every method gets, prepared once and kept in a folder.

A person's part of an image is stored as JPEG, and camera, keypoints and reference are those of this part. Detectors run
on whole images beforehand: what they found lies beside the reference in people.npz, so that one more method is
evaluated without them and without the videos. Rows that are in one track, by rising frame, are one person in one view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from epipose.camera import Camera, cat_cameras, stack_cameras
from epipose.errors import InputError
from epipose.io.files import read_npz, write_npz
from epipose.io.images import read_image
from epipose.network.blazepose import Variant
from epipose.poses import in_skeleton, poses_that_count
from epipose.skeletons import BLAZEPOSE33, H36M17

VARIANTS: tuple[Variant, ...] = ("full", "heavy")  # of BlazePose
FILE = "people.npz"
_WINDOW, _MOST_PX = 2.0, 512  # the stored part: over the person's extent, and its side at most
_JPEG = 95
_FOUND = 0.2  # of the person's extent: a detection is this person's where its keypoints are nearer than that (median)
_MIN_JOINTS = 10  # with a reference, of a pose that counts


class Detected(NamedTuple):
    """What one variant of BlazePose found of the person; ``conf`` is 0 throughout where it did not find them."""

    xy: Float[Tensor, "image 33 2"]  # pixels of the stored image
    conf: Float[Tensor, "image 33"]
    xyz: Float[Tensor, "image 33 3"]  # world landmarks: metres, axes of the camera

    @property
    def found(self) -> Bool[Tensor, " image"]:
        """The images in which the person was found."""
        return (self.conf > 0).any(-1)


@dataclass(frozen=True)
class PeopleImages:
    """Images of one person each, with camera, detections and reference (H36M17, metres, in the axes of the camera).

    ``weight``: 1 for joints with a reference, else 0. ``scene``: what is drawn as one in a bootstrap. ``track``,
    ``frame``: see the module. ``group``: a number whose meaning is the set's (a person, a kind of images). ``fps``: of
    the video, 0 for a single image.
    """

    folder: Path
    names: tuple[str, ...]
    camera: Camera
    xyz: Float[Tensor, "image 17 3"]
    weight: Float[Tensor, "image 17"]
    scene: Int64[Tensor, " image"]
    track: Int64[Tensor, " image"]
    frame: Int64[Tensor, " image"]
    group: Int64[Tensor, " image"]
    fps: Float[Tensor, " image"]
    detected: dict[str, Detected]

    def __len__(self) -> int:
        return len(self.names)

    def image(self, row: int) -> UInt8[np.ndarray, "height width 3"]:
        """The stored part of an image, RGB; camera and keypoints are in its pixels."""
        return read_image(self.folder / f"{self.names[row]}.jpg")

    @property
    def counted(self) -> Bool[Tensor, " image"]:
        """The images that every method is evaluated on: both variants found the person, and ten joints are known."""
        found = torch.stack([found.found for found in self.detected.values()]).all(0)
        return found & poses_that_count(self.weight, H36M17.root, _MIN_JOINTS)

    def rows(self, chosen: Tensor) -> PeopleImages:
        """Some of the images: indices or a mask."""
        index = chosen.nonzero()[:, 0] if chosen.dtype == torch.bool else chosen
        return PeopleImages(
            self.folder,
            tuple(self.names[row] for row in index.tolist()),
            self.camera[index],
            **{name: getattr(self, name)[index] for name in _TENSORS},
            detected={name: Detected(*(field[index] for field in found)) for name, found in self.detected.items()},
        )

    def save(self) -> None:
        """Write people.npz; the images were written by `stored`."""
        arrays = {name: getattr(self, name).numpy() for name in _TENSORS}
        arrays |= {f"camera_{f.name}": getattr(self.camera, f.name).numpy() for f in fields(Camera)}
        for name, found in self.detected.items():
            arrays |= {f"{name}_{field}": value.float().numpy() for field, value in found._asdict().items()}
        write_npz(self.folder / FILE, **arrays, names=np.array(self.names))

    @staticmethod
    def load(folder: Path) -> PeopleImages:
        """Read what `save` wrote; InputError where nothing is prepared."""
        if not (folder / FILE).exists():
            raise InputError(f"{folder} has no {FILE}. Prepare the images first: run the script without --no-prepare.")
        of_cameras = [f"camera_{field.name}" for field in fields(Camera)]
        of_people = [f"{name}_{field}" for name in VARIANTS for field in Detected._fields]
        keys = ("names", *_TENSORS, *of_people)
        kept = read_npz(folder / FILE, keys, "the benchmark", optional=of_cameras)  # earlier files have no fisheyes
        camera = Camera(*(torch.from_numpy(kept[key]) for key in of_cameras if key in kept))
        detected = {
            name: Detected(*(torch.from_numpy(kept[f"{name}_{field}"]) for field in Detected._fields))
            for name in VARIANTS
        }
        tensors = {name: torch.from_numpy(kept[name]) for name in _TENSORS}
        return PeopleImages(folder, tuple(str(name) for name in kept["names"]), camera, **tensors, detected=detected)


_NUMBERS = ("scene", "track", "frame", "group", "fps")
_TENSORS = ("xyz", "weight", *_NUMBERS)


class Candidates(NamedTuple):
    """Everybody whom a variant found in one whole image: pixels, confidence, world landmarks."""

    xy: Float[np.ndarray, "person 33 2"]
    conf: Float[np.ndarray, "person 33"]
    xyz: Float[np.ndarray, "person 33 3"]


class Labelled(NamedTuple):
    """One person in one whole image: camera, reference in its axes, which joints have one, and how it is grouped."""

    name: str
    camera: Camera
    xyz: Float[Tensor, "17 3"]
    weight: Float[Tensor, " 17"]
    scene: int
    track: int
    frame: int
    group: int = 0
    fps: float = 0.0


def stored(
    folder: Path, image: UInt8[np.ndarray, "height width 3"], person: Labelled, found: dict[str, Candidates]
) -> PeopleImages:
    """One person's part of an image, written to the folder, as a set of one; `joined` makes a set of many."""
    camera = person.camera
    true = camera.project_in_frame(person.xyz.to(camera.K)).float()
    known = person.weight > 0
    own = {name: _nearest(one, true, known) for name, one in found.items()}
    points = torch.cat([true[known], *(one.xy[0][one.conf[0] > 0] for one in own.values())])
    low, high = points.amin(0), points.amax(0)
    half, middle = _WINDOW * (high - low).max() / 2, (low + high) / 2
    size = torch.tensor(image.shape[1::-1])
    left, top = (int(v) for v in (middle - half).floor().clamp(min=0).minimum(size - 2))
    right, bottom = (int(v) for v in torch.minimum((middle + half).ceil(), size.float()))
    right, bottom = max(right, left + 2), max(bottom, top + 2)
    share = min(1.0, _MOST_PX / max(right - left, bottom - top))
    width, height = max(1, round(share * (right - left))), max(1, round(share * (bottom - top)))
    part = cv2.resize(image[top:bottom, left:right], (width, height), interpolation=cv2.INTER_AREA)
    (path := folder / f"{person.name}.jpg").parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(part).save(path, quality=_JPEG)
    scale = torch.tensor([width / (right - left), height / (bottom - top)])
    detected = {
        name: one._replace(xy=(one.xy - torch.tensor([left, top]) + 0.5) * scale - 0.5) for name, one in own.items()
    }
    camera = camera.cropped(left, top, right - left, bottom - top).resized(width, height)
    pose = {"xyz": person.xyz[None], "weight": person.weight[None]}
    numbers = {name: torch.tensor([getattr(person, name)]) for name in _NUMBERS}
    return PeopleImages(folder, (person.name,), stack_cameras([camera]), **pose, **numbers, detected=detected)


def joined(parts: Sequence[PeopleImages]) -> PeopleImages:
    """Sets of the same folder as one."""
    return PeopleImages(
        parts[0].folder,
        tuple(name for part in parts for name in part.names),
        cat_cameras([part.camera for part in parts]),
        **{name: torch.cat([getattr(part, name) for part in parts]) for name in _TENSORS},
        detected={
            name: Detected(*(torch.cat(of) for of in zip(*(part.detected[name] for part in parts), strict=True)))
            for name in VARIANTS
        },
    )


def _nearest(found: Candidates, true: Float[Tensor, "17 2"], known: Bool[Tensor, " 17"]) -> Detected:
    """The detection that is this person's, of all in the image; zeros where there is none."""
    xy, conf = torch.from_numpy(found.xy).float(), torch.from_numpy(found.conf).float()
    nothing = Detected(torch.zeros(1, 33, 2), torch.zeros(1, 33), torch.zeros(1, 33, 3))
    if not len(xy):
        return nothing
    ours, _ = in_skeleton(xy, torch.ones_like(conf), BLAZEPOSE33, H36M17)
    apart = (ours - true).norm(dim=-1)[:, known].median(-1).values
    apart = torch.where((conf > 0).any(-1), apart, torch.inf)
    best = int(apart.argmin())
    extent = (true[known].amax(0) - true[known].amin(0)).max()
    if not bool(apart[best] < _FOUND * extent):
        return nothing
    return Detected(xy[best, None], conf[best, None], torch.from_numpy(found.xyz[best : best + 1]).float())
