"""Training: labelled clip folders in, a network that reads one image out.

Here is what belongs to files: which labels are used, which folder is whose, what was trained before. The loop itself is
in loop.py. The model folder holds train.json (options), log.jsonl (one line per epoch), checkpoint.pt (while running),
and in the end model.safetensors and config.json.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from epipose.errors import EpiposeError
from epipose.io.files import already_done, fingerprint, read_json, write_record
from epipose.network.imagenet import imagenet_weights
from epipose.network.posenet import PoseNet, TrainedPoseNet, build_posenet, device_named
from epipose.network.pretrained import pretrained_model
from epipose.network.refiner import REFINED
from epipose.skeletons import H36M17
from epipose.training.batches import Shuffled, Source
from epipose.training.checkpoint import remove_checkpoint
from epipose.training.distributed import Team, team
from epipose.training.images_2d import samples_2d
from epipose.training.loop import Recipe, fit
from epipose.training.lr_schedule import Schedule
from epipose.training.samples import LabelWeight, Samples, clip_samples, joined
from epipose.training.supervision import Mode, label_folders


def train(
    folders: Sequence[Path],
    out: Path,
    *,
    mode: Mode = "self",
    images_2d: Sequence[Path] = (),
    stream: Source | None = None,
    prepare: Callable[[Sequence[Path], Mode], list[Path]] = label_folders,
    backbone: str = "resnet50",
    input_size: int = 256,
    depth_bins: int = 64,
    channels: int = 256,
    deconvs: int = 3,
    init: Literal["imagenet", "pretrained"] | Path | None = None,
    frames: tuple[int, int] | None = None,
    views: Sequence[str] | None = None,
    margin: float = 1.25,
    label_weight: LabelWeight = "confidence",
    min_confidence: float = 0.0,
    epochs: int = 140,
    batch_size: int = 32,
    lr: float = 1e-3,
    backbone_lr: float = 1.0,
    frozen_norm: bool = False,
    schedule: Schedule = "steps",
    warmup: float = 0.0,
    lr_drops: Sequence[int] = (90, 120),
    clip_gradient: float = 0.0,
    ema: float = 0.0,
    beta: float = 0.02,
    rotation: float = math.pi / 6,
    scale: tuple[float, float] = (0.8, 1.2),
    shift: float = 0.05,
    colour: tuple[float, float] = (0.8, 1.2),
    occlusion: float = 0.5,
    flip: float = 0.0,
    seed: int = 0,
    device: str = "auto",
    compile: bool = False,
    checkpoint_steps: int | None = None,
    checkpoint_seconds: float = 300.0,
    overwrite: bool = False,
) -> TrainedPoseNet:
    """Train a PoseNet on the labels of clip folders; resumes a run that was cut off, returns a finished one as it is.

    ``mode`` says where labels come from (see `supervision`); ``prepare`` may make the missing ones. Of ``images_2d``
    (see `samples_2d`) only the joints in the image are learned; alone they are a pre-training. ``stream`` takes the
    place of all folders; its ``repr`` stands for it in the record. Sizes are those of `PoseNet`, variations those of
    `augment` (rotation in radians), the way of training is `Recipe`'s; ``frames`` (first, last) and ``views`` say what
    of each clip to use, ``label_weight`` and ``min_confidence`` how labels count. ``init`` is an ImageNet weight file
    of the backbone, "imagenet" to fetch it (only EfficientNet-Lite0's), or the folder of a trained model to go on from;
    "pretrained" is that of the pretrained network. Started by torchrun, all processes train together. Raises
    EpiposeError for unlabelled folders and for an ``out`` with another run's options (unless ``overwrite``).
    """
    options = {key: _plain(value) for key, value in locals().items() if key not in _HOW_ONLY}
    if stream is not None:
        options["stream"] = repr(stream)
    start = pretrained_model() if init == "pretrained" else init
    target = device_named(device)
    recipe = Recipe(
        epochs, batch_size, lr, backbone_lr, frozen_norm, schedule, warmup, tuple(lr_drops), clip_gradient, ema, beta,
        mode == "unfrozen", seed,
    )  # fmt: skip
    variation = {
        "rotation": rotation, "scale": scale, "shift": shift, "colour": colour, "occlusion": occlusion, "flip": flip,
    }  # fmt: skip
    if mode == "unfrozen":  # the way from crop to camera is the box alone
        variation |= {"rotation": 0.0, "scale": (1.0, 1.0), "shift": 0.0, "flip": 0.0}
    _check(folders, images_2d, stream, recipe)
    with team(target) as processes:
        labels = processes.told(prepare(folders, mode) if processes.first else None)
        inputs = fingerprint(_inputs(folders, labels, images_2d, start)) if processes.first else ""
        if processes.told(processes.first and not overwrite and _finished(out, options, inputs)):
            return TrainedPoseNet.load(out)
        source = stream
        if source is None:
            of = {"margin": margin, "min_confidence": min_confidence}
            chosen = {**of, "label_weight": label_weight, "frames": frames, "views": views}
            parts = [
                clip_samples(clip, input_size, labels_in=where, **chosen)
                for clip, where in zip(folders, labels, strict=True)
            ]
            source = Shuffled(_with_2d(parts, images_2d, input_size, margin), seed, pairs=recipe.unfrozen)
        sizes = {"input_size": input_size, "depth_bins": depth_bins, "channels": channels, "deconvs": deconvs}
        net = _network(backbone, len(source.skeleton.joints), sizes, start, seed)
        if processes.first:  # not before everything that can be wrong with the call was tried
            _claim(out, options, inputs, overwrite)
        net = fit(
            net, source, recipe, variation, out, processes, compiled=compile, checkpoint_steps=checkpoint_steps,
            checkpoint_seconds=checkpoint_seconds,
        )  # fmt: skip
        return _trained(net, source, margin, out, processes)


# How and where to run, not what to train. (A GPU computes in bfloat16, so its network is not the CPU's to the last
# bit.)
_HOW_ONLY = (
    "folders", "out", "images_2d", "prepare", "device", "compile", "checkpoint_steps", "checkpoint_seconds", "overwrite",
)  # fmt: skip


def _check(folders: Sequence[Path], images_2d: Sequence[Path], stream: Source | None, recipe: Recipe) -> None:
    if recipe.seed < 0:
        raise EpiposeError(f"Got seed {recipe.seed}; seeds are whole numbers from 0 on.")
    if recipe.batch_size < 1:
        raise EpiposeError(f"Got batch size {recipe.batch_size}; a step needs at least one image, better several.")
    if not 0 <= recipe.ema < 1:
        raise EpiposeError(f"Got an average that keeps {recipe.ema} per step; it must be 0 (off) to less than 1.")
    if recipe.unfrozen and (images_2d or stream is not None or recipe.batch_size % 2):
        raise EpiposeError(
            "The mode 'unfrozen' reads pairs of views: give clip folders alone, and an even batch size "
            f"(got {recipe.batch_size})."
        )
    if stream is None and not folders and not images_2d:
        raise EpiposeError("There is nothing to train on. Give labelled clip folders, or images with 2D poses.")
    if stream is not None and (folders or images_2d):
        raise EpiposeError("Give either a stream or folders to train on, not both.")


def _with_2d(parts: list[Samples], images_2d: Sequence[Path], input_size: int, margin: float) -> Samples:
    """The clips' samples, and those of images with 2D alone in the same joints."""
    skeleton = parts[0].skeleton if parts else H36M17
    flat = [samples_2d(folder, input_size, skeleton=skeleton, margin=margin) for folder in images_2d]
    return joined(parts + flat)


def _network(
    backbone: str, joints: int, sizes: dict[str, int], init: Literal["imagenet"] | Path | None, seed: int
) -> PoseNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = PoseNet(backbone, joints, **sizes)
    if init is not None:
        _initialise(net, imagenet_weights(backbone) if init == "imagenet" else Path(init))
    return net


def _trained(net: PoseNet, source: Source, margin: float, out: Path, processes: Team) -> TrainedPoseNet:
    """The outcome, written by the first process."""
    plain = build_posenet(net.sizes)  # without what training with several processes changed
    plain.load_state_dict({key: value.cpu() for key, value in net.state_dict().items()})
    lengths = torch.from_numpy(source.bone_lengths)
    trained = TrainedPoseNet(plain.eval(), source.skeleton, lengths, source.metric, margin)
    if processes.first:
        trained.save(out)
        remove_checkpoint(out)
    return trained


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple | list) else value


def _inputs(
    folders: Sequence[Path],
    labels: Sequence[Path],
    images_2d: Sequence[Path],
    init: Literal["imagenet"] | Path | None,
) -> list[Path]:
    """The files that decide what is learned: labels, and the weights to begin with (imagenet's never change)."""
    paths = [path for folder, where in zip(folders, labels, strict=True) for path in _needed(folder, where)]
    for folder in images_2d:
        if (folder / "poses2d.npz").exists():
            paths.append(folder / "poses2d.npz")
        elif folder.is_dir():  # a dataset: its annotations and images by their names and sizes
            paths += [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    if init is not None and init != "imagenet":
        weights = Path(init) / "model.safetensors" if Path(init).is_dir() else Path(init)
        paths += [weights] if weights.exists() else []  # reading them says what is wrong
    return paths


def _needed(folder: Path, labels: Path) -> list[Path]:
    paths = [folder / "clip.json", labels / "rig.json", labels / "poses3d.npz"]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise EpiposeError(
            f"{folder} lacks {', '.join(missing)}: training needs a labelled clip. "
            f"Run epipose detect, calibrate and label on it first."
        )
    return paths


def _finished(out: Path, options: dict[str, Any], inputs: str) -> bool:
    """Whether ``out`` holds this very run, finished (the model is written last); another run is refused."""
    record, outputs = out / "train.json", (out / "model.safetensors", out / "config.json")
    if already_done(record, options, inputs, outputs):
        return True
    if record.exists():
        before = read_json(record)
        old = before.get("options", {})
        differing = [f"{key} {old.get(key)} (now {value})" for key, value in options.items() if old.get(key) != value]
        if before.get("inputs") != inputs:
            differing.append("the labels or the initial weights it was trained from")
        if differing:
            raise EpiposeError(
                f"{out} holds a run with other options: {', '.join(differing)}. Give another --out, the same options "
                "to resume it, or --overwrite to replace it."
            )
    elif any(path.exists() for path in outputs):
        raise EpiposeError(
            f"{out} holds a model of which nobody knows the options (no train.json). Give another --out."
        )
    return False


def _claim(out: Path, options: dict[str, Any], inputs: str, overwrite: bool) -> None:
    """Make ``out`` this run's folder: the record comes before the first epoch, so that a cut-off run is known again."""
    if overwrite:
        for name in ("model.safetensors", "config.json", "checkpoint.pt", "log.jsonl", "train.json", *REFINED):
            (out / name).unlink(missing_ok=True)
    if not (out / "train.json").exists():
        write_record(out / "train.json", options, inputs)


def _initialise(net: PoseNet, init: Path) -> None:
    if not init.is_dir():
        return net.backbone.load_imagenet(init)
    before = TrainedPoseNet.load(init)
    old, new = ({**sizes, "input_size": None} for sizes in (before.net.sizes, net.sizes))
    if old != new:  # the network is convolutional: images may be larger than those it began with
        raise EpiposeError(
            f"The model in {init} has sizes {before.net.sizes}; this run has {net.sizes}. Use the same (the input's side "
            "may differ)."
        )
    net.load_state_dict(before.net.state_dict())
