"""Trained networks as files for other programs. The ending of the file says which kind.

To add a kind: one file with a function of a trained network and a path, one line in ``EXPORTERS`` (or, from another
package, an entry point in the group ``epipose.exporters`` whose name is the ending), one test.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from epipose.errors import EpiposeError

__all__ = ["EXPORTERS", "export"]

# ending -> "module:function"; imported on first use
EXPORTERS = {".onnx": "epipose.exporters.onnx:export_onnx"}


def export(model: Path, out: Path) -> None:
    """Write the trained network of a model folder to a file; raises EpiposeError for an ending that nobody writes."""
    from epipose.network.posenet import TrainedPoseNet

    write = _exporter(out)
    write(TrainedPoseNet.load(model), out)


def _exporter(out: Path) -> Callable[..., None]:
    if out.suffix in EXPORTERS:
        module, _, function = EXPORTERS[out.suffix].partition(":")
        return getattr(importlib.import_module(module), function)
    plugins = {point.name: point for point in entry_points(group="epipose.exporters")}
    if out.suffix not in plugins:
        known = ", ".join(EXPORTERS | plugins)
        raise EpiposeError(f"Nothing here writes '{out.name}'. Endings that are known: {known}.")
    return plugins[out.suffix].load()
