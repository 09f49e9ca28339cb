"""Training of the refiner on motion, captured or labelled, without images.

Poses come from motion capture (played by the studio's bodies), from the labels that geometry gave a clip, or from both;
each is seen by a new virtual camera every time (`virtual_views`), with errors that a real detector and the pretrained
network made at similar poses (`error_bank`), and the refiner learns to recover it. On labels of a few dozen frames it
learns how this person moves, also for viewpoints where none of the cameras stood. Poses kept out say whether it helps.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import EpiposeError, InputError
from epipose.geometry.rotation import rotation_to_z
from epipose.io.files import AnyPath, already_done, as_paths, fingerprint, write_record
from epipose.io.lock import folder_lock
from epipose.io.options import with_changes
from epipose.io.progress import progress
from epipose.io.staged import staged
from epipose.motion.sampler import random_motion
from epipose.network.config import PoseNetConfig
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import model_file, pretrained_model
from epipose.network.reading import PoseReading
from epipose.network.refiner import WEIGHTS, Refiner, load_refiner
from epipose.poses import Poses3D, poses_that_count, shown_joints
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17
from epipose.training.error_bank import error_bank, simulated_evidence
from epipose.training.evidence import with_gaps
from epipose.training.options import RefineOptions
from epipose.training.virtual_views import virtual_views

_WEIGHT_DECAY = 1e-4
_LIKELIHOOD = 0.01  # weight of the likelihood in the loss
_MEASURED = 512  # virtual views on which the gain is measured
_KEPT_OUT, _ENOUGH = 10, 50  # one pose in so many is, where there are so many
_MIN_LABELLED_SHARE = 0.7  # of the joints that the clip ever shows, as for training
_DEFAULTS = RefineOptions()


class PoseSet(NamedTuple):
    """Poses of one kind, z up, any unit; joints with confidence 0 are missing."""

    xyz: Float[Tensor, "pose joint 3"]
    conf: Float[Tensor, "pose joint"]


def refine(
    folders: AnyPath | Sequence[AnyPath],
    model: AnyPath,
    options: RefineOptions = _DEFAULTS,
    *,
    mocap: Sequence[AnyPath] = (),
    **changes: Any,
) -> Refiner:
    """Train a refiner for the network of a model folder, and write it there (``refiner.safetensors``, ``refine.json``).

    ``changes`` are fields of ``options`` by name. ``folders`` are labelled clips; ``mocap`` are motion files, played by
    random bodies. Where there are both, each is half of every batch; clips alone are mixed with random poses, so that
    other poses are not forgotten. A refiner that is there from the same poses and options is returned as it is. Raises
    InputError where there is nothing to learn from, for unlabelled clips, and for an ``init`` without a refiner.
    """
    options, folders, model, mocap = with_changes(options, changes), as_paths(folders), Path(model), as_paths(mocap)
    if not folders and not mocap:
        raise InputError("There is nothing to refine with. Give labelled clip folders, motion capture, or both.")
    _check(options)
    _skeleton_of(model)  # a folder that is no model's is not locked
    with folder_lock(model):
        return _refine(folders, model, options, mocap)


def _refine(folders: Sequence[Path], model: Path, options: RefineOptions, mocap: Sequence[Path]) -> Refiner:
    """`refine` with the lock of the model folder."""
    skeleton, start = _skeleton_of(model), _start(options, model)
    first = None if start is None else _initial(start, skeleton)
    needed = [path for folder in folders for path in _needed(folder)] + list(mocap)
    needed += [] if start is None else [model_file(start, WEIGHTS)]
    recorded = {name: value for name, value in asdict(options).items() if name != "init"}  # its weights are an input
    recorded["people"] = options.people if mocap else 0
    inputs, record = fingerprint(needed), model / "refine.json"
    if already_done(record, recorded, inputs, (model / WEIGHTS,)):
        with suppress(EpiposeError):  # a damaged one is made again
            if (done := load_refiner(model / WEIGHTS, skeleton)) is not None:
                return done
    refiner, measured = _fitted(folders, mocap, skeleton, first, options)
    with staged(model) as stage:
        refiner.save(stage.path(WEIGHTS))
        write_record(stage.path(record.name), recorded, inputs, **measured)
    return refiner


def _fitted(
    folders: Sequence[Path], mocap: Sequence[Path], skeleton: Skeleton, start: Refiner | None, options: RefineOptions
) -> tuple[Refiner, dict[str, object]]:
    """A refiner trained on the poses of clips and motions; how many poses each kind has, and what it gains.

    Every tenth pose of the first kind is kept out, where there are enough of them.
    """
    sets = [labelled_poses(folders, skeleton, options.frames)] if folders else []
    sets += [captured_poses(mocap, options.people, options.seed) if mocap else random_poses(options.seed)]
    how = {"steps": options.steps, "batch_size": options.batch_size, "lr": options.lr, "seed": options.seed}
    first, kept = sets[0], torch.arange(len(sets[0].xyz)) % _KEPT_OUT == 0
    enough = len(kept) >= _ENOUGH
    learned = [PoseSet(first.xyz[~kept], first.conf[~kept]), *sets[1:]] if enough else sets
    refiner = fit_refiner(learned, skeleton, start, **how)
    before, after = gain(refiner, PoseSet(first.xyz[kept], first.conf[kept]), options.seed)
    return refiner, {"poses": [len(one.xyz) for one in sets], "before": before, "after": after, "kept_out": enough}


def fit_refiner(
    sets: Sequence[PoseSet],
    skeleton: Skeleton,
    start: Refiner | None = None,
    *,
    steps: int = 100,
    batch_size: int = 128,
    lr: float = 3e-4,
    seed: int = 0,
) -> Refiner:
    """Train a refiner, from ``start`` on where one is given; every set has the same share of each batch.

    The loss is the mean distance along each axis in crop widths, and the likelihood of the errors under the stated
    scales. The rate rises and falls once (Smith and Topin 2018). The outcome follows from the seed. Raises InputError
    for joints other than those of the error bank.
    """
    if skeleton != H36M17:
        raise InputError(f"The refiner has the joints of {H36M17.name}; this network has those of {skeleton.name}.")
    random, bank = torch.Generator().manual_seed(seed), error_bank()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # for the weights at the start, and dropout
        refiner = (Refiner(skeleton) if start is None else copy.deepcopy(start)).train()
        optimiser = torch.optim.AdamW(refiner.parameters(), lr, weight_decay=_WEIGHT_DECAY)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps)
        for _ in progress(range(steps), total=steps, desc="refiner", unit="step"):
            xyz, conf = _drawn(sets, batch_size, random)
            uvd, conf = virtual_views(xyz, conf, skeleton, random)
            evidence = with_gaps(simulated_evidence(uvd, bank, random), uvd, random)
            loss = _loss(refiner(evidence), uvd, conf)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(refiner.parameters(), 1.0)
            optimiser.step()
            rate.step()
    return refiner.eval()


def _loss(
    refined: PoseReading, uvd: Float[Tensor, "batch joint 3"], conf: Float[Tensor, "batch joint"]
) -> Float[Tensor, ""]:
    off = (refined.uvd - uvd).abs()
    unlikely = off.detach() / refined.scale + refined.scale.log()
    return ((off + _LIKELIHOOD * unlikely).mean(-1) * conf).sum() / conf.sum()


def gain(refiner: Refiner, poses: PoseSet, seed: int = 0) -> tuple[float, float]:
    """Mean error of a joint before and after the refiner over virtual views of poses, in lengths of all bones.

    Readings have errors of the bank; joints without confidence do not count.
    """
    random = torch.Generator().manual_seed(seed)
    rows = torch.arange(_MEASURED) % len(poses.xyz)
    uvd, conf = virtual_views(poses.xyz[rows], poses.conf[rows], refiner.skeleton, random)
    evidence = simulated_evidence(uvd, error_bank(), random)
    with torch.inference_mode():
        after = refiner(evidence).uvd
    length = refiner.skeleton.bone_lengths(uvd).sum(-1)
    errors = [
        ((pose - uvd).norm(dim=-1) * (conf > 0)).sum(-1) / (conf > 0).sum(-1) for pose in (evidence.reading, after)
    ]
    return float((errors[0] / length).mean()), float((errors[1] / length).mean())


def labelled_poses(folders: Sequence[Path], skeleton: Skeleton, frames: tuple[int, int] | None) -> PoseSet:
    """Poses of labelled clips with z up that have a root and most joints that the clip shows; InputError without any."""
    parts = []
    for folder in folders:
        labels, rig = Poses3D.load(folder / "poses3d.npz").mapped_to(skeleton), Rig.load(folder / "rig.json")
        first, last = frames or (0, len(labels.xyz) - 1)
        if last >= len(labels.xyz):
            raise InputError(f"{folder} has frames 0 to {len(labels.xyz) - 1}; {first} to {last} were asked for.")
        xyz, conf = (field[first : last + 1].flatten(0, 1) for field in (labels.xyz, labels.conf))
        shown = int(shown_joints(conf).sum())
        whole = poses_that_count(conf, skeleton.root, max(math.ceil(_MIN_LABELLED_SHARE * shown), 1))
        parts.append((xyz[whole] @ _upright(rig).T, conf[whole]))
    xyz, conf = (torch.cat(field) for field in zip(*parts, strict=True))
    if not len(xyz):
        names = ", ".join(str(folder) for folder in folders)
        raise InputError(
            f"{names}: no pose has a {skeleton.joints[skeleton.root]} and {_MIN_LABELLED_SHARE:.0%} of the joints "
            "that the clip shows in these frames. Give others, or better labels."
        )
    return PoseSet(_filled(xyz, conf, skeleton), conf)


def captured_poses(motions: Sequence[Path], people: int, seed: int, each: int = 150) -> PoseSet:
    """``each`` poses of so many random bodies that play captured motions, three in ten of them a random one."""
    from epipose.studio.actor import posed_joints

    xyz = torch.from_numpy(posed_joints(motions, people, each, seed))
    return PoseSet(xyz, torch.ones(xyz.shape[:-1]))


def random_poses(seed: int, people: int = 200, seconds: float = 15.0, fps: float = 8.0) -> PoseSet:
    """Random poses that bodies can take (`random_motion`)."""
    rng = np.random.default_rng(seed)
    motions = [random_motion(rng, seconds, fps).xyz for _ in range(people)]
    xyz = torch.from_numpy(np.concatenate(motions)).float()
    return PoseSet(xyz, torch.ones(xyz.shape[:-1]))


def _drawn(sets: Sequence[PoseSet], batch_size: int, random: torch.Generator) -> PoseSet:
    share = -(-batch_size // len(sets))
    rows = [torch.randint(len(one.xyz), (share,), generator=random) for one in sets]
    xyz, conf = (torch.cat([one[field][row] for one, row in zip(sets, rows, strict=True)]) for field in (0, 1))
    return PoseSet(xyz, conf)


def _filled(
    xyz: Float[Tensor, "pose joint 3"], conf: Float[Tensor, "pose joint"], skeleton: Skeleton
) -> Float[Tensor, "pose joint 3"]:
    """Missing joints put where their parents are: their weight is 0, but they must be finite."""
    xyz = xyz.clone()
    for parent, child in skeleton.bones:  # parents come first
        xyz[:, child] = torch.where(conf[:, child, None] > 0, xyz[:, child], xyz[:, parent])
    return xyz


def _upright(rig: Rig) -> Float[Tensor, "3 3"]:
    """The rotation that turns the rig's world z up; where up is not known, cameras are taken for level."""
    if rig.upright:
        return torch.eye(3)
    R = rig.camera.R.float()
    return rotation_to_z(torch.nn.functional.normalize(-R[:, 1].mean(0), dim=-1), R[0, 0])


def _check(options: RefineOptions) -> None:
    frames = options.frames
    if frames is not None and frames[0] > frames[1]:
        raise InputError(f"Got frames {frames[0]} to {frames[1]}; give the first and the last, counted from 0.")


def _start(options: RefineOptions, model: Path) -> Path | None:
    """The model folder with the initial refiner; None for random weights."""
    if options.init == "none":
        return None
    start = pretrained_model() if options.init == "pretrained" else Path(options.init)
    if start.resolve() == model.resolve():
        raise InputError(
            f"{model} cannot begin with its own refiner, which it replaces: copy the folder, or give another."
        )
    return start


def _skeleton_of(model: Path) -> Skeleton:
    """Of the network alone: a damaged refiner beside it must not be in the way of a new one."""
    if not (model / "config.json").exists():
        return TrainedPoseNet.load(model).skeleton  # says what is missing
    return PoseNetConfig.load(model / "config.json").skeleton


def _initial(start: Path, skeleton: Skeleton) -> Refiner:
    refiner = load_refiner(model_file(start, WEIGHTS), skeleton)
    if refiner is None:
        raise InputError(f"{start} has no {WEIGHTS} to begin with. Give another --init, or --init none.")
    return refiner


def _needed(folder: Path) -> list[Path]:
    paths = [folder / "poses3d.npz", folder / "rig.json"]
    if missing := [path.name for path in paths if not path.exists()]:
        raise InputError(f"{folder} lacks {', '.join(missing)}. Run epipose calibrate and label on it first.")
    return paths
