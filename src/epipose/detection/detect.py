"""Keypoint detection in every frame of every view, by any detector that follows the protocol.

To add a detector: one file with a class that has the three members of `Detector`, one line in ``DETECTORS`` (or, from
another package, an entry point in the group ``epipose.detectors``), one test.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path
from threading import Event

from tqdm import tqdm

from epipose.clip import Clip, View
from epipose.detection.base import Detection, Detector, ParallelDetector
from epipose.detection.tracklets import stack_tracklets, tracklets_from_detections, undo_swaps
from epipose.errors import DamagedFileError, InputError, NoPersonError
from epipose.io.files import read_object
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

# name -> "module:function"; imported on first use, called without arguments (for "auto", "blazepose" see
# `resolved_name`)
DETECTORS = {
    "blazepose-full": "epipose.detection.blazepose:full",
    "blazepose-heavy": "epipose.detection.blazepose:heavy",
    "pretrained": "epipose.detection.blazepose:packaged",
}


GIVEN = "given joints"  # stands for the detector where keypoints are not ours


def detector_named(name: str) -> Detector:
    """Build a detector by name; raises InputError that lists the names there are."""
    name = resolved_name(name)
    plugins = {point.name: point for point in entry_points(group="epipose.detectors")}
    if name in plugins and name not in DETECTORS:
        return plugins[name].load()()
    if name not in DETECTORS:
        known = ", ".join(["auto", "blazepose", *DETECTORS, *plugins])
        raise InputError(f"There is no detector '{name}'; there are {known}.")
    module, _, function = DETECTORS[name].partition(":")
    build: Callable[[], Detector] = getattr(importlib.import_module(module), function)
    return build()


def resolved_name(name: str) -> str:
    """The name of the detector that "auto" or "blazepose" stands for now.

    "blazepose" is blazepose-heavy where its weights are in the cache, else blazepose-full; "auto" is the same, but
    "pretrained", which needs no download, where the cache has neither. Other names stand for themselves.
    """
    if name not in ("auto", "blazepose"):
        return name
    from epipose.network.blazepose_weights import any_cached, best_cached

    return f"blazepose-{best_cached()}" if name == "blazepose" or any_cached() else "pretrained"


def detector_used(folder: Path) -> str:
    """Name of the detector behind a clip folder's poses2d.npz; `GIVEN` where the keypoints were given."""
    record = folder / "detect.json"
    options = read_object(record).get("options", {}) if record.exists() else {}
    return GIVEN if options.get("poses") or "detector" not in options else str(options["detector"])


def detect_keypoints(clip: Clip, detector: Detector) -> Poses2D:
    """Run the detector on every frame of every video; persons are tracklets, numbered per view, longest first.

    Frames are the videos' own, before any synchronisation; shorter videos are filled up with conf 0. They are decoded
    one at a time, those of several views at once where the detector allows it. Raises NoPersonError where a view shows
    nobody, DamagedFileError where a video ends early.
    """
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
    with tqdm(
        total=sum(view.frames for view in clip.views), desc="people in images", unit="frame", delay=2, disable=None
    ) as progress:
        if not isinstance(detector, ParallelDetector):
            for view in clip.views:
                yield _detections_in(view, detector, progress, Event())
            return
        detectors = [detector, *(detector.another() for _ in clip.views[1:])]
        stop = Event()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [
                pool.submit(_detections_in, view, one, progress, stop)
                for view, one in zip(clip.views, detectors, strict=True)
            ]
            try:
                for job in jobs:
                    yield job.result()
            finally:  # on an error or an interrupt too
                stop.set()


def _detections_in(view: View, detector: Detector, progress: tqdm, stop: Event) -> list[list[Detection]]:
    detector.reset()
    frames: list[list[Detection]] = []
    for image in view.read(range(view.frames)):
        if stop.is_set():
            return frames
        frames.append(detector(image))
        with progress.get_lock():
            progress.update()
    if len(frames) < view.frames:
        raise DamagedFileError(
            f"{view.video} ends after {len(frames)} frames, but it promises {view.frames}. Copy or re-encode the file."
        )
    return frames
