"""Training samples from labelled clip folders: crops of the images, and normalised poses as targets.

Every video is decoded once. What stays in memory is one JPEG per view and frame, a little wider than the box so that
augmentation can turn and shift it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from epipose.camera import Camera, Rig, cat_cameras
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.network.choices import CropKind
from epipose.network.crops import crop_boxes, crop_image, pose_to_crop
from epipose.poses import Poses3D
from epipose.skeleton import Skeleton
from epipose.training.options import LabelWeight

WINDOW = 1.5  # side of a stored crop over the side of its box


@dataclass(frozen=True)
class Placement:
    """Boxes and cameras of crops: the moment each shows (a number of its own per clip and frame), its box, its camera."""

    moment: Int[np.ndarray, " sample"]
    box: Float[Tensor, "sample 4"]  # as `epipose.network.crops` has them
    camera: Camera  # a batch, one for each sample

    def of(self, rows: Int[np.ndarray, " row"]) -> Placement:
        """The placement of some crops."""
        index = torch.from_numpy(rows)
        return Placement(self.moment[rows], self.box[index], self.camera[index])


@dataclass(frozen=True)
class Samples:
    """Crops as JPEG (``WINDOW`` x the box) with their normalised poses, and weights of (u, v) and of d.

    ``bone_lengths`` follow ``skeleton.bones`` (0 = never seen); metres where ``metric``. Images of which only 2D is
    known have depth weight 0, no bone lengths and no placement.
    """

    jpegs: tuple[bytes, ...]
    uvd: Float[np.ndarray, "sample joint 3"]
    weight: Float[np.ndarray, "sample joint 2"]
    bone_lengths: Float[np.ndarray, " bone"]
    skeleton: Skeleton
    metric: bool
    place: Placement | None = None

    def __len__(self) -> int:
        return len(self.jpegs)

    def stored(self, index: int) -> UInt8[np.ndarray, "stored stored 3"]:
        """The stored RGB crop of one sample."""
        return decoded(self.jpegs[index])


def decoded(jpeg: bytes) -> UInt8[np.ndarray, "stored stored 3"]:
    """The RGB image in a JPEG that `encoded` made."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.ascontiguousarray(image[..., ::-1])


def encoded(image: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """An RGB image as JPEG."""
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def concatenate_samples(parts: Sequence[Samples]) -> Samples:
    """Samples of several clips as one set; InputError when their skeletons differ.

    Where all clips (images with 2D alone apart) are metric, a bone's length is averaged over the samples of the clips
    that have seen it. Otherwise every clip has a unit of its own, and the first clip's lengths are kept: the ratios of
    bones are what a network without metric labels can know.
    """
    names = {part.skeleton.name for part in parts}
    if len(names) > 1:
        raise InputError(f"The labels have different skeletons ({', '.join(sorted(names))}). Label the clips alike.")
    scaled = [part for part in parts if part.bone_lengths.any()]
    metric = bool(scaled) and all(part.metric for part in scaled)
    lengths = (scaled or parts)[0].bone_lengths
    if metric:
        each = np.stack([part.bone_lengths for part in scaled])
        weights = np.array([[len(part)] for part in scaled]) * (each > 0)
        lengths = (weights * each).sum(0) / np.maximum(weights.sum(0), 1)
    return Samples(
        tuple(itertools.chain.from_iterable(part.jpegs for part in parts)),
        np.concatenate([part.uvd for part in parts]),
        np.concatenate([part.weight for part in parts]),
        lengths.astype(np.float32),
        parts[0].skeleton,
        metric,
        _concatenate_places([part.place for part in parts]),
    )


def _concatenate_places(parts: Sequence[Placement | None]) -> Placement | None:
    places = [part for part in parts if part is not None]
    if len(places) < len(parts):
        return None
    before = np.cumsum([0, *(place.moment.max() + 1 for place in places[:-1])])
    moment = np.concatenate([place.moment + first for place, first in zip(places, before, strict=True)])
    return Placement(
        moment, torch.cat([place.box for place in places]), cat_cameras([place.camera for place in places])
    )


def clip_samples(
    folder: Path,
    input_size: int,
    *,
    labels_in: Path | None = None,
    label_weight: LabelWeight = "confidence",
    min_confidence: float = 0.0,
    margin: float = 1.25,
    frames: tuple[int, int] | None = None,
    views: Sequence[str] | None = None,
    min_joints: float = 0.7,
    crop: CropKind = "upright",
) -> Samples:
    """One sample per view and frame of a labelled clip folder (clip.json, rig.json, poses3d.npz).

    ``labels_in``: another folder to read rig.json and poses3d.npz from. ``label_weight``: a joint counts by its
    confidence, or all that have a label alike; those below ``min_confidence`` have none. ``frames`` are the first and
    last frame to use. A sample needs the root, and ``min_joints`` of all joints labelled and inside the image; ``crop`` is
    the kind that the network reads. Raises
    InputError for missing files, views or frames, and when no sample is left.
    """
    labels_in = labels_in or folder
    clip, labels = Clip.load(folder), Poses3D.load(labels_in / "poses3d.npz")
    labels = _weighted(labels, label_weight, min_confidence)
    rig = Rig.load(labels_in / "rig.json").select(clip.names)
    if len(labels.xyz) != clip.frames:
        raise InputError(
            f"{folder}: {len(labels.xyz)} labels for {clip.frames} frames. Run: epipose label {folder} (and where the "
            "labels come from truth/, epipose detect with --sync none: the ground truth is of the videos as they are)"
        )
    first, last = frames or (0, clip.frames - 1)
    if not 0 <= first <= last < clip.frames:
        raise InputError(f"{folder} has frames 0 to {clip.frames - 1}; {first} to {last} were asked for.")
    chosen = tuple(views) if views is not None else clip.names
    camera = rig.select(chosen).camera.to(torch.float32)
    uvd, boxes, weight = _targets(labels, camera, margin, min_joints, crop)
    from tqdm import tqdm

    wanted = [view for view in clip.views if view.name in chosen]
    jpegs, kept = [], []
    with tqdm(total=len(wanted), desc=f"crops of {folder.name}", unit="video", delay=2, disable=None) as bar:
        for view in wanted:
            row = chosen.index(view.name)
            usable = [frame for frame in range(first, last + 1) if weight[row, frame].any()]
            # a view that is late by a frame or more shows the labelled moment in a later image
            late = round(float(rig.lag[clip.names.index(view.name)]))
            shown = [min(max(frame + late, 0), clip.frames - 1) for frame in usable]
            for frame, image in zip(usable, clip.read(view, shown), strict=True):
                box = boxes[row, frame] * np.array([1, 1, WINDOW, 1])
                jpegs.append(encoded(crop_image(image, box, round(WINDOW * input_size))))
                kept.append((row, frame))
            bar.update()
    if not jpegs:
        raise InputError(
            f"{folder}: no frame from {first} to {last} has {min_joints:.0%} of its joints labelled and in the "
            "image. Look at the labels: epipose view, or label again with looser gates."
        )
    rows, columns = (list(column) for column in zip(*kept, strict=True))
    lengths = _bone_lengths(labels, first, last)
    weights = np.repeat(weight[rows, columns, :, None], 2, -1)
    place = Placement(np.array(columns), torch.from_numpy(boxes[rows, columns]), camera[torch.tensor(rows)])
    return Samples(tuple(jpegs), uvd[rows, columns], weights, lengths, labels.skeleton, labels.metric, place)


def _weighted(labels: Poses3D, label_weight: LabelWeight, min_confidence: float) -> Poses3D:
    """The labels with the confidence that is their weight in training."""
    conf = labels.conf * (labels.conf >= min_confidence)
    return replace(labels, conf=(conf > 0).to(conf) if label_weight == "uniform" else conf)


def _targets(
    labels: Poses3D, camera: Camera, margin: float, min_joints: float, crop: CropKind
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(u, v, d), boxes and weights per view and frame; all weights are 0 where there is no sample."""
    xyz, conf = labels.xyz[:, 0], labels.conf[:, 0]
    in_frame = camera.spread(2).into_frame(xyz)
    conf = conf * (in_frame[..., 2] > 0)
    xy = camera.spread(2).project_in_frame(in_frame)
    inside = camera.spread(2).inside(xy) & (conf > 0)
    usable = (inside.float().mean(-1) >= min_joints) & (conf[..., labels.skeleton.root] > 0)
    # A detector sees no more of a person whom the frame cuts off.
    boxes = crop_boxes(crop, xy, inside.float(), labels.skeleton, margin)
    boxes[..., 2].clamp_(min=1.0)
    uvd = pose_to_crop(in_frame, camera.spread(1), boxes, labels.skeleton.root)
    weight = conf * usable[..., None]
    uvd = torch.where(weight[..., None] > 0, uvd, torch.zeros(()))
    return uvd.numpy(), boxes.numpy(), weight.numpy()


def _bone_lengths(labels: Poses3D, first: int, last: int) -> Float[np.ndarray, " bone"]:
    """Median length of every bone over those of the frames where both its ends are labelled; 0 where there is none."""
    lengths = labels.skeleton.bone_lengths(labels.xyz[first : last + 1, 0])
    known = labels.skeleton.bone_weight(labels.conf[first : last + 1, 0]) > 0
    median = torch.where(known, lengths, torch.nan).nanmedian(0).values
    return torch.nan_to_num(median).numpy()
