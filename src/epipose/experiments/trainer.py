"""Training runs of the experiments: the same images, the same network and settings, other labels.

Every network begins at the same weights; only the labels differ. The start is a pre-training in 2D, or, for a head on
a frozen landmark network, random: that network has its 2D already, and a pretrained head would know 3D. What is trained
already is loaded.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast, get_args

from epipose.clip import Clip
from epipose.errors import CalibrationError
from epipose.experiments.labels import NO_GATE, intrinsics_of
from epipose.experiments.options import Size
from epipose.experiments.paper_recipe import paper_recipe
from epipose.experiments.rows import EpochLog
from epipose.io.files import already_done, fingerprint, read_json, write_record
from epipose.io.records import from_json
from epipose.io.staged import staged
from epipose.network.choices import on_landmarks
from epipose.network.posenet import TrainedPoseNet
from epipose.pipeline.train import train
from epipose.poses import Poses2D
from epipose.reconstruction.label import label_poses
from epipose.training.refine import refine
from epipose.training.supervision import Mode

# "small" learns on a processor in minutes; "paper" is the paper's network and schedule; "landmarks" is a head on a frozen
# landmark network.
SETTINGS: dict[Size, dict[str, Any]] = {
    "small": {
        "backbone": "efficientnet_lite0", "deconvs": 2, "depth_bins": 32, "channels": 128, "input_size": 96,
        "epochs": 5, "batch_size": 32, "backbone_lr": 0.3, "schedule": "cosine", "warmup": 0.2, "clip_gradient": 1.0,
        "occlusion": 0.3, "flip": 0.5,
    },
    "paper": {"backbone": "resnet50", "epochs": 140, "batch_size": 32, "lr": 1e-3, "lr_drops": (90, 120)},
    "landmarks": {
        "backbone": "blazepose_heavy", "channels": 128, "layers": 3, "epochs": 6, "batch_size": 32, "variations": 2,
        "schedule": "cosine", "warmup": 0.2, "clip_gradient": 1.0, "rotation_deg": 15.0, "scale": (0.9, 1.1),
        "shift": 0.03, "occlusion": 0.3, "flip": 0.5,
    },
}  # fmt: skip
MAIN_RUNS = ("full", "true2d", "self+rig", "self", "paper's recipe")
SELF_RUNS = (*MAIN_RUNS, "self, unweighted", "self, one subject", "full, refined", "self, refined")
# Rows of `bench self`. A refiner begins at the pretrained one, which knows 3D: on a head that begins at random weights it
# would say little of the labels.
RUNS: dict[Size, tuple[str, ...]] = {"small": SELF_RUNS, "paper": SELF_RUNS, "landmarks": MAIN_RUNS}
_REFINED = ", refined"


class Trainer:
    """Training runs of an experiment on the same clips from the same start; what is trained already is loaded."""

    def __init__(self, clips: list[Path], nets: Path, init: Path | None, settings: dict[str, Any], seed: int) -> None:
        self.clips, self.nets = clips, nets
        self.settings = {**settings, "seed": seed}
        random = init is None and on_landmarks(settings["backbone"])
        self.start = None if random else init or self._pretrained()

    def run(self, name: str, mocap: tuple[Path, ...] = ()) -> TrainedPoseNet:
        """The network of a run, one of ``SELF_RUNS`` or "unfrozen"; refiners learn from ``mocap``, too."""
        if name.endswith(_REFINED):
            return self._refined(name.removesuffix(_REFINED), mocap)
        mode = cast(Mode, name) if name in get_args(Mode) else "self"
        settings = {**self.settings, "init": self.start}
        clips = self.clips
        if name == "unfrozen":
            settings["flip"] = 0.0
        if name == "self, unweighted":
            settings["label_weight"] = "uniform"
        if name == "self, one subject":  # as many steps, and the rate goes down at the same ones
            clips = one_subject(self.clips)
            longer = frames_of(self.clips) / frames_of(clips)
            settings["epochs"] = round(longer * settings["epochs"])
            if "lr_drops" in settings:
                settings["lr_drops"] = tuple(round(longer * epoch) for epoch in settings["lr_drops"])
        if name == "paper's recipe":
            clips = [labels for clip in self.clips if (labels := label_as_paper(clip)) is not None]
            if not clips:
                raise CalibrationError("The paper's recipe finds no cameras for any clip.")
        return self._train(clips, self.folder(name), {**settings, "mode": mode})

    def _refined(self, name: str, mocap: tuple[Path, ...]) -> TrainedPoseNet:
        """A run's network with a refiner, trained on that run's labels and on motion capture if there is any."""
        plain, out = self.folder(name), self.folder(name + _REFINED)
        out.mkdir(parents=True, exist_ok=True)
        for file in ("model.safetensors", "config.json"):
            shutil.copyfile(plain / file, out / file)
        labels = self.clips if name == "self" else [clip / "labels" / name for clip in self.clips]
        refine(labels, out, mocap=mocap, seed=self.settings["seed"])
        return TrainedPoseNet.load(out)

    def folder(self, name: str) -> Path:
        """The folder of a run's network."""
        return self.nets / name

    def log(self, name: str) -> list[EpochLog]:
        """Loss and spread of every epoch of a run."""
        path = self.folder(name) / "log.jsonl"
        return [from_json(EpochLog, json.loads(line), path) for line in path.read_text(encoding="utf-8").splitlines()]

    def _train(self, clips: list[Path], out: Path, settings: dict[str, Any]) -> TrainedPoseNet:
        return train(clips, out, **settings)

    def _pretrained(self) -> Path:
        """The start: trained in 2D alone, on the keypoints of the detector in the same images."""
        out = self.nets / "pretrained"
        small = self.settings["backbone"] == "efficientnet_lite0"
        train([], out, images_2d=self.clips, init="imagenet" if small else None, **self.settings)
        return out


def one_subject(clips: list[Path]) -> list[Path]:
    """The clips of the first one's subject; in footage that names none, every clip has its own."""
    takes = [clip / "take.json" for clip in clips]
    subjects = [read_json(take)["options"]["subject"] if take.exists() else take for take in takes]
    return [clip for clip, subject in zip(clips, subjects, strict=True) if subject == subjects[0]]


def frames_of(clips: list[Path]) -> int:
    """Frames of all clips together."""
    return sum(Clip.load(clip).frames for clip in clips)


def label_as_paper(clip: Path) -> Path | None:
    """The clip folder ``clip/paper``: the same keypoints, cameras by the paper's recipe, labels without a gate.

    None where the recipe finds no cameras.
    """
    out, inputs = clip / "paper", fingerprint([clip / "poses2d.npz", clip / "intrinsics.json"])
    if already_done(out / "paper.json", {}, inputs, (out / "poses3d.npz",)):
        return out
    poses = Poses2D.load(clip / "poses2d.npz")
    rig = paper_recipe(poses, intrinsics_of(clip, poses.views))
    if rig is None:
        return None
    labels = label_poses(poses, rig, gate=NO_GATE, smooth=False)
    with staged(out) as stage:
        Clip.load(clip).write_into(stage)
        poses.save(stage.path("poses2d.npz"))
        rig.save(stage.path("rig.json"))
        labels.save(stage.path("poses3d.npz"))
        write_record(stage.path("paper.json"), {}, inputs)
    return out
