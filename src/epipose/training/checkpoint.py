"""Where a training stands, written so that a process killed at any moment goes on as if nothing had happened.

A checkpoint is complete or not there. It holds the number of the next step and everything that steps change; the
batches need no state, because batch k is a function of the seed and k.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from epipose.io.files import replacing

_NAME = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write a state (numbers, tensors, state dicts) in place of the one before."""
    with replacing(folder / _NAME) as part:
        torch.save(state, part)


def load_checkpoint(folder: Path, epoch_steps: int) -> dict[str, Any] | None:
    """The last state, its tensors on the CPU, or None; ``log.jsonl`` is cut back to the epochs that it has finished.

    A process that was killed while it wrote leaves half a file beside the checkpoint: that is removed.
    """
    for part in folder.glob(f".{Path(_NAME).stem}.*.part*"):
        part.unlink()
    path, log, step = folder / _NAME, folder / "log.jsonl", 0
    state = None
    if path.exists():
        state = torch.load(path, map_location="cpu", weights_only=True)
        step = int(state["step"])
    if log.exists():
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)[: step // epoch_steps]
        with replacing(log) as part:
            part.write_text("".join(lines), encoding="utf-8")
    return state


def remove_checkpoint(folder: Path) -> None:
    """Once the model is written the way to it is of no use."""
    (folder / _NAME).unlink(missing_ok=True)
