"""Checks of a whole run before its first stage: what can be wrong with a call is found in seconds, not after hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from epipose.calibration.intrinsics import choose_intrinsics, known_rig_from
from epipose.clip import Clip
from epipose.detection.precomputed import read_keypoints
from epipose.errors import InputError
from epipose.io.writable import check_folder
from epipose.pipeline.calibrate import check_sources
from epipose.pipeline.detect import checked_options, clip_for, detector_of
from epipose.pipeline.options import CalibrateOptions, DetectOptions, LabelOptions, RunOptions
from epipose.reconstruction.scale import check_bones, parse_camera_distance
from epipose.skeleton import Skeleton
from epipose.training.options import TrainOptions
from epipose.training.train import check_folder_of_run


def detect_options(options: RunOptions) -> DetectOptions:
    """The options of detection in those of a run."""
    names = {field.name for field in fields(RunOptions)}
    same = [each.name for each in fields(DetectOptions) if each.name in names]
    return DetectOptions(jobs=options.detect_jobs, **{name: getattr(options, name) for name in same})


def calibrate_options(options: RunOptions) -> CalibrateOptions:
    """The options of calibration in those of a run."""
    return CalibrateOptions(height=options.height, bone=options.bone, camera_distance=options.camera_distance)


def label_options(options: RunOptions) -> LabelOptions:
    """The options of labelling in those of a run."""
    return LabelOptions(skeleton=options.skeleton, people=options.people)


def check_options(options: RunOptions) -> None:
    """Raise InputError for options of a run that can be for no clip: cameras that cannot be read, impossible lengths."""
    check_sources(calibrate_options(options), options.intrinsics, options.known_rig)
    check_bones(options.bone)
    if options.every == 0:
        raise InputError(
            "--every 0 detects what cameras need and no more, which cannot be labelled. Give 1 or more, or use epipose "
            "calibrate --auto for the cameras alone."
        )


def check_run(sources: Sequence[Path], out: Path, options: RunOptions, training: TrainOptions | None) -> Clip:
    """The clip to work on, after every option of every stage was tried on it.

    ``training``: options of the network's training, None where none is trained. Raises EpiposeError for what one of the
    stages would find out later: a folder that cannot be written, cameras of other views, unknown bones, offsets without
    overlap, another network in the folder.
    """
    check_folder(out)
    check_options(options)
    if not sources and options.poses is not None and training is not None:
        raise InputError(
            "A network learns from images, and there are 2D poses alone. Give the videos too, or --network none, which "
            "stops after the labels."
        )
    detection = detect_options(options)
    clip = clip_for(sources, detection)
    checked_options(clip, detection)
    if options.known_rig is not None:
        known_rig_from(options.known_rig, clip)
    else:
        choose_intrinsics(clip, options.intrinsics, "auto")
    check_bones(options.bone, _skeleton(clip, detection) if options.bone else None)
    for text in options.camera_distance:
        parse_camera_distance(text, clip.names)
    if training is not None:
        check_folder_of_run(out / "model", training)
    return clip


def _skeleton(clip: Clip, detection: DetectOptions) -> Skeleton:
    """The joints that the keypoints of a clip will have."""
    if detection.poses is not None:
        return read_keypoints(detection.poses, clip, detection.joints).poses.skeleton
    return detector_of(detection).skeleton
