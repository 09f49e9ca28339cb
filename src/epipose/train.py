"""Training: labelled clip folders in, a network that reads one picture out.

One linear loop. Every random draw is a function of (seed, epoch, sample) and not of what ran before, so a run that was
cut off and resumed gives the same network as one that was not: on a CPU to the last bit. The folder holds train.json
(options), log.jsonl (one line per epoch), checkpoint.pt (while running), and in the end model.safetensors and
config.json.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from tqdm import tqdm

from epipose.data.augment import augment
from epipose.data.samples import WINDOW, Samples, clip_samples, joined
from epipose.errors import EpiposeError
from epipose.files import already_done, fingerprint, read_json, replacing, write_record
from epipose.model.losses import smooth_l1
from epipose.model.posenet import PoseNet, TrainedPoseNet, device_named, to_input
from epipose.model.weights import imagenet_weights


def train(
    folders: Sequence[Path],
    out: Path,
    *,
    backbone: str = "resnet50",
    input_size: int = 256,
    depth_bins: int = 64,
    channels: int = 256,
    deconvs: int = 3,
    init: Literal["imagenet"] | Path | None = None,
    frames: tuple[int, int] | None = None,
    views: Sequence[str] | None = None,
    margin: float = 1.25,
    epochs: int = 140,
    batch_size: int = 32,
    lr: float = 1e-3,
    backbone_lr: float = 1.0,
    frozen_norm: bool = False,
    lr_drops: Sequence[int] = (90, 120),
    beta: float = 0.02,
    rotation: float = math.pi / 6,
    scale: tuple[float, float] = (0.8, 1.2),
    shift: float = 0.05,
    colour: tuple[float, float] = (0.8, 1.2),
    occlusion: float = 0.5,
    flip: float = 0.0,
    seed: int = 0,
    device: str = "auto",
    checkpoint_every: int = 5,
    overwrite: bool = False,
) -> TrainedPoseNet:
    """Train a PoseNet on the labels of clip folders; resumes a run that was cut off, returns a finished one as it is.

    Sizes are those of `PoseNet`, variations those of `augment` (rotation in radians), ``beta`` that of `smooth_l1`;
    ``frames`` (first, last) and ``views`` say what of each clip to use. Adam, with the rate x 0.1 after each epoch of
    ``lr_drops``; the backbone's rate is ``backbone_lr`` times that, and ``frozen_norm`` keeps the statistics of its
    batch normalisation as they were loaded. ``init`` is an ImageNet weight file of the backbone, "imagenet" to fetch it
    (only EfficientNet-Lite0's), or the folder of a trained model to go on from.
    Raises EpiposeError for unlabelled folders and for an ``out`` with another run's options (unless ``overwrite``).
    """
    options = {key: _plain(value) for key, value in locals().items() if key not in _HOW_ONLY}
    target = device_named(device)
    if seed < 0:
        raise EpiposeError(f"Got seed {seed}; seeds are whole numbers from 0 on.")
    if batch_size < 1:
        raise EpiposeError(f"Got batch size {batch_size}; a step needs at least one picture, better several.")
    inputs = fingerprint(_inputs(folders, init))
    if not overwrite and _finished(out, options, inputs):
        return TrainedPoseNet.load(out)
    samples = joined([clip_samples(f, input_size, margin=margin, frames=frames, views=views) for f in folders])

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        joints = len(samples.skeleton.joints)
        net = PoseNet(
            backbone, joints, input_size=input_size, depth_bins=depth_bins, channels=channels, deconvs=deconvs
        )
    if init is not None:
        _initialise(net, imagenet_weights(backbone) if init == "imagenet" else Path(init))
    net.to(target, memory_format=torch.channels_last)  # type: ignore[call-overload]
    head = [*net.head.parameters(), *net.volume.parameters()]
    optimizer = torch.optim.Adam([{"params": list(net.backbone.parameters())}, {"params": head}], lr)
    _claim(out, options, inputs, overwrite)  # not before everything that can be wrong with the call was tried
    first = _resume(out, net, optimizer)
    variation = {
        "rotation": rotation,
        "scale": scale,
        "shift": shift,
        "colour": colour,
        "occlusion": occlusion,
        "flip": flip,
    }
    for module in net.train().backbone.modules():
        if frozen_norm and isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    steps, saved = math.ceil(len(samples) / batch_size), time.monotonic()
    with tqdm(total=epochs * steps, initial=first * steps, desc="train", unit="step", delay=2, disable=None) as bar:
        for epoch in range(first, epochs):
            rate = lr * 0.1 ** sum(epoch >= drop for drop in lr_drops)
            for group, share in zip(optimizer.param_groups, (backbone_lr, 1.0), strict=True):
                group["lr"] = share * rate
            started = time.perf_counter()
            batches = _batches(samples, input_size, steps, (seed, epoch), variation, pin=target.type == "cuda")
            loss = _one_epoch(net, optimizer, batches, target, beta, bar, epoch + 1)
            seconds = time.perf_counter() - started
            _log(out, epoch=epoch, loss=loss, lr=rate, seconds=seconds, images_per_second=len(samples) / seconds)
            due = (epoch + 1) % checkpoint_every == 0 or time.monotonic() - saved > _CHECKPOINT_SECONDS
            if due and epoch + 1 < epochs:
                _checkpoint(out, net, optimizer, epoch + 1)
                saved = time.monotonic()

    lengths = torch.from_numpy(samples.bone_lengths)
    trained = TrainedPoseNet(net.cpu().eval(), samples.skeleton, lengths, samples.metric, margin)
    trained.save(out)
    (out / "checkpoint.pt").unlink(missing_ok=True)
    return trained


# How and where to run, not what to train. (A GPU computes in bfloat16, so its network is not the CPU's to the last bit.)
_HOW_ONLY = ("folders", "out", "device", "checkpoint_every", "overwrite")
_CHECKPOINT_SECONDS = 600.0  # with slow epochs, a checkpoint is written after fewer than checkpoint_every
_AHEAD = 4  # batches that are prepared while the network works on one


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple | list) else value


def _inputs(folders: Sequence[Path], init: Literal["imagenet"] | Path | None) -> list[Path]:
    """The files that decide what is learned: labels, and the weights to begin with (imagenet's never change)."""
    paths = [folder / name for folder in folders for name in _needed(folder)]
    if init is not None and init != "imagenet":
        weights = Path(init) / "model.safetensors" if Path(init).is_dir() else Path(init)
        paths += [weights] if weights.exists() else []  # reading them says what is wrong
    return paths


def _needed(folder: Path) -> tuple[str, ...]:
    names = ("clip.json", "rig.json", "poses3d.npz")
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise EpiposeError(
            f"{folder} lacks {', '.join(missing)}: training needs a labelled clip. "
            f"Run epipose detect, calibrate and label on it first."
        )
    return names


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
        for name in ("model.safetensors", "config.json", "checkpoint.pt", "log.jsonl", "train.json"):
            (out / name).unlink(missing_ok=True)
    if not (out / "train.json").exists():
        write_record(out / "train.json", options, inputs)


def _initialise(net: PoseNet, init: Path) -> None:
    if not init.is_dir():
        return net.backbone.load_imagenet(init)
    before = TrainedPoseNet.load(init)
    if before.net.sizes != net.sizes:
        raise EpiposeError(f"The model in {init} has sizes {before.net.sizes}; this run has {net.sizes}. Use the same.")
    net.load_state_dict(before.net.state_dict())


def _batches(
    samples: Samples, size: int, steps: int, seed: tuple[int, int], variation: dict[str, Any], *, pin: bool = False
) -> Iterator[tuple[UInt8[Tensor, "batch size size 3"], Float[Tensor, "batch joint 3"], Float[Tensor, "batch joint"]]]:
    """Augmented samples in random order, in ``steps`` batches as even as can be (batch normalisation needs several).

    Threads prepare the next ones while the network works on one. ``pin`` puts them where a GPU can fetch them by itself.
    """

    def prepare(index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng((*seed, 1 + index))  # (*seed, 0) would be the stream of (*seed,)
        return augment(
            samples.stored(index),
            samples.uvd[index],
            samples.weight[index],
            size,
            rng,
            window=WINDOW,
            flip_order=samples.skeleton.flip,
            **variation,
        )

    order = np.random.default_rng(seed).permutation(len(samples))
    with ThreadPoolExecutor() as pool:
        chunks = ([pool.submit(prepare, int(index)) for index in chunk] for chunk in np.array_split(order, steps))
        waiting = deque(itertools.islice(chunks, _AHEAD))
        while waiting:
            parts = zip(*(future.result() for future in waiting.popleft()), strict=True)
            waiting.extend(itertools.islice(chunks, 1))
            batch = [torch.from_numpy(np.stack(part)) for part in parts]
            yield tuple(part.pin_memory() if pin else part for part in batch)  # type: ignore[misc]


def _one_epoch(
    net: PoseNet,
    optimizer: torch.optim.Optimizer,
    batches: Iterator,
    target: torch.device,
    beta: float,
    bar: tqdm,
    epoch: int,
) -> float:
    """Mean loss over the epoch's batches."""
    losses = []
    for pictures, uvd, weight in batches:
        pictures, uvd, weight = (part.to(target, non_blocking=True) for part in (pictures, uvd, weight))
        with torch.autocast(target.type, torch.bfloat16, enabled=target.type == "cuda"):  # on CPUs bf16 was slower
            predicted, _ = net(to_input(pictures))
        loss = smooth_l1(predicted, uvd, weight, beta)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if bar.update():  # only where it was drawn: to read the loss is to wait for the GPU
            bar.set_postfix(epoch=epoch, loss=f"{float(losses[-1]):.4f}", refresh=False)
    mean = float(torch.stack(losses).mean())
    if not math.isfinite(mean):
        raise EpiposeError(
            "The loss became infinite: training diverged. Use a smaller learning rate, in another --out."
        )
    return mean


def _log(out: Path, epoch: int, **values: float) -> None:
    with (out / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"epoch": epoch, **{key: float(f"{value:.6g}") for key, value in values.items()}}) + "\n")


def _checkpoint(out: Path, net: PoseNet, optimizer: torch.optim.Optimizer, epoch: int) -> None:
    with replacing(out / "checkpoint.pt") as part:
        torch.save({"epoch": epoch, "net": net.state_dict(), "optimizer": optimizer.state_dict()}, part)


def _resume(out: Path, net: PoseNet, optimizer: torch.optim.Optimizer) -> int:
    """Load the checkpoint where there is one and cut the log back to it; the epoch to go on with."""
    path, log, epoch = out / "checkpoint.pt", out / "log.jsonl", 0
    if path.exists():
        state = torch.load(path, map_location="cpu", weights_only=True)  # loading moves what belongs on the GPU
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        epoch = int(state["epoch"])
    if log.exists():
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)[:epoch]
        with replacing(log) as part:
            part.write_text("".join(lines), encoding="utf-8")
    return epoch
