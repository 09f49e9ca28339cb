"""Keypoint detection in every frame of every view, by any detector that follows the protocol.

To add a detector: one file with a class that has the three members of `Detector`, one line in ``DETECTORS`` (or, from
another package, an entry point in the group ``epipose.detectors``), one test.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from tqdm import tqdm

from epipose.clip import Clip, View
from epipose.detection.base import Detection, Detector
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
    "pretrained": "epipose.detection.network_detector:network_detector",
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
    from epipose.detection.blazepose_weights import any_cached, best_cached

    return f"blazepose-{best_cached()}" if name == "blazepose" or any_cached() else "pretrained"


def detector_used(folder: Path) -> str:
    """Name of the detector behind a clip folder's poses2d.npz; `GIVEN` where the keypoints were given."""
    record = folder / "detect.json"
    options = read_object(record).get("options", {}) if record.exists() else {}
    return GIVEN if options.get("poses") or "detector" not in options else str(options["detector"])


def detect_keypoints(clip: Clip, detector: Detector) -> Poses2D:
    """Run the detector on every frame of every video; persons are tracklets, numbered per view, longest first.

    Frames are the videos' own, before any synchronisation; shorter videos are filled up with conf 0. They are decoded
    one at a time. Raises NoPersonError where a view shows nobody, DamagedFileError where a video ends early.
    """
    joints, tracks = len(detector.skeleton.joints), []
    with tqdm(
        total=sum(view.frames for view in clip.views), desc="people in images", unit="frame", delay=2, disable=None
    ) as progress:
        for view in clip.views:
            found = tracklets_from_detections(_detections(view, detector, progress), joints, view.fps)
            if not found:
                raise NoPersonError(
                    f"No person was found in view '{view.name}' ({view.video}, {view.frames} frames). Leave the view "
                    "out, or give a video in which a whole person is seen, upright and at least 100 pixels tall."
                )
            tracks.append([undo_swaps(track, detector.skeleton.flip, view.fps) for track in found])
    return stack_tracklets(tracks, clip.names, max(view.frames for view in clip.views), detector.skeleton)


def _detections(view: View, detector: Detector, progress: tqdm) -> list[list[Detection]]:
    detector.reset()
    frames: list[list[Detection]] = []
    for image in view.read(range(view.frames)):
        frames.append(detector(image))
        progress.update()
    if len(frames) < view.frames:
        raise DamagedFileError(
            f"{view.video} ends after {len(frames)} frames, but it promises {view.frames}. Copy or re-encode the file."
        )
    return frames
