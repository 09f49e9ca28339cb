"""Keypoint detection in every frame of every view, by any detector that follows the protocol (see `registry`)."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from threading import Event

import numpy as np

from epipose.clip import Clip, View
from epipose.detection.base import BatchDetector, Detection, Detector, ParallelDetector
from epipose.detection.check import check_detections, check_detector
from epipose.detection.registry import DETECTORS, GIVEN, detector_named, detector_used, resolved_name
from epipose.detection.tracklets import stack_tracklets, tracklets_from_detections, undo_swaps
from epipose.errors import DamagedFileError, NoPersonError
from epipose.io.progress import Progress, progress
from epipose.poses import Poses2D

__all__ = [
    "DETECTORS",
    "GIVEN",
    "Detection",
    "Detector",
    "detect_keypoints",
    "detector_named",
    "detector_used",
    "resolved_name",
]


def detect_keypoints(clip: Clip, detector: Detector) -> Poses2D:
    """Run the detector on every frame of every video; persons are tracklets, numbered per view, longest first.

    Frames are the videos' own, before any synchronisation; shorter videos are filled up with conf 0. They are decoded
    one at a time, or as many as a `BatchDetector` takes at once; those of several views at the same time where the
    detector allows it. People without track numbers are linked by nearness. Raises InputError, before anything is
    decoded, for a detector whose skeleton cannot be used; NoPersonError where a view shows nobody; DamagedFileError
    where a video ends early.
    """
    check_detector(detector, type(detector).__name__)
    joints, tracks = len(detector.skeleton.joints), []
    with closing(_detections(clip, detector)) as detections:
        for view, frames in zip(clip.views, detections, strict=True):
            found = tracklets_from_detections(frames, joints, view.fps)
            if not found:
                raise NoPersonError(
                    f"No person was found in view '{view.name}' ({view.video}, {view.frames} frames). Leave the view "
                    "out, or give a video in which a whole person is seen, upright and at least 100 pixels tall."
                )
            tracks.append([undo_swaps(track, detector.skeleton.flip, view.fps) for track in found])
    return stack_tracklets(tracks, clip.names, max(view.frames for view in clip.views), detector.skeleton)


def _detections(clip: Clip, detector: Detector) -> Generator[list[list[Detection]], None, None]:
    """The detections in the frames of each view; the views at the same time where the detector can do that."""
    with progress(total=sum(view.frames for view in clip.views), desc="people in images", unit="frame") as bar:
        if not isinstance(detector, ParallelDetector):
            for view in clip.views:
                yield _detections_in(view, detector, bar, Event())
            return
        detectors = [detector, *(detector.another() for _ in clip.views[1:])]
        stop = Event()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [
                pool.submit(_detections_in, view, one, bar, stop)
                for view, one in zip(clip.views, detectors, strict=True)
            ]
            try:
                for job in jobs:
                    yield job.result()
            finally:  # on an error or an interrupt too
                stop.set()


def _detections_in(view: View, detector: Detector, bar: Progress, stop: Event) -> list[list[Detection]]:
    detector.reset()
    frames: list[list[Detection]] = []
    for images in _batches(view.read(range(view.frames)), batch_size(detector)):
        if stop.is_set():
            return frames
        found = detector.batch(images) if isinstance(detector, BatchDetector) else [detector(images[0])]
        check_detections(found, len(images), detector)
        frames += found
        with bar.get_lock():
            bar.update(len(images))
    if len(frames) < view.frames:
        raise DamagedFileError(
            f"{view.video} ends after {len(frames)} frames, but it promises {view.frames}. Copy or re-encode the file."
        )
    return frames


def batch_size(detector: Detector) -> int:
    """How many images of a video the detector is given at once."""
    return max(1, detector.batch_size) if isinstance(detector, BatchDetector) else 1


def _batches(images: Iterator[np.ndarray], size: int) -> Iterator[Sequence[np.ndarray]]:
    while batch := list(islice(images, size)):
        yield batch
