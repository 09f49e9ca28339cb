"""A training that kills itself with SIGKILL: in a step, or with a checkpoint half written. Run by test_resume.py."""

import json
import os
import signal
import sys
from pathlib import Path

import torch

from epipose.training import loop
from epipose.training.train import train_network

KILLED = -signal.SIGKILL if hasattr(signal, "SIGKILL") else 137  # exit code of a killed process


def _die() -> None:
    """End at once, nothing closed or flushed: SIGKILL, or where there is none (Windows) the nearest thing."""
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(KILLED)


def main() -> None:
    """Arguments: clip folder, model folder, options as JSON, and "step:N" or "write:N" (which step, which checkpoint)."""
    clip, out, options, (when, count) = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4].split(":")
    left = [int(count)]

    def last() -> bool:
        left[0] -= 1
        return left[0] < 0

    if when == "step":
        step = loop._TrainingRun.step

        def killed(*arguments):
            if last():
                _die()
            return step(*arguments)

        loop._TrainingRun.step = killed
    else:
        save = torch.save

        def torn(state, file):
            if last():
                file.write(b"half a file")
                file.flush()
                _die()
            save(state, file)

        torch.save = torn
    train_network([Path(clip)], Path(out), **options)


if __name__ == "__main__":
    main()
