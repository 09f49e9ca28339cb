"""Training of the single-image network: labelled clip folders in, a trained PoseNet out.

Here is which labels are used and where the network starts. Which folder is whose is in model_folder.py, the loop itself
in loop.py. The model folder holds train.json (options), log.jsonl (one line per epoch), checkpoint.pt (while running),
and in the end model.safetensors and config.json.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch

from epipose.errors import InputError
from epipose.io.files import AnyPath, as_paths, fingerprint
from epipose.io.lock import folder_lock
from epipose.io.options import with_changes
from epipose.network.choices import on_landmarks
from epipose.network.config import HeadSizes, PoseNetSizes
from epipose.network.devices import device_named
from epipose.network.imagenet import imagenet_weights
from epipose.network.landmark_posenet import LandmarkPoseNet, variant_of
from epipose.network.posenet import Net, TrainedPoseNet, build_posenet
from epipose.network.pretrained import pretrained_model
from epipose.training.batches import Source
from epipose.training.clip_source import clips_source
from epipose.training.distributed import process_group
from epipose.training.loop import fit
from epipose.training.model_folder import check_options, claimed, finish, finished
from epipose.training.options import Mode, TrainOptions
from epipose.training.supervision import label_folders

_DEFAULTS = TrainOptions()
# How and where to run, not what to train; and what the fingerprint of the inputs covers. (A GPU computes in bfloat16,
# so its network is not the CPU's to the last bit.)
_NOT_RECORDED = ("images_2d", "device", "compile", "checkpoint_steps", "checkpoint_seconds", "overwrite")

Prepare = Callable[[Sequence[Path], Mode], list[Path]]


def train_network(
    folders: AnyPath | Sequence[AnyPath],
    out: AnyPath,
    options: TrainOptions = _DEFAULTS,
    *,
    stream: Source | None = None,
    prepare: Prepare = label_folders,
    **changes: Any,
) -> TrainedPoseNet:
    """Train a PoseNet on the labels of clip folders; resumes a run that was cut off, returns a finished one as it is.

    ``changes`` are fields of ``options`` by name. ``stream`` takes the place of all folders; its ``repr`` stands for it
    in the record. ``prepare`` returns the folder of every clip's labels, and may make the missing ones. Started by
    torchrun, all processes train together. Raises InputError for unlabelled folders, for options that cannot be, and
    for an ``out`` with another run's options (unless ``overwrite``).
    """
    options, folders, out = with_changes(options, changes), as_paths(folders), Path(out)
    start = _pretrained(options) if options.init == "pretrained" else options.init
    target = device_named(options.device)
    _check(folders, stream, options)
    record = _record(options, stream)
    if not options.overwrite:
        check_options(out, record)
    with process_group(target) as processes, folder_lock(out) if processes.first else nullcontext():
        labels = processes.broadcast(prepare(folders, options.mode) if processes.first else None)
        inputs = fingerprint(_inputs(folders, labels, options.images_2d, start)) if processes.first else ""
        done = processes.first and not options.overwrite and finished(out, record, inputs)
        if processes.broadcast(done):
            return TrainedPoseNet.load(out)
        source = clips_source(folders, labels, options) if stream is None else stream
        net = _network(len(source.skeleton.joints), start, options)
        initial = {key: value.clone() for key, value in net.own_state().items()} if options.keep_initial else {}
        # not before everything that can be wrong with the call was tried
        work = processes.broadcast(claimed(out, record, inputs, options.overwrite) if processes.first else None)
        net = fit(net, source, options, work, processes)
        keep_share(net, initial, options.keep_initial)
        trained = _trained(net, source, options.margin)
        if processes.first:
            finish(trained, out, work)
        return trained


def _pretrained(options: TrainOptions) -> Path:
    if not on_landmarks(options.backbone):
        raise InputError(
            f"The pretrained networks are on blazepose_full and blazepose_heavy, not on {options.backbone}. Give one of "
            "these as --backbone, or another --init."
        )
    return pretrained_model(variant_of(options.backbone))


def _record(options: TrainOptions, stream: Source | None) -> dict[str, Any]:
    """The options that decide what is learned, as JSON gives them back."""
    recorded = {name: value for name, value in asdict(options).items() if name not in _NOT_RECORDED}
    return {name: _plain(value) for name, value in recorded.items()} | {
        "stream": None if stream is None else repr(stream)
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value


def _check(folders: Sequence[Path], stream: Source | None, options: TrainOptions) -> None:
    if options.keep_initial and not (on_landmarks(options.backbone) and options.init):
        raise InputError(
            f"Got {options.keep_initial} of the initial weights to keep, which is for a network that goes on from another "
            "--init on a landmark network (blazepose_full, blazepose_heavy)."
        )
    for name, (low, high) in {"scale": options.scale, "colour": options.colour}.items():
        if low > high:
            raise InputError(f"The option '{name}' is {low:g} to {high:g}; expected the smaller factor first.")
    if options.frames is not None and options.frames[0] > options.frames[1]:
        raise InputError(f"Got frames {options.frames[0]} to {options.frames[1]}; give the first and the last.")
    if options.unfrozen and (options.images_2d or stream is not None or options.batch_size % 2):
        raise InputError(
            "The mode 'unfrozen' needs pairs of views: give clip folders alone, and an even batch size "
            f"(got {options.batch_size})."
        )
    if options.drawn and (options.unfrozen or stream is not None or options.batch_size < 2):
        raise InputError(
            "--drawn adds drawn people to batches of two or more images of clips: it does not go with the mode 'unfrozen', "
            "nor with a stream, which is drawn as a whole."
        )
    if stream is None and not folders and not options.images_2d:
        raise InputError("There is nothing to train on. Give labelled clip folders, or images with 2D poses.")
    if stream is not None and (folders or options.images_2d):
        raise InputError("Give either a stream or folders to train on, not both.")


def _sizes(joints: int, options: TrainOptions) -> PoseNetSizes | HeadSizes:
    if on_landmarks(options.backbone):
        return HeadSizes(options.backbone, joints, options.input_size, options.channels, options.layers)
    return PoseNetSizes(
        options.backbone, joints, options.input_size, options.depth_bins, options.channels, options.deconvs
    )


def _network(joints: int, init: Literal["imagenet"] | Path | None, options: TrainOptions) -> Net:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        net = build_posenet(_sizes(joints, options))
    if init is not None:
        _initialise(net, imagenet_weights(options.backbone) if init == "imagenet" else Path(init))
    return net


def _initialise(net: Net, init: Path) -> None:
    if not init.is_dir():
        if isinstance(net, LandmarkPoseNet):
            raise InputError(f"{net.sizes.backbone} has its own weights, and takes none from {init}. Leave out --init.")
        return net.backbone.load_imagenet(init)
    before = TrainedPoseNet.load(init)
    old, new = ({**asdict(sizes), "input_size": None} for sizes in (before.net.sizes, net.sizes))
    if old != new:  # the network is convolutional: images may be larger than those it began with
        raise InputError(
            f"The model in {init} has sizes {asdict(before.net.sizes)}; this run has {asdict(net.sizes)}. Use the same "
            "(the input's side may differ)."
        )
    net.load_own_state(before.net.own_state())


def keep_share(net: Net, initial: Mapping[str, torch.Tensor], share: float) -> None:
    """Take the average of the weights before and after (WiSE-FT, Wortsman et al. 2022), in place."""
    state = net.own_state()
    if initial:
        net.load_own_state({key: value.lerp(initial[key].to(value), share) for key, value in state.items()})


def _trained(net: Net, source: Source, margin: float) -> TrainedPoseNet:
    plain = build_posenet(net.sizes)  # without what training with several processes changed
    plain.load_own_state({key: value.cpu() for key, value in net.own_state().items()})
    lengths = torch.from_numpy(source.bone_lengths)
    return TrainedPoseNet(plain.eval(), source.skeleton, lengths, source.metric, margin)


def _inputs(
    folders: Sequence[Path],
    labels: Sequence[Path],
    images_2d: Sequence[Path],
    init: Literal["imagenet"] | Path | None,
) -> list[Path]:
    """The files that decide what is learned: labels, and the initial weights (imagenet's never change)."""
    paths = [path for folder, where in zip(folders, labels, strict=True) for path in _needed(folder, where)]
    for folder in images_2d:
        if (folder / "poses2d.npz").exists():
            paths.append(folder / "poses2d.npz")
        elif folder.is_dir():  # a dataset: its annotations and images by their names and sizes
            paths += [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    if init is not None and init != "imagenet":
        weights = Path(init) / "model.safetensors" if Path(init).is_dir() else Path(init)
        paths += [weights] if weights.exists() else []  # loading them says what is wrong
    return paths


def _needed(folder: Path, labels: Path) -> list[Path]:
    paths = [folder / "clip.json", labels / "rig.json", labels / "poses3d.npz"]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise InputError(
            f"{folder} lacks {', '.join(missing)}: training needs a labelled clip. "
            f"Run epipose detect, calibrate and label on it first."
        )
    return paths


def check_folder_of_run(out: AnyPath, options: TrainOptions) -> None:
    """Raise InputError where a model folder holds another run, as far as options tell; no label is read."""
    if not options.overwrite:
        check_options(Path(out), _record(options, None))
