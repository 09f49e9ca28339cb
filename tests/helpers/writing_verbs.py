"""Every verb that writes a set of files, with its computations left out: old results, and the call that replaces them.

What is computed is made once (`Results`); the verbs then only read, write, record and remove files.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import torch

from epipose.calibration.result import Calibration
from epipose.datasets.base import GroundTruth, Take
from epipose.datasets.to_clip import import_take
from epipose.evaluation.evaluate import evaluate
from epipose.evaluation.tables import write_evaluation
from epipose.formats.colmap import write_colmap
from epipose.inference.prediction import Prediction
from epipose.io.files import read_json
from epipose.io.staged import settle
from epipose.network.refiner import load_refiner
from epipose.pipeline.batch_summary import write_summary
from epipose.pipeline.calibrate import calibrate
from epipose.pipeline.clip_job import ClipJob, ClipOutcome, run_clip
from epipose.pipeline.detect import DetectedClip
from epipose.pipeline.export import export
from epipose.pipeline.label import Labels, labels_of
from epipose.pipeline.options import LabelOptions, RunOptions
from epipose.pipeline.stages import calibrate_clip, calibrate_clips, detect_clip, label_clip
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17
from epipose.viz.html_report import Report
from tests.helpers.synthetic import detections, moving_skeleton, rig
from tests.helpers.writing_models import filmed, predicted, refined, train

FPS, FRAMES = 50.0, 40


@dataclass(frozen=True)
class WritingVerb:
    """A verb: ``old`` makes the results of before in a folder, ``new`` replaces them, ``read`` is what others read.

    ``parts`` are the folders inside each of which all files are a set; ``left_out`` are files that are no results.
    """

    name: str
    old: Callable[[Path], object]
    new: Callable[[Path], object]
    read: Callable[[Path], object]
    parts: tuple[str, ...] = (".",)
    left_out: tuple[str, ...] = ()


class Results:
    """What the verbs would compute, in a folder with their inputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        xy, conf = detections(rig(), moving_skeleton(FRAMES), pixels=2.0)
        poses = Poses2D(xy[:, :, None].float(), conf[:, :, None].float(), H36M17, rig().names)
        poses.save(folder / "given.npz")
        self.detect(folder / "clip", sync="none")
        self.seen = DetectedClip.load(folder / "clip")
        self.calibration = calibrate(self.seen, known_rig=rig())
        self.labels = labels_of(self.seen.clip, self.seen.keypoints, rig(), (), LabelOptions())
        self.labels.poses.save(folder / "labels.npz")

    def detect(self, out: Path, **changes: object) -> bool:
        """`epipose detect` of 2D poses alone."""
        sizes = tuple(f"{width}x{height}" for width, height in rig().camera.size.tolist())
        return detect_clip(
            (), out, poses=self.folder / "given.npz", size=sizes, fps=FPS, detector="pretrained", **changes
        )

    def calibrate(self, out: Path, word: str) -> bool:
        """`epipose calibrate`, whose outcome has a remark."""
        made = replace(self.calibration, remarks=(word,))
        with mock.patch("epipose.pipeline.stages.calibrate", return_value=made), _short_page(word):
            return calibrate_clip(out, seed=len(word))

    def calibrate_together(self, out: Path, word: str) -> bool:
        """`epipose calibrate --same-cameras` of two clips."""
        made = (replace(self.calibration, remarks=(word,)),) * 2
        with mock.patch("epipose.pipeline.stages.calibrate_together", return_value=made), _short_page(word):
            return calibrate_clips([out / "a", out / "b"], seed=len(word))

    def label(self, out: Path, gate: float) -> bool:
        """`epipose label`, whose confidence says with which gate."""
        poses = replace(self.labels.poses, conf=self.labels.poses.conf * gate / 10)
        with mock.patch("epipose.pipeline.stages.labels_of", return_value=Labels(poses)):
            return label_clip(out, gate=gate, force=True)

    def clip(self, out: Path) -> None:
        """A clip folder that is detected, calibrated and labelled."""
        self.detect(out, sync="none")
        self.calibrate(out, "old")
        self.label(out, 2.0)

    def export(self, out: Path, unit: str) -> None:
        """`epipose export` of labels in a unit."""
        for name in ("labels.trc", "labels.csv"):
            export(self.labels.poses, out / name, unit=unit)

    def evaluate(self, out: Path, protocol: str) -> None:
        """`epipose evaluate` of the labels against themselves."""
        file = self.folder / "labels.npz"
        write_evaluation(evaluate(file, file, protocol=protocol), out / "evaluation.json")


def _short_page(word: str) -> AbstractContextManager[object]:
    """The page of a calibration without its drawings, which take longer than all the rest."""
    return mock.patch("epipose.pipeline.stages.calibration_page", return_value=Report(word, ""))


def imported(folder: Path, out: Path, name: str) -> None:
    """`epipose datasets import` of one take."""
    images = []
    for view in rig().names:
        (folder / "images" / view).mkdir(parents=True, exist_ok=True)
        images.append(folder / "images" / view)
    _photos(images)
    sized = replace(rig(), camera=rig().camera.resized(16, 16), metric=True)
    poses = Poses3D(moving_skeleton(3)[:, None].float(), torch.ones(3, 1, 17), H36M17, "world", True)
    import_take(Take(name, "S1", "walk", sized, tuple(images), 3, FPS, lambda: GroundTruth(poses)), out / name)


def _photos(folders: list[Path]) -> None:
    from PIL import Image

    for folder in folders:
        for number in range(3):
            if not (folder / f"{number}.png").exists():
                Image.new("RGB", (16, 16)).save(folder / f"{number}.png")


def batched(out: Path, word: str) -> None:
    """The record of one clip of `epipose batch`."""
    outcome = ClipOutcome("walk", "failed", error=word)
    with (
        mock.patch("epipose.pipeline.clip_job._carried_out", return_value=outcome),
        mock.patch("epipose.pipeline.clip_job.time.monotonic", return_value=0.0),
    ):
        run_clip(ClipJob("walk", (), out, RunOptions(force=word == "new")))


def summed_up(out: Path, word: str) -> None:
    """The summary of `epipose batch`."""
    write_summary([ClipOutcome("walk", "failed", error=word)], 2, out)


def report(out: Path, word: str) -> None:
    """A page, as `epipose run` and `epipose view --html` write it."""
    Report(word, "").save(out / "report.html")


def nothing(_: Path) -> None:
    """No results of before."""


def writing_verbs(r: Results) -> list[WritingVerb]:
    """All of them."""

    def detected_twice(out: Path) -> None:
        for name in ("a", "b"):
            r.clip(out / name)

    return [
        WritingVerb("detect", r.clip, lambda out: r.detect(out, offsets=(0.0, 0.1, 0.0, 0.0)), DetectedClip.load),
        WritingVerb(
            "detect anew", nothing, lambda out: r.detect(out, sync="none"), settle,
            left_out=("detections", "detections.json", "detections.npz"),  # a set of their own, kept for another try
        ),
        WritingVerb("calibrate", r.clip, lambda out: r.calibrate(out, "newer"), Calibration.load),
        WritingVerb(
            "calibrate --same-cameras", detected_twice, lambda out: r.calibrate_together(out, "newer"),
            lambda out: [Calibration.load(out / name) for name in "ab"], ("a", "b"),
        ),
        WritingVerb("label", r.clip, lambda out: r.label(out, 3.0), lambda out: Poses3D.load(out / "poses3d.npz")),
        WritingVerb(
            "train", lambda out: train(out, 1), lambda out: train(out, 2), lambda out: read_json(out / "train.json"),
            left_out=("retraining",),
        ),
        WritingVerb(
            "refine", lambda out: refined(r.folder, out, 1), lambda out: refined(r.folder, out, 2),
            lambda out: load_refiner(out / "refiner.safetensors", H36M17),
        ),
        WritingVerb(
            "predict", lambda out: predicted(r.folder, out, 1.0), lambda out: predicted(r.folder, out, 0.5),
            Prediction.load,
        ),
        WritingVerb("studio", nothing, filmed, lambda out: None, ("clip0000", "studio.json")),
        WritingVerb(
            "export", lambda out: r.export(out, "m"), lambda out: r.export(out, "mm"), lambda out: None, ("*",)
        ),
        WritingVerb(
            "export, a folder", lambda out: write_colmap(rig(), out / "c"),
            lambda out: write_colmap(replace(rig(), camera=rig().camera.resized(100, 100)), out / "c"),
            lambda out: None, ("c",),
        ),
        WritingVerb("import", nothing, lambda out: imported(r.folder, out, "walk"), lambda out: None),
        WritingVerb("batch, a clip", lambda out: batched(out, "old"), lambda out: batched(out, "new"),
                    lambda out: read_json(out / "batch.json"), left_out=("batch.log",)),
        WritingVerb("batch, the summary", lambda out: summed_up(out, "old"), lambda out: summed_up(out, "new"),
                    settle),
        WritingVerb("run and view, a page", lambda out: report(out, "old"), lambda out: report(out, "new"),
                    lambda out: None),
        WritingVerb("evaluate", lambda out: r.evaluate(out, "free"), lambda out: r.evaluate(out, "3dhp"),
                    settle),
    ]  # fmt: skip
