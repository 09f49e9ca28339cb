"""Export of 3D poses, cameras and networks to the formats of other programs, chosen by the ending of the file.

To add a format: one file with a function that follows `Exporter` (base.py), one line in ``EXPORTERS`` (or, from another
package, an entry point in the group ``epipose.exporters`` whose name is the ending), one test.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from epipose.errors import InputError
from epipose.exporters.base import Exporter

__all__ = ["EXPORTERS", "Format", "exporter_for", "formats_by_ending"]


class Format(NamedTuple):
    """Where a format's exporter is ("module:function", imported on first use), and what the format is."""

    place: str
    about: str


# Ending of the file's name -> format. Without a point: the name of a folder, or its ending behind a point, - or _.
EXPORTERS = {
    ".c3d": Format("epipose.exporters.c3d:export_c3d", "markers for motion-capture programs (Mokka, Visual3D, Vicon)"),
    ".csv": Format(
        "epipose.exporters.table:export_csv", "3D poses as a long table, one row per frame, person and joint"
    ),
    ".nc": Format("epipose.exporters.netcdf:export_netcdf", "3D poses as netCDF in movement's layout, for xarray"),
    ".parquet": Format("epipose.exporters.table:export_parquet", "the table of .csv for pandas, polars, R and DuckDB"),
    ".trc": Format("epipose.exporters.trc:export_trc", "markers for OpenSim and Pose2Sim, a file per person, y up"),
    ".onnx": Format("epipose.exporters.onnx:export_onnx", "a trained network, for programs without PyTorch"),
}


def exporter_for(out: Path) -> Exporter:
    """The exporter for a file of this name; InputError that lists the endings there are. The longest ending counts."""
    plugins = {point.name: point for point in entry_points(group="epipose.exporters")}
    endings = [ending for ending in {**plugins, **EXPORTERS} if _ends_with(out.name.lower(), ending)]
    if not endings:
        raise InputError(f"No exporter writes '{out.name}'. Known endings: {', '.join({**EXPORTERS, **plugins})}.")
    ending = max(endings, key=len)
    if ending not in EXPORTERS:
        return plugins[ending].load()
    module, _, function = EXPORTERS[ending].place.partition(":")
    return getattr(importlib.import_module(module), function)


def formats_by_ending() -> dict[str, str]:
    """What each ending stands for, those of other packages too."""
    others = {point.name: f"by {point.value}" for point in entry_points(group="epipose.exporters")}
    return {**others, **{ending: known.about for ending, known in EXPORTERS.items()}}


def _ends_with(name: str, ending: str) -> bool:
    if ending.startswith("."):
        return name.endswith(ending)
    return name == ending or name.endswith((f".{ending}", f"-{ending}", f"_{ending}"))
