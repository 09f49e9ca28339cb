"""Training with labels on demand: the missing 3D labels of clip folders are made first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from epipose.io.files import AnyPath
from epipose.network.posenet import TrainedPoseNet
from epipose.pipeline.stages import label_clip
from epipose.training.batches import Source
from epipose.training.options import Mode, TrainOptions
from epipose.training.supervision import check_supervision, label_folders
from epipose.training.train import train_network

_DEFAULTS = TrainOptions()


def train(
    folders: AnyPath | Sequence[AnyPath],
    out: AnyPath,
    options: TrainOptions = _DEFAULTS,
    *,
    stream: Source | None = None,
    **changes: Any,
) -> TrainedPoseNet:
    """Train a PoseNet on clip folders that need only have 2D poses and cameras (see `train_network`)."""
    return train_network(folders, out, options, stream=stream, prepare=labelled, **changes)


def labelled(folders: Sequence[Path], mode: Mode) -> list[Path]:
    """The folder of each clip's labels, made where they are missing; those of other modes also when they are old."""
    for folder in folders:
        if mode == "self":
            ready = (folder / "rig.json").exists() and (folder / "poses2d.npz").exists()
            if ready and not (folder / "poses3d.npz").exists():
                label_clip(folder)
        elif not check_supervision(folder, mode).labelled():
            label_clip(folder, mode=mode)
    return label_folders(folders, mode)
