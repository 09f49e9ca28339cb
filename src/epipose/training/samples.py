"""Training samples from labelled clip folders: crops of the images, and normalised poses as targets.

Every video is decoded once. What stays in memory is one JPEG per view and frame, a little wider than the box so that
augmentation can turn and shift it.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from epipose.camera import Camera, Rig, cat_cameras
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.io.progress import progress
from epipose.network.choices import CropKind
from epipose.network.crops import crop_image
from epipose.poses import Poses2D, Poses3D
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17
from epipose.training.clip_targets import CropTargets, Keypoints, crop_targets, subject_keypoints
from epipose.training.options import LabelWeight
from epipose.training.varied_frames import varied_frames

_LOG = logging.getLogger(__name__)

WINDOW = 1.5  # side of a stored crop over the side of its box


@dataclass(frozen=True)
class Placement:
    """Boxes and cameras of crops: the moment each shows (a number per clip, frame and person), its box, its camera."""

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
    max_frames: int | None = None,
    seed: int = 0,
    views: Sequence[str] | None = None,
    min_joints: float = 0.7,
    crop: CropKind = "upright",
    distil: float = 0.0,
    skeleton: Skeleton = H36M17,
) -> Samples:
    """One sample per view, frame and person of a labelled clip folder (clip.json, rig.json, poses3d.npz).

    Labels are mapped to ``skeleton`` by name, whatever joints they have.

    ``labels_in``: another folder to read rig.json and poses3d.npz from. ``label_weight``: a joint counts by its
    confidence, or all that have a label alike; those below ``min_confidence`` have none. ``frames`` are the first and
    last frame to use; at most ``max_frames`` images of all views with varied poses (`varied_frames`), by the seed. A
    sample needs the root, and ``min_joints`` of the joints that the clip ever shows labelled and inside the image
    (`crop_targets`, as for ``distil``); ``crop`` is the kind that the network reads. Raises InputError for missing
    files, views or frames, and when no sample is left.
    """
    labels_in = labels_in or folder
    clip, labels = Clip.load(folder), Poses3D.load(labels_in / "poses3d.npz").mapped_to(skeleton)
    labels = weighted_labels(labels, label_weight, min_confidence)
    rig = Rig.load(labels_in / "rig.json").select(clip.names)
    if len(labels.xyz) != clip.frames:
        raise InputError(
            f"{folder}: {len(labels.xyz)} labels for {clip.frames} frames. Run: epipose label {folder} (and where the "
            "labels come from truth/, epipose detect with --sync none: the ground truth is of the videos as they are)"
        )
    first, last = frames or (0, clip.frames - 1)
    if not 0 <= first <= last < clip.frames:
        raise InputError(f"{folder} has frames 0 to {clip.frames - 1}; {first} to {last} were asked for.")
    chosen = rig.select(tuple(views) if views is not None else clip.names)
    # a view that is late by a frame or more shows the labelled moment in a later image
    late = [round(float(lag)) for lag in chosen.lag]
    seen = _keypoints(folder, clip, chosen.names, late, labels.skeleton) if distil > 0 else None
    camera = chosen.camera.to(torch.float32)
    targets = crop_targets(labels, camera, crop, margin, min_joints, seen, distil, rig.upright)
    usable = np.asarray(targets.weight.any((2, 3, 4)))
    usable[:, :first] = usable[:, last + 1 :] = False
    if max_frames is not None and (images := int(usable.sum())) > max_frames:
        _LOG.info("%s: %d of %d images are learned, chosen for variety of pose.", folder, max_frames, images)
        usable = varied_frames(labels, usable, max_frames, seed)
    jpegs, kept = _stored(clip, chosen.names, targets, usable, late, round(WINDOW * input_size))
    if not jpegs:
        raise InputError(
            f"{folder}: no frame from {first} to {last} has {min_joints:.0%} of the joints that it shows labelled and in "
            "the image. Look at the labels: epipose view, or label again with looser gates."
        )
    index = tuple(np.array(kept).T)
    moment = index[1] * labels.xyz.shape[1] + index[2]  # of one person
    place = Placement(moment, torch.from_numpy(targets.box[index]), camera[torch.from_numpy(index[0])])
    lengths = median_bone_lengths(labels, first, last)
    return Samples(
        tuple(jpegs), targets.uvd[index], targets.weight[index], lengths, labels.skeleton, labels.metric, place
    )


def _keypoints(folder: Path, clip: Clip, views: tuple[str, ...], late: list[int], skeleton: Skeleton) -> Keypoints:
    poses = Poses2D.load(folder / "poses2d.npz")
    if set(poses.views) != set(clip.names) or poses.xy.shape[1] != clip.frames:
        raise InputError(f"{folder}: poses2d.npz does not belong to clip.json. Run: epipose detect")
    return subject_keypoints(poses, views, late, skeleton)


def _stored(
    clip: Clip,
    views: tuple[str, ...],
    targets: CropTargets,
    wanted_in: Bool[np.ndarray, "view frame"],
    late: list[int],
    side: int,
) -> tuple[list[bytes], list[tuple[int, int, int]]]:
    """Crops of all samples as JPEG, and (view, frame, person) of each; every image is read once."""
    jpegs: list[bytes] = []
    kept: list[tuple[int, int, int]] = []
    wanted = [view for view in clip.views if view.name in views]
    with progress(total=len(wanted), desc="crops", unit="video") as bar:
        for view in wanted:
            row = views.index(view.name)
            usable = np.flatnonzero(wanted_in[row]).tolist()
            shown = [min(max(frame + late[row], 0), clip.frames - 1) for frame in usable]
            for frame, image in zip(usable, clip.read(view, shown), strict=True):
                for person in targets.weight[row, frame].any((1, 2)).nonzero()[0].tolist():
                    box = targets.box[row, frame, person] * np.array([1, 1, WINDOW, 1])
                    jpegs.append(encoded(crop_image(image, box, side)))
                    kept.append((row, frame, person))
            bar.update()
    return jpegs, kept


def weighted_labels(labels: Poses3D, label_weight: LabelWeight, min_confidence: float) -> Poses3D:
    """The labels with the confidence that is their weight in training."""
    conf = labels.conf * (labels.conf >= min_confidence)
    return replace(labels, conf=(conf > 0).to(conf) if label_weight == "uniform" else conf)


def median_bone_lengths(labels: Poses3D, first: int, last: int) -> Float[np.ndarray, " bone"]:
    """Mean over people of each one's median length of every bone, over the frames where both its ends are labelled.

    0 where there is none.
    """
    lengths = labels.skeleton.bone_lengths(labels.xyz[first : last + 1])
    known = labels.skeleton.bone_weight(labels.conf[first : last + 1]) > 0
    median = torch.where(known, lengths, torch.nan).nanmedian(0).values
    return torch.nan_to_num(median.nanmean(0)).numpy()
