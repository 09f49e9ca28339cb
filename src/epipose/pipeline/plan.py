"""Plan of a run: its stages and how long each will probably take, before the first begins.

Detection is timed on a few frames of this footage, with this detector on this machine, because it takes most of the
time of long footage. The other stages have rates in CPU seconds, measured on the sample clip (1920x1080, 4 views, one
core of a server of 2021). The times are expected ones, good to a factor of two or so.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from epipose.clip import Clip
from epipose.detection.detect import usable_cores
from epipose.io.progress import grouped, in_time
from epipose.network.choices import on_landmarks
from epipose.pipeline.detect import detector_of
from epipose.pipeline.options import DetectOptions
from epipose.training.options import TrainOptions

_TIMED, _WARM = 8, 2  # frames that the detector is timed on, after some that are not counted
_WORTH_TIMING = 400  # frames of all views; less is detected before its time is known

# CPU seconds
_DETECT = 0.06  # a frame of a view, where nothing was timed
_CALIBRATE_VIEW, _CALIBRATE_FRAMES = 0.005, 500  # a frame and view, of as many frames as are used at most
_LABEL = 0.0003  # a frame and view
_DECODE = 0.015  # a frame of a view, for the crops to train on
_LEARN = 0.12  # an image, each time it is learned: only the head learns
_PAGES, _REFINE = 5.0, 30.0  # view.html with its images; the refiner


@dataclass(frozen=True)
class PlannedStage:
    """A stage, what it works on, and the seconds it will probably take; None where nobody knows."""

    name: str
    work: str
    seconds: float | None

    def __str__(self) -> str:
        when = "hours, on a GPU" if self.seconds is None else f"about {in_time(self.seconds)}"
        return f"  {self.name:10s} {self.work}: {when}"


def planned(clip: Clip, out: Path, detection: DetectOptions, training: TrainOptions | None) -> tuple[PlannedStage, ...]:
    """The stages of a run on a clip whose videos were opened; nothing is timed where ``out`` has detections already.

    Raises EpiposeError for a detector that cannot be made and for videos that cannot be read.
    """
    views, each = len(clip.views), max(view.frames for view in clip.views)
    images, cores = sum(view.frames for view in clip.views), min(torch.get_num_threads(), usable_cores())
    used, stages = f"{views} x {grouped(each)} frames", list[PlannedStage]()
    if detection.poses is None:
        there = (out / "detections.npz").exists()
        timed = detection_seconds(clip, detection) if images >= _WORTH_TIMING and not there else None
        how = "" if timed is None else f", {1000 * timed:.0f} ms of CPU time each, as {_TIMED} of them took"
        together = min(cores, views, detection.jobs or views)
        read = images // detection.every if detection.every else min(images, _CALIBRATE_FRAMES * views)
        stages.append(PlannedStage("detect", used + how, read * (timed or _DETECT) / together))
    calibrated = min(each, _CALIBRATE_FRAMES)
    stages.append(PlannedStage("calibrate", f"{calibrated} frames", 2.0 + calibrated * views * _CALIBRATE_VIEW))
    stages.append(PlannedStage("label", used, 1.0 + _LABEL * images))
    stages.append(PlannedStage("pages", "report.html and view.html", _PAGES + _DECODE * images))
    if training is not None:
        count = images if training.max_frames is None else min(images, training.max_frames)
        which = f"{grouped(count)} of {grouped(images)} images, varied in pose (--train-frames)"
        which = which if count < images else used
        learn = training.epochs * count * _LEARN / cores if on_landmarks(training.backbone) else None
        known = None if learn is None else learn + _DECODE * images
        stages.append(PlannedStage("train", f"{which}, {training.epochs} times", known))
        stages.append(PlannedStage("refine", "poses of the labels", _REFINE))
    return tuple(stages)


def in_words(stages: tuple[PlannedStage, ...]) -> str:
    """The plan, a line for each stage and one for all of them."""
    known = sum(stage.seconds for stage in stages if stage.seconds is not None)
    rest = "" if all(stage.seconds is not None for stage in stages) else " and the training"
    head = "This run, with the times expected on this machine; what is done already is not done again:"
    return "\n".join([head, *map(str, stages), f"  in all     about {in_time(known)}{rest}"])


def detection_seconds(clip: Clip, detection: DetectOptions) -> float:
    """CPU seconds that a frame of the first view takes to be read and detected in."""
    detector = detector_of(detection, len(clip.views), clip.fps)
    began = time.process_time()
    for number, image in enumerate(itertools.islice(clip.views[0].read(range(_WARM + _TIMED)), _WARM + _TIMED)):
        if number == _WARM:
            began = time.process_time()
        detector(image)
    return (time.process_time() - began) / _TIMED
