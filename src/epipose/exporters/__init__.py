"""Export of trained networks to the formats of other programs, chosen by the ending of the file.

To add a kind: one file with a function of a trained network and a path, one line in ``EXPORTERS`` (or, from another
package, an entry point in the group ``epipose.exporters`` whose name is the ending), one test.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from epipose.errors import InputError
from epipose.io.files import AnyPath

__all__ = ["EXPORTERS", "export"]

# ending -> "module:function"; imported on first use
EXPORTERS = {".onnx": "epipose.exporters.onnx:export_onnx"}


def export(model: AnyPath, out: AnyPath) -> None:
    """Write the trained network of a model folder to a file; raises InputError for an unknown ending."""
    from epipose.network.posenet import TrainedPoseNet

    write = _exporter(Path(out))
    write(TrainedPoseNet.load(model), Path(out))


def _exporter(out: Path) -> Callable[..., None]:
    if out.suffix in EXPORTERS:
        module, _, function = EXPORTERS[out.suffix].partition(":")
        return getattr(importlib.import_module(module), function)
    plugins = {point.name: point for point in entry_points(group="epipose.exporters")}
    if out.suffix not in plugins:
        known = ", ".join(EXPORTERS | plugins)
        raise InputError(f"No exporter writes '{out.name}'. Known endings: {known}.")
    return plugins[out.suffix].load()
