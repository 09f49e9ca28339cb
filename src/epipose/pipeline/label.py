"""Triangulation of 3D labels from a detected clip and its calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from epipose.calibration.result import Calibration, check_not_rejected
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.io.options import with_changes
from epipose.people.association import associate
from epipose.pipeline.detect import DetectedClip
from epipose.pipeline.options import LabelOptions
from epipose.poses import Poses2D, Poses3D
from epipose.reconstruction.label import label_poses
from epipose.skeletons import skeleton_named


@dataclass(frozen=True)
class Labels:
    """3D labels, the persons of the association that they are of, and a sentence on everybody who was found."""

    poses: Poses3D
    persons: tuple[int, ...] = (0,)
    people_found: tuple[str, ...] = ()


def label(
    seen: DetectedClip,
    calibration: Calibration | Rig,
    options: LabelOptions = LabelOptions(),
    *,
    force: bool = False,
    **changes: Any,
) -> Poses3D:
    """3D joints of the subject, or of everybody, each with a confidence; frames are those of the clip.

    The joints are those of the keypoints, or of another ``skeleton``, mapped by name.
    Keypoints whose left and right are swapped throughout a view, as calibration found, are put right. ``changes`` are
    fields of `LabelOptions` by name, such as ``people="all"``. Raises RejectedError for a rejected calibration, unless
    ``force``.
    """
    if isinstance(calibration, Calibration):
        check_not_rejected(calibration, force)
        rig, swapped = calibration.rig, calibration.swapped_throughout
    else:
        rig, swapped = calibration, ()
    return labels_of(seen.clip, seen.keypoints, rig, swapped, with_changes(options, changes)).poses


def labels_of(clip: Clip, poses: Poses2D, rig: Rig, swapped: Sequence[str], options: LabelOptions) -> Labels:
    """Labels from keypoints and cameras; several people are first associated across views."""
    rig = rig.select(clip.names)
    poses = poses.with_sides_swapped(torch.tensor([view in swapped for view in poses.views]))
    persons, sentences = [0], list[str]()
    if poses.conf.shape[2] > 1:
        several = associate(poses, rig, clip.fps)
        poses, sentences = several.poses, several.sentences()
        persons = several.real if options.people == "all" else [0]
    skeleton = None if options.skeleton == "native" else skeleton_named(options.skeleton)
    labels = label_poses(
        poses, rig, persons=persons, skeleton=skeleton, gate=options.gate, min_parallax_deg=options.min_parallax_deg,
        smoothness=options.smoothness, smooth=options.smooth,
    )  # fmt: skip
    return Labels(timed(labels, clip), tuple(persons), tuple(sentences))


def timed(poses: Poses3D, clip: Clip) -> Poses3D:
    """Poses of a clip's frames with the moments of these in seconds. Raises InputError for another number of frames."""
    if len(poses.xyz) != clip.frames:
        raise InputError(
            f"There are {len(poses.xyz)} labels for {clip.frames} frames of the clip. Where they are ground truth, the "
            "time offsets of the videos may have changed since: epipose detect with --sync none."
        )
    return replace(poses, times=torch.from_numpy(clip.moments).double())
