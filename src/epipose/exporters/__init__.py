"""Export of 3D poses, cameras and networks to the formats of other programs, chosen by the ending of the file.

To add a format: one file with a function that follows `Exporter` (base.py), one line in ``EXPORTERS`` (or, from another
package, an entry point in the group ``epipose.exporters`` whose name is the ending), one test.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple

__all__ = ["EXPORTERS", "Format", "ends_with", "formats_by_ending", "plugins"]


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
    ".toml": Format("epipose.exporters.cameras:export_toml", "cameras for Pose2Sim, anipose, FreeMoCap or Caliscope"),
    ".yml": Format("epipose.exporters.cameras:export_opencv", "cameras for OpenCV's FileStorage, one file per camera"),
    ".qca.txt": Format("epipose.exporters.cameras:export_qualisys", "cameras as Qualisys Track Manager writes them"),
    ".xcp": Format("epipose.exporters.cameras:export_vicon", "cameras as Vicon Nexus writes them"),
    "colmap": Format("epipose.exporters.cameras:export_colmap", "cameras as a COLMAP model: a folder of text files"),
    "easymocap": Format("epipose.exporters.cameras:export_easymocap", "cameras for EasyMocap: intri.yml, extri.yml"),
    "opensim": Format(
        "epipose.exporters.opensim:export_opensim", "a folder to scale a model and solve joint angles with in OpenSim"
    ),
    ".onnx": Format("epipose.exporters.onnx:export_onnx", "a trained network, for programs without PyTorch"),
    ".bvh": Format("epipose.exporters.bvh:export_bvh", "people as joint rotations, for animation; a file per person"),
    ".glb": Format("epipose.exporters.gltf:export_glb", "people as animated stick figures, for 3D programs (glTF)"),
}


def formats_by_ending() -> dict[str, str]:
    """What each ending stands for, those of other packages too."""
    others = {ending: f"by {point.value}" for ending, point in plugins().items()}
    return {**others, **{ending: known.about for ending, known in EXPORTERS.items()}}


def plugins() -> dict[str, EntryPoint]:
    """The exporters of other packages by their endings."""
    return {point.name: point for point in entry_points(group="epipose.exporters")}


def ends_with(name: str, ending: str) -> bool:
    """Whether a file of this name, in small letters, is of the format with this ending."""
    if ending.startswith("."):
        return name.endswith(ending)
    return name == ending or name.endswith((f".{ending}", f"-{ending}", f"_{ending}"))
