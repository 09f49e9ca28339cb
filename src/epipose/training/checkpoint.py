"""Checkpoints of a training run, written so that a process killed at any moment resumes to the last bit.

A checkpoint is complete or not there. It holds the number of the next step and everything that steps change; the
batches need no state, because batch k is a function of the seed and k.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from epipose.io.files import replacing
from epipose.io.guard import reading

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class TrainingState:
    """Everything that a step changes: the weights, Adam's moments, the sums for the log, and the averaged weights."""

    net: dict[str, Tensor]
    optimizer: dict[str, Any]
    sums: Tensor
    average: dict[str, Tensor] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """The next step, the seconds that its epoch has taken and waited for batches so far, and the state before it."""

    step: int
    seconds: float
    waited: float
    state: TrainingState


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in place of the one before."""
    clock = {"step": checkpoint.step, "seconds": checkpoint.seconds, "waited": checkpoint.waited}
    states = {name: value for name, value in vars(checkpoint.state).items() if value is not None}
    with replacing(folder / CHECKPOINT) as part, part.open("wb") as file:  # Python's file: its errors say what is wrong
        torch.save(clock | states, file)


def load_checkpoint(folder: Path, epoch_steps: int) -> Checkpoint | None:
    """The last checkpoint, its tensors on the CPU, or None; ``log.jsonl`` is cut back to the epochs it has finished.

    A process that was killed while it wrote leaves half a file beside the checkpoint: that is removed.
    """
    for part in folder.glob(f".{Path(CHECKPOINT).stem}.*.part*"):
        part.unlink()
    path, log = folder / CHECKPOINT, folder / "log.jsonl"
    checkpoint = _read(path) if path.exists() else None
    if log.exists():
        epochs = 0 if checkpoint is None else checkpoint.step // epoch_steps
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)[:epochs]
        with replacing(log) as part:
            part.write_text("".join(lines), encoding="utf-8")
    return checkpoint


def _read(path: Path) -> Checkpoint:
    with reading(path, "a checkpoint", "Remove it to begin again."):
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = TrainingState(content["net"], content["optimizer"], content["sums"], content.get("average"))
        checkpoint = Checkpoint(int(content["step"]), float(content["seconds"]), float(content["waited"]), state)
        tables = [state.net, state.optimizer, *([] if state.average is None else [state.average])]
        if not all(isinstance(table, dict) for table in tables) or not isinstance(state.sums, Tensor):
            raise ValueError("net, optimizer, sums or average is of another type")
        if checkpoint.step < 0:
            raise ValueError(f"its step is {checkpoint.step}")
        return checkpoint
