"""Training samples from images with 2D keypoints alone, without depth.

They come from clip folders (whatever their cameras), from a folder of images with a poses2d.npz beside them, or from
a dataset of people annotated in images (MPII, COCO). Used alone they are the 2D pre-training of the method, beside
labelled clips they keep the network in touch with more people.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.clip import Clip
from epipose.datasets.base import PeopleReader, Selection
from epipose.datasets.registry import reader_for
from epipose.errors import EpiposeError, InputError
from epipose.io.images import frame_files, read_image
from epipose.network.choices import CropKind
from epipose.network.crops import crop_boxes, crop_from_pixels, crop_image
from epipose.poses import Poses2D, in_skeleton, shown_joints
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17
from epipose.training.samples import WINDOW, Samples, encoded


class _KeypointSet(NamedTuple):
    """Keypoints of one person per row, and a function that reads the images of some rows of a view."""

    xy: Float[Tensor, "view row joint 2"]
    conf: Float[Tensor, "view row joint"]
    skeleton: Skeleton
    images: Callable[[int, list[int]], Iterator[np.ndarray]]


def samples_2d(
    folder: Path,
    input_size: int,
    *,
    skeleton: Skeleton = H36M17,
    min_confidence: float = 0.3,
    margin: float = 1.25,
    min_joints: float = 0.7,
    crop: CropKind = "upright",
) -> Samples:
    """One sample per image with ``min_joints`` of person 0's joints that are ever seen; depth weight 0, no bone lengths.

    A clip folder (clip.json, poses2d.npz), a folder of images whose poses2d.npz has one view, its frames the images in
    the order of their names, or a dataset of people in images, whose training split gives one sample a person. All
    crops stay in memory (some 20 KB each at 256 pixels); ``crop`` is the kind that the network reads. Raises InputError
    when the files do not fit, and when no sample is left.
    """
    keypoints = _detected(folder) if (folder / "poses2d.npz").exists() else _annotated(folder)
    xy, conf = in_skeleton(keypoints.xy, keypoints.conf, keypoints.skeleton, skeleton)
    conf = conf * (conf >= min_confidence)
    usable = (conf > 0)[..., shown_joints(conf)].float().mean(-1) >= min_joints
    boxes = crop_boxes(crop, xy, conf, skeleton, margin)
    boxes[..., 2].clamp_(min=1.0)
    jpegs, rows = [], []
    for view in range(len(xy)):
        frames = usable[view].nonzero()[:, 0].tolist()
        for frame, image in zip(frames, keypoints.images(view, frames), strict=True):
            box = boxes[view, frame].numpy() * np.array([1, 1, WINDOW, 1])
            jpegs.append(encoded(crop_image(image, box, round(WINDOW * input_size))))
            rows.append((view, frame))
    if not jpegs:
        raise InputError(f"{folder}: no image shows {min_joints:.0%} of the joints of {skeleton.name} in 2D.")
    index = tuple(torch.tensor(rows).T)
    seen = (conf[index] > 0)[..., None]
    uv = torch.where(seen, crop_from_pixels(xy[index], boxes[index]), torch.zeros(()))
    uvd = torch.cat([uv, torch.zeros_like(uv[..., :1])], -1)
    weight = torch.stack([conf[index], torch.zeros_like(conf[index])], -1)
    lengths = np.zeros(len(skeleton.bones), np.float32)
    return Samples(tuple(jpegs), uvd.numpy(), weight.numpy(), lengths, skeleton, False)


def _detected(folder: Path) -> _KeypointSet:
    """Person 0 of a poses2d.npz, and the clip or the images that it belongs to."""
    poses = Poses2D.load(folder / "poses2d.npz")
    images = partial(_images, folder, poses)
    return _KeypointSet(poses.xy[:, :, 0], poses.conf[:, :, 0], poses.skeleton, images)


def _annotated(folder: Path) -> _KeypointSet:
    """All people of a dataset's training split as one view, people of the same image one after the other."""
    try:
        name, reader = reader_for(folder)
    except EpiposeError as error:
        raise InputError(f"There is no file {folder / 'poses2d.npz'} (run: epipose detect), and {error}") from error
    if not isinstance(reader, PeopleReader):
        raise InputError(f"{folder} is {name}, a dataset of takes; --images-2d reads datasets of people in images.")
    people = reader.people(folder, Selection(split="train"))
    order = people.image.argsort(stable=True)
    paths = [people.images[number] for number in people.image[order].tolist()]
    return _KeypointSet(people.xy[None, order], people.conf[None, order], people.skeleton, partial(_read_rows, paths))


def _read_rows(paths: Sequence[Path], view: int, rows: list[int]) -> Iterator[np.ndarray]:
    """The image of each row; one that several rows in succession share is read once."""
    for path, same in itertools.groupby(rows, key=paths.__getitem__):
        image = read_image(path)
        yield from (image for _ in same)


def _images(folder: Path, poses: Poses2D, view: int, frames: list[int]) -> Iterator[np.ndarray]:
    """The images of some frames of a view."""
    if (folder / "clip.json").exists():
        clip = Clip.load(folder)
        chosen = next((of for of in clip.views if of.name == poses.views[view]), None)
        if chosen is None or poses.xy.shape[1] != clip.frames:
            raise InputError(f"{folder}: poses2d.npz does not belong to clip.json. Run: epipose detect")
        return clip.read(chosen, frames)
    paths = [folder / name for name in frame_files(folder)]
    if poses.xy.shape[:2] != (1, len(paths)):
        raise InputError(
            f"{folder} holds {len(paths)} images, its poses2d.npz has {poses.xy.shape[0]} views of "
            f"{poses.xy.shape[1]} frames; expected one view with a frame for each image, in the order of their names."
        )
    return (read_image(paths[frame]) for frame in frames)
