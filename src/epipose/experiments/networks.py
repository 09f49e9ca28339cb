"""The main experiment: the same images, the same network, other labels; and what happens when the 2D is not frozen.

Every network begins at the same 2D pre-training and is trained with the same settings on the same images; only the
labels differ. The test shows other people before other cameras, its boxes come from the detector, and poses are
compared root-relative in the frame of the camera.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.evaluation.bootstrap import bootstrap_mean
from epipose.evaluation.metrics import distances_mm, nmpjpe_mm, pck
from epipose.evaluation.protocols import MIN_JOINTS
from epipose.evaluation.structure_score import fit_structure_score
from epipose.experiments.errors import pose_errors
from epipose.experiments.labels import NO_GATE, lenses, true_rig
from epipose.experiments.paper_recipe import paper_recipe
from epipose.inference.clip_views import predict_clip
from epipose.io.files import already_done, fingerprint, read_json, write_record
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import pretrained_model
from epipose.pipeline.train_clips import train_clips
from epipose.poses import Poses2D, Poses3D, in_camera_frames, poses_that_count
from epipose.reconstruction.label import label_poses
from epipose.skeletons import H36M17
from epipose.training.refine import refine
from epipose.training.supervision import Mode

Size = Literal["small", "paper"]

# "small" learns on a processor in minutes; "paper" is the paper's network and schedule.
SETTINGS: dict[Size, dict[str, Any]] = {
    "small": {
        "backbone": "efficientnet_lite0", "deconvs": 2, "depth_bins": 32, "channels": 128, "input_size": 96,
        "epochs": 5, "batch_size": 32, "backbone_lr": 0.3, "schedule": "cosine", "warmup": 0.2, "clip_gradient": 1.0,
        "occlusion": 0.3, "flip": 0.5,
    },
    "paper": {"backbone": "resnet50", "epochs": 140, "batch_size": 32, "lr": 1e-3, "lr_drops": (90, 120)},
}  # fmt: skip
SELF_RUNS = ("full", "true2d", "self+rig", "self", "self, unweighted", "self, one subject", "paper's recipe")
REFINED = ("full", "self")
_KINDS = 50  # of the Pose Structure Score


class Trainer:
    """Trains the runs of an experiment on the same clips from the same start; what is trained already is loaded."""

    def __init__(self, clips: list[Path], nets: Path, init: Path | None, settings: dict[str, Any], seed: int) -> None:
        self.clips, self.nets = clips, nets
        self.settings = {**settings, "seed": seed}
        self.start = init or self._pretrained()

    def run(self, name: str) -> TrainedPoseNet:
        """The network of a run, one of ``SELF_RUNS`` or "unfrozen"."""
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
                raise EpiposeError("The paper's recipe finds no cameras for any clip.")
        return train_clips(clips, self.folder(name), mode=mode, **settings)

    def refined(self, name: str, mocap: tuple[Path, ...]) -> TrainedPoseNet:
        """A run's network with a refiner that learned from that run's labels, and from motion capture if there is any."""
        plain, out = self.folder(name), self.folder(f"{name}, refined")
        out.mkdir(parents=True, exist_ok=True)
        for file in ("model.safetensors", "config.json"):
            shutil.copyfile(plain / file, out / file)
        labels = self.clips if name == "self" else [clip / "labels" / name for clip in self.clips]
        refine(labels, out, mocap=mocap, seed=self.settings["seed"])
        return TrainedPoseNet.load(out)

    def folder(self, name: str) -> Path:
        """Where a run's network lies."""
        return self.nets / name

    def log(self, name: str) -> list[dict[str, Any]]:
        """The epochs of a run."""
        lines = (self.folder(name) / "log.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def _pretrained(self) -> Path:
        """The start: trained in 2D alone, on the joints that the detector saw in the same images."""
        out = self.nets / "pretrained"
        small = self.settings["backbone"] == "efficientnet_lite0"
        train_clips([], out, images_2d=self.clips, init="imagenet" if small else None, **self.settings)
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
    """``clip/paper``: the same joints, cameras by the paper's recipe, labels from them without a gate; None without any."""
    out, inputs = clip / "paper", fingerprint([clip / "poses2d.npz", clip / "intrinsics.json"])
    if already_done(out / "paper.json", {}, inputs, (out / "poses3d.npz",)):
        return out
    poses = Poses2D.load(clip / "poses2d.npz")
    rig = paper_recipe(poses, lenses(clip, poses.views))
    if rig is None:
        return None
    (out / "paper.json").unlink(missing_ok=True)
    Clip.load(clip).save(out)
    poses.save(out / "poses2d.npz")
    rig.save(out / "rig.json")
    label_poses(poses, rig, gate=NO_GATE).save(out / "poses3d.npz")
    write_record(out / "paper.json", {}, inputs)
    return out


class Examiner:
    """Puts networks to the test on the same images, those in which the detector found somebody.

    Joints that the truth lacks do not count; poses need a root and ten joints. Networks whose labels had no scale have
    no MPJPE and no PCK.
    """

    def __init__(self, clips: list[Path], train_clips: list[Path], seed: int) -> None:
        self.clips = clips
        truths = [true_poses(clip) for clip in clips]
        self.true, self.known = (torch.cat(part) for part in zip(*truths, strict=True))
        self.clip_of = torch.cat([torch.full((len(xyz),), i) for i, (xyz, _) in enumerate(truths)])
        seen, whole = (torch.cat(part) for part in zip(*(true_poses(clip) for clip in train_clips), strict=True))
        self.seen = seen[(whole > 0).all(-1)]
        if not len(self.seen):
            raise EpiposeError("No pose of the training clips has a true place for every joint.")
        self.found = torch.cat([_found(clip) for clip in clips])
        self.structure = fit_structure_score(self.seen, H36M17, min(_KINDS, len(self.seen)), seed=seed)

    def network(self, network: TrainedPoseNet) -> dict[str, Any]:
        """Errors of a network's readings."""
        said = []
        for clip in self.clips:
            xyz, _, _ = predict_clip(clip, network, (0, Clip.load(clip).frames - 1), batch_size=32)
            said.append(xyz.flatten(0, 1))
        return self.errors(torch.cat(said), network.metric)

    def detector(self) -> dict[str, Any] | None:
        """Errors of the detector's own 3D on the same images; None where it has none."""
        poses = [Poses2D.load(clip / "poses2d.npz") for clip in self.clips]
        if any(part.xyz is None for part in poses):
            return None
        return self.errors(torch.cat([detectors_own(part).flatten(0, 1) for part in poses]))

    def mean_pose(self) -> dict[str, Any]:
        """What is reached without a look at the image: the mean of all true training poses as the answer to all."""
        mean = (self.seen - self.seen[:, H36M17.root, None]).mean(0)
        return self.errors(mean.expand_as(self.true))

    def errors(self, said: Float[Tensor, "image joint 3"], metric: bool = True) -> dict[str, Any]:
        """All joints count, the root too. The interval is of NMPJPE, by clip."""
        root = H36M17.root
        chosen = self.found & poses_that_count(self.known, root, MIN_JOINTS)
        p, q, w = said[chosen], self.true[chosen], self.known[chosen]
        interval = bootstrap_mean(nmpjpe_mm(p, q, root, w), self.clip_of[chosen])
        whole = (w > 0).all(-1)
        same = self.structure.score(p[whole], q[whole]).float()
        row = {
            **pose_errors(p, q, w, root),
            "pck_150": float(pck(distances_mm(p, q, root, "root", w), w).mean()),
            "npck_150": float(pck(distances_mm(p, q, root, "scale", w), w).mean()),
            f"pss_{len(self.structure.centres)}": float(same.mean()) if len(same) else None,
            "nmpjpe_interval_mm": [interval.low, interval.high] if interval.groups > 1 else None,
            "found_share": float(self.found.float().mean()),
        }
        return row if metric else {key: value for key, value in row.items() if key not in ("mpjpe_mm", "pck_150")}


def detectors_own(poses: Poses2D) -> Float[Tensor, "view frame joint 3"]:
    """The subject's single-image 3D that the detector itself gave, in the joints of Human3.6M."""
    assert poses.xyz is not None
    return torch.einsum("tj,vfjc->vftc", poses.skeleton.mapping_to(H36M17), poses.xyz[:, :, 0])


def _found(clip: Path) -> Bool[Tensor, " image"]:
    """The images in which the detector saw the subject, view after view."""
    return (Poses2D.load(clip / "poses2d.npz").conf[:, :, 0] > 0).any(-1).flatten()


def true_poses(clip: Path) -> tuple[Float[Tensor, "image joint 3"], Float[Tensor, "image joint"]]:
    """The person as each camera sees them, view after view, and which joints have a truth (1, else 0)."""
    truth, rig = Poses3D.load(clip / "truth" / "poses3d.npz").mapped_to(H36M17), true_rig(clip)
    known = (truth.conf[:, 0] > 0).float().repeat(len(rig.names), 1)
    return in_camera_frames(truth, rig)[:, :, 0].float().flatten(0, 1), known


def self_rows(trainer: Trainer, examiner: Examiner, mocap: tuple[Path, ...]) -> dict[str, Any]:
    """The main table: every way to supervise, refinement, one subject only; and what stands beside them."""
    rows = {name: examiner.network(trainer.run(name)) for name in SELF_RUNS}
    for name in REFINED:
        rows[f"{name}, refined"] = examiner.network(trainer.refined(name, mocap))
    for name in rows:
        rows[name]["ratio_to_full"] = rows[name]["nmpjpe_mm"] / rows["full"]["nmpjpe_mm"]
    pretrained = TrainedPoseNet.load(pretrained_model())
    rows["mean pose"] = examiner.mean_pose()
    rows["pretrained"] = examiner.network(pretrained)
    rows["pretrained, alone"] = examiner.network(replace(pretrained, refiner=None))
    own = examiner.detector()
    return rows | ({"detector's own 3D": own} if own is not None else {})


def collapse_rows(trainer: Trainer, examiner: Examiner) -> dict[str, Any]:
    """The 2D that labels come from frozen, and not: errors, and what the joints spread over, epoch by epoch.

    Images are not turned, scaled, shifted or mirrored where the 2D is not frozen: its labels come from them.
    """
    rows = {}
    for name, run in {"frozen": "self+rig", "unfrozen": "unfrozen"}.items():
        rows[name] = examiner.network(trainer.run(run))
        epochs = trainer.log(run)
        rows[name] |= {key: [epoch[key] for epoch in epochs] for key in ("spread", "loss")}
    return rows
