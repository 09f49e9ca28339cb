"""Training and evaluation of heads on the readings of a frozen landmark network: other labels, the same readings.

In every epoch each image appears in one of its variations, in turn. Targets are the labels in the detector's boxes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from epipose.camera import Camera, Rig, cat_cameras
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.experiments.landmark_readings import LandmarkReadings, cat_tokens, subject_of, tokens_at
from epipose.experiments.network_evaluator import NetworkEvaluator
from epipose.experiments.rows import EpochLog
from epipose.experiments.trainer import Trainer
from epipose.inference.clip_views import intrinsics_file
from epipose.inference.lift import lift
from epipose.io.files import already_done, fingerprint, write_record
from epipose.io.options import with_changes
from epipose.io.records import as_json
from epipose.io.staged import staged
from epipose.network.config import HeadSizes
from epipose.network.crops import pose_to_crop
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.posenet import TrainedPoseNet, build_posenet
from epipose.network.refiner import REFINED
from epipose.network.token_head import LandmarkTokens, TokenHead
from epipose.pipeline.train import labelled
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from epipose.training.batches import epoch_order
from epipose.training.losses import smooth_l1, spread
from epipose.training.lr_schedule import rate
from epipose.training.options import LabelWeight, TrainOptions
from epipose.training.samples import median_bone_lengths, weighted_labels
from epipose.training.self_targets import own_targets

_MIN_LABELLED = 0.7  # of the joints, as for every training
_BATCH = 64


class HeadSamples(NamedTuple):
    """Images in one variation: what a head reads, (u, v, d) and their weights, boxes and cameras; moments by number."""

    tokens: LandmarkTokens
    uvd: Float[Tensor, "image joint 3"]
    weight: Float[Tensor, "image joint 2"]
    box: Float[Tensor, "image 4"]
    camera: Camera
    moment: Int[np.ndarray, " image"]


class ClipLabels(NamedTuple):
    """Labels of the images that can be learned from, in the detector's boxes; ``row`` counts them view after view."""

    row: Int[Tensor, " image"]
    uvd: Float[Tensor, "image joint 3"]
    weight: Float[Tensor, "image joint 2"]
    box: Float[Tensor, "image 4"]
    camera: Camera
    frame: Int[Tensor, " image"]
    bone_lengths: Float[Tensor, " bone"]
    metric: bool


class HeadTrainer(Trainer):
    """Training runs of heads: ``settings`` as for `Trainer`, and ``variations``, in how many each image appears."""

    def __init__(self, clips: list[Path], nets: Path, init: Path | None, settings: dict[str, Any], seed: int) -> None:
        super().__init__(clips, nets, init, settings, seed)
        self.readings = LandmarkReadings(nets / "readings", _options({**settings, "seed": seed}))

    def _train(self, clips: list[Path], out: Path, settings: dict[str, Any]) -> TrainedPoseNet:
        options, variations = _options(settings), int(settings["variations"])
        labels = labelled(clips, options.mode)
        inputs = fingerprint(
            [folder / name for folder in labels for name in ("poses3d.npz", "rig.json")]
            + [clip / "poses2d.npz" for clip in clips]
            + ([] if options.init is None else [Path(options.init) / "model.safetensors"])
        )
        record = {name: str(value) for name, value in asdict(options).items()} | {"variations": variations}
        if already_done(out / "train.json", record, inputs, (out / "model.safetensors",)):
            return TrainedPoseNet.load(out)
        of_clips = [clip_labels(clip, where, options.label_weight) for clip, where in zip(clips, labels, strict=True)]
        samples = [
            _samples(self.readings, clips, of_clips, number) for number in range(1 if options.unfrozen else variations)
        ]
        net = _new(options)
        log = fit_head(net.head, samples, options)
        metric = all(one.metric for one in of_clips)
        trained = TrainedPoseNet(net.eval(), H36M17, _bone_lengths(of_clips, metric), metric, options.margin)
        lines = [json.dumps({"epoch": epoch, **as_json(line)}) + "\n" for epoch, line in enumerate(log)]
        with staged(out, removes=REFINED) as stage:
            trained.write_into(stage)
            stage.path("log.jsonl").write_text("".join(lines), encoding="utf-8")
            write_record(stage.path("train.json"), record, inputs)
        return TrainedPoseNet.load(out)


class HeadEvaluator(NetworkEvaluator):
    """Errors of networks on one landmark network, which reads the test images once for all of them."""

    def __init__(self, clips: list[Path], train_clips: list[Path], seed: int, readings: LandmarkReadings) -> None:
        super().__init__(clips, train_clips, seed)
        self.readings = readings

    def _predicted(self, clip: Path, network: TrainedPoseNet) -> Float[Tensor, "image joint 3"]:
        net = network.net
        if not isinstance(net, LandmarkPoseNet) or net.sizes.backbone != self.readings.options.backbone:
            return super()._predicted(clip, network)
        tokens, person = self.readings.tokens(clip), subject_of(clip)
        rig = Rig.load(intrinsics_file(clip), intrinsics_only=True).select(Clip.load(clip).names)
        view = torch.arange(len(rig.names)).repeat_interleave(len(person.box) // len(rig.names))
        poses = []
        for rows in torch.arange(len(view)).split(_BATCH):
            with torch.inference_mode():
                reading = net.head.cpu().eval().read(tokens_at(tokens, rows))
            own = type(person)(*(field[rows] for field in person))
            poses.append(lift(network, reading, own.box, rig.camera[view[rows]], own).xyz)
        return torch.cat(poses)


def clip_labels(clip: Path, labels_in: Path, label_weight: LabelWeight = "confidence") -> ClipLabels:
    """The labels of a clip in the boxes of its detected subject.

    An image needs a box, the root, and seven in ten joints labelled. Raises InputError where no image has them.
    """
    everybody = weighted_labels(Poses3D.load(labels_in / "poses3d.npz").mapped_to(H36M17), label_weight, 0.0)
    labels = replace(everybody, xyz=everybody.xyz[:, :1], conf=everybody.conf[:, :1])
    names = Clip.load(clip).names
    rig, root = Rig.load(labels_in / "rig.json").select(names), labels.skeleton.root
    camera, box = rig.camera.to(torch.float32), subject_of(clip).box.unflatten(0, (len(names), -1))
    late = torch.as_tensor(rig.lag).round().long()  # a view that is late shows the labelled moment in a later image
    frames = len(labels.xyz)
    moment = (torch.arange(frames) - late[:, None]).clamp(0, frames - 1)
    in_frame = torch.stack([camera[view].into_frame(labels.xyz[moment[view], 0]) for view in range(len(names))])
    conf = labels.conf[:, 0][moment] * (in_frame[..., 2] > 0)
    enough = ((conf > 0).float().mean(-1) >= _MIN_LABELLED) & (conf[..., root] > 0) & (box[..., 2] > 0)
    view, frame = enough.nonzero(as_tuple=True)
    if not len(view):
        raise InputError(f"{clip}: no image has a box and enough labelled joints. Look at its labels: epipose view.")
    camera, box, conf = camera[view], box[view, frame], conf[view, frame]
    xyz = torch.where(conf[..., None] > 0, in_frame[view, frame], torch.ones(()))
    uvd = pose_to_crop(xyz, camera, box, root)
    row = view * frames + frame
    weight = conf[..., None].expand(*conf.shape, 2)
    lengths = torch.from_numpy(median_bone_lengths(labels, 0, frames - 1))
    return ClipLabels(row, uvd, weight, box, camera, moment[view, frame], lengths, labels.metric)


def fit_head(head: TokenHead, samples: Sequence[HeadSamples], options: TrainOptions) -> list[EpochLog]:
    """Train a head on images, which are the same in all ``samples``: in epoch k in the variation k modulo their number.

    Loss, schedule and the targets of the mode "unfrozen" are those of `epipose.training.loop`. Loss and spread of every
    epoch.
    """
    head.train()
    optimizer = torch.optim.Adam(head.parameters(), options.lr)
    moment, log = samples[0].moment if options.unfrozen else None, []
    for epoch in range(options.epochs):
        part = samples[epoch % len(samples)]
        order = epoch_order(len(part.uvd), options.seed, epoch, moment)
        steps = -(-order.size // options.batch_size)
        sums = torch.zeros(2)
        for number, rows in enumerate(np.array_split(order, steps)):
            step = epoch * steps + number
            factor = rate(step, steps, options.epochs, options.schedule, options.warmup, options.lr_drops)
            for group in optimizer.param_groups:
                group["lr"] = factor * options.lr
            sums += _step(head, optimizer, part, torch.from_numpy(rows.ravel()), options)
        log.append(EpochLog(*(sums / steps).tolist()))
    return log


def _step(
    head: TokenHead, optimizer: torch.optim.Optimizer, part: HeadSamples, rows: Tensor, options: TrainOptions
) -> Float[Tensor, "2"]:
    """One step on these images; loss and spread."""
    predicted = head.read(tokens_at(part.tokens, rows)).uvd
    target, weight = part.uvd[rows], part.weight[rows]
    if options.unfrozen:
        target, weight = own_targets(predicted[..., :2], part.box[rows], part.camera[rows], H36M17.root)
    error, counted = smooth_l1(predicted, target, weight, options.beta)
    loss = error / counted.clamp(min=1e-6)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if options.clip_gradient > 0:
        torch.nn.utils.clip_grad_norm_(head.parameters(), options.clip_gradient)
    optimizer.step()
    return torch.stack([loss.detach(), spread(predicted)])


def _samples(
    readings: LandmarkReadings, clips: Sequence[Path], of_clips: Sequence[ClipLabels], number: int
) -> HeadSamples:
    """All clips' images in one variation; labels move with their images."""
    parts = []
    for k, (clip, labels) in enumerate(zip(clips, of_clips, strict=True)):
        tokens = readings.tokens(clip, number)
        tokens = LandmarkTokens(*(_rows(field, labels.row) for field in tokens))
        uvd, weight = labels.uvd, labels.weight * (labels.uvd.abs() < 0.5).all(-1, keepdim=True)
        if number:
            moved = [
                readings.variation(number, int(row)).pose(pose.numpy(), w.numpy(), H36M17.flip)
                for row, pose, w in zip(labels.row, labels.uvd, labels.weight, strict=True)
            ]
            uvd, weight = (torch.from_numpy(np.stack(field)).float() for field in zip(*moved, strict=True))
        parts.append((tokens, uvd, weight, labels.box, labels.frame + 10**6 * k))
    tokens, uvd, weight, box, moment = zip(*parts, strict=True)
    cameras = cat_cameras([labels.camera for labels in of_clips])
    return HeadSamples(
        cat_tokens(list(tokens)), torch.cat(uvd), torch.cat(weight), torch.cat(box), cameras, torch.cat(moment).numpy()
    )


def _rows(field: Any, rows: Tensor) -> Any:
    return tuple(part[rows] for part in field) if isinstance(field, tuple) else field[rows]


def _bone_lengths(of_clips: Sequence[ClipLabels], metric: bool) -> Float[Tensor, " bone"]:
    """Mean over the images where all clips are metric, else the first clip's: their units differ."""
    if not metric:
        return of_clips[0].bone_lengths
    lengths = torch.stack([one.bone_lengths for one in of_clips])
    images = torch.tensor([[float(len(one.row))] for one in of_clips]) * (lengths > 0)
    return (images * lengths).sum(0) / images.sum(0).clamp(min=1)


def _options(settings: dict[str, Any]) -> TrainOptions:
    return with_changes(TrainOptions(), {name: value for name, value in settings.items() if name != "variations"})


def _new(options: TrainOptions) -> LandmarkPoseNet:
    """A network with a new head, from the options' seed, or with that of their ``init``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        sizes = HeadSizes(options.backbone, len(H36M17.joints), options.input_size, options.channels, options.layers)
        net = build_posenet(sizes)
    assert isinstance(net, LandmarkPoseNet)
    if options.init is not None:
        net.load_own_state(TrainedPoseNet.load(Path(options.init)).net.own_state())
    return net
