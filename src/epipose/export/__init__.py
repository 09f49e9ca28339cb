"""Trained networks as files for other programs. The ending of the file says which kind.

To add a kind: one file with a function of a model folder's content and a path, one line in ``EXPORTERS``, one test.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from epipose.errors import EpiposeError

__all__ = ["EXPORTERS", "export"]

# ending -> "module:function"; imported on first use
EXPORTERS = {".onnx": "epipose.export.onnx:export_onnx"}


def export(model: Path, out: Path) -> None:
    """Write the trained network of a model folder to a file; raises EpiposeError for an ending that nobody writes."""
    from epipose.network.posenet import TrainedPoseNet

    if out.suffix not in EXPORTERS:
        raise EpiposeError(f"Nothing here writes '{out.name}'. Endings that are known: {', '.join(EXPORTERS)}.")
    module, _, function = EXPORTERS[out.suffix].partition(":")
    write: Callable[[TrainedPoseNet, Path], None] = getattr(importlib.import_module(module), function)
    write(TrainedPoseNet.load(model), out)
