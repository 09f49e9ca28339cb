"""Training: labelled clip folders in, a network that reads one picture out.

One linear loop. Every random draw is a function of (seed, epoch, sample) and not of what ran before, so a run that was
cut off and resumed gives the same network as one that was not: on a CPU to the last bit. The folder holds train.json
(options), log.jsonl (one line per epoch), checkpoint.pt (while running), and in the end model.safetensors and
config.json.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

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
from epipose.model.posenet import PoseNet, TrainedPoseNet, to_input


def train(
    folders: Sequence[Path],
    out: Path,
    *,
    backbone: str = "resnet50",
    input_size: int = 256,
    depth_bins: int = 64,
    channels: int = 256,
    deconvs: int = 3,
    init: Path | None = None,
    frames: tuple[int, int] | None = None,
    views: Sequence[str] | None = None,
    margin: float = 1.25,
    epochs: int = 140,
    batch_size: int = 32,
    lr: float = 1e-3,
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
    ``lr_drops``. ``init`` is an ImageNet weight file of the backbone, or the folder of a trained model to go on from.
    Raises EpiposeError for unlabelled folders and for an ``out`` with another run's options (unless ``overwrite``).
    """
    options = {key: _plain(value) for key, value in locals().items() if key not in _HOW_ONLY}
    inputs = fingerprint([folder / name for folder in folders for name in _needed(folder)])
    if _claim(out, options, inputs, overwrite):
        return TrainedPoseNet.load(out)
    samples = joined([clip_samples(f, input_size, margin=margin, frames=frames, views=views) for f in folders])

    target = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        joints = len(samples.skeleton.joints)
        net = PoseNet(
            backbone, joints, input_size=input_size, depth_bins=depth_bins, channels=channels, deconvs=deconvs
        )
    if init is not None:
        _initialise(net, init)
    net.to(target, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(net.parameters(), lr)
    first = _resume(out, net, optimizer, target)
    variation = {
        "rotation": rotation,
        "scale": scale,
        "shift": shift,
        "colour": colour,
        "occlusion": occlusion,
        "flip": flip,
    }
    with tqdm(total=epochs, initial=first, desc="train", unit="epoch", delay=2, disable=None) as bar:
        for epoch in range(first, epochs):
            rate = lr * 0.1 ** sum(epoch >= drop for drop in lr_drops)
            optimizer.param_groups[0]["lr"] = rate
            started = time.perf_counter()
            batches = _batches(samples, input_size, batch_size, (seed, epoch), variation)
            loss = _one_epoch(net, optimizer, batches, target, beta)
            seconds = time.perf_counter() - started
            _log(out, epoch=epoch, loss=loss, lr=rate, seconds=seconds, images_per_second=len(samples) / seconds)
            bar.set_postfix(loss=f"{loss:.4f}")
            bar.update()
            if (epoch + 1) % checkpoint_every == 0 and epoch + 1 < epochs:
                _checkpoint(out, net, optimizer, epoch + 1)

    lengths = torch.from_numpy(samples.bone_lengths)
    trained = TrainedPoseNet(net.cpu().eval(), samples.skeleton, lengths, samples.metric, margin)
    trained.save(out)
    (out / "checkpoint.pt").unlink(missing_ok=True)
    return trained


_HOW_ONLY = ("folders", "out", "device", "checkpoint_every", "overwrite")  # what does not change the outcome


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple | list) else value


def _needed(folder: Path) -> tuple[str, ...]:
    names = ("clip.json", "rig.json", "poses3d.npz")
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise EpiposeError(
            f"{folder} lacks {', '.join(missing)}: training needs a labelled clip. "
            f"Run epipose detect, calibrate and label on it first."
        )
    return names


def _claim(out: Path, options: dict[str, Any], inputs: str, overwrite: bool) -> bool:
    """Whether ``out`` holds this very run, finished; otherwise make it this run's folder, or refuse another's.

    The record is written before the first epoch, so that a run that was cut off is known again. A finished run has
    its model too, which is written last.
    """
    record, outputs = out / "train.json", (out / "model.safetensors", out / "config.json")
    leftovers = [*outputs, out / "checkpoint.pt", out / "log.jsonl", record]
    if overwrite:
        for path in leftovers:
            path.unlink(missing_ok=True)
    if already_done(record, options, inputs, outputs):
        return True
    if record.exists():
        before = read_json(record)
        old = before.get("options", {})
        differing = [f"{key} {old.get(key)} (now {value})" for key, value in options.items() if old.get(key) != value]
        if before.get("inputs") != inputs:
            differing.append("the labels it was trained on")
        if differing:
            raise EpiposeError(
                f"{out} holds a run with other options: {', '.join(differing)}. Give another --out, the same options "
                "to resume it, or --overwrite to replace it."
            )
    elif any(path.exists() for path in outputs):
        raise EpiposeError(
            f"{out} holds a model of which nobody knows the options (no train.json). Give another --out."
        )
    else:
        write_record(record, options, inputs)
    return False


def _initialise(net: PoseNet, init: Path) -> None:
    if not init.is_dir():
        return net.backbone.load_imagenet(init)
    before = TrainedPoseNet.load(init)
    if before.net.sizes != net.sizes:
        raise EpiposeError(f"The model in {init} has sizes {before.net.sizes}; this run has {net.sizes}. Use the same.")
    net.load_state_dict(before.net.state_dict())


def _batches(
    samples: Samples, size: int, batch_size: int, seed: tuple[int, int], variation: dict[str, Any]
) -> Iterator[tuple[UInt8[Tensor, "batch size size 3"], Float[Tensor, "batch joint 3"], Float[Tensor, "batch joint"]]]:
    """Augmented samples in random order; the next batch is prepared by threads while the network works on this one."""

    def prepare(index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng((*seed, index))
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
    chunks = [order[start : start + batch_size].tolist() for start in range(0, len(order), batch_size)]
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(prepare, index) for index in chunks[0]]
        for following in [*chunks[1:], []]:
            ready, waiting = waiting, [pool.submit(prepare, index) for index in following]
            pictures, uvd, weight = zip(*(future.result() for future in ready), strict=True)
            yield tuple(torch.from_numpy(np.stack(part)) for part in (pictures, uvd, weight))  # type: ignore[misc]


def _one_epoch(
    net: PoseNet, optimizer: torch.optim.Optimizer, batches: Iterator, target: torch.device, beta: float
) -> float:
    """Mean loss over the epoch's batches."""
    net.train()
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


def _resume(out: Path, net: PoseNet, optimizer: torch.optim.Optimizer, target: torch.device) -> int:
    """Load the checkpoint where there is one and cut the log back to it; the epoch to go on with."""
    path, log, epoch = out / "checkpoint.pt", out / "log.jsonl", 0
    if path.exists():
        state = torch.load(path, map_location=target, weights_only=True)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        epoch = int(state["epoch"])
    if log.exists():
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)[:epoch]
        with replacing(log) as part:
            part.write_text("".join(lines), encoding="utf-8")
    return epoch
