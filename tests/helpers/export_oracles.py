"""Exported files of 3D poses read back by independent packages, in one shape to compare with."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import c3d
import netCDF4
import numpy as np
import pandas as pd
from jaxtyping import Float

from epipose.formats.trc import WORLD_FROM_TRC
from epipose.pipeline.export import export
from epipose.poses import Poses3D

Back = tuple[list[str], Float[np.ndarray, "frame marker 3"]]  # NaN is missing


def c3d_by_c3d(path: Path) -> tuple[list[str], Float[np.ndarray, "frame marker 3"], float, str]:
    """Labels, points (in the file's unit), frame rate and unit, by the package c3d."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No analog data found in file.", UserWarning)
        reader = c3d.Reader(file)
        labels = [label.strip() for label in reader.point_labels]
        points = np.stack([points for _, points, _ in reader.read_frames()])
        unit, rate = reader.get("POINT:UNITS").string_value.strip(), float(reader.point_rate)
    return labels, np.where(points[..., 3:4] < 0, np.nan, points[..., :3]), rate, unit


def trc_by_pandas(path: Path) -> Back:
    """Markers of a TRC, as Pose2Sim reads them: with pandas, tabs and empty cells; in the file's unit and axes."""
    with path.open(encoding="utf-8") as file:
        names = file.read().splitlines()[3].split("\t")[2::3]
    table = pd.read_csv(path, sep="\t", skiprows=5, header=None).to_numpy(float)
    return [name for name in names if name], table[:, 2:].reshape(len(table), -1, 3)


def table_by_pandas(table: pd.DataFrame) -> Float[np.ndarray, "frame person joint 3"]:
    """A long table's positions as an array; joints in the order of their first rows."""
    joints = list(dict.fromkeys(table["joint"]))
    frames, people = table["frame"].max() + 1, table["person"].max() + 1
    xyz = np.full((frames, people, len(joints), 3), np.nan)
    at = table["frame"], table["person"], table["joint"].map(joints.index).astype(int)
    xyz[at] = table[["x", "y", "z"]].to_numpy()
    return xyz


def netcdf_by_c_library(path: Path) -> tuple[Float[np.ndarray, "time space keypoint individual"], list[str]]:
    """Positions and names of keypoints by the netCDF C library."""
    with netCDF4.Dataset(path) as file:
        position = np.ma.filled(file["position"][:], np.nan)
        assert file["position"].dimensions == ("time", "space", "keypoints", "individuals")
        names = [str(name) for name in file["keypoints"][:]]
    return position, names


class Check(NamedTuple):
    """A file of 3D poses that epipose wrote, read back by an independent package."""

    ending: str
    oracle: str  # package and version
    compared: str
    error_mm: float  # the largest; infinite where a joint is missing on one side alone


def check_poses(poses: Poses3D, folder: Path) -> list[Check]:
    """Write world poses of one person, in metres, in every format of poses, and compare what comes back."""
    true = np.where((poses.conf > 0).numpy()[..., None], poses.xyz.double().numpy(), np.nan)
    for ending in ("trc", "c3d", "csv", "parquet", "nc"):
        export(poses, folder / f"checked.{ending}")
    trc = trc_by_pandas(folder / "checked.trc")[1][..., list(WORLD_FROM_TRC)]
    points = c3d_by_c3d(folder / "checked.c3d")[1]
    netcdf = netcdf_by_c_library(folder / "checked.nc")[0].transpose(0, 3, 2, 1)
    return [
        Check("trc", _named("pandas"), "markers, missing cells", _worst_mm(trc, true[:, 0])),
        Check("c3d", _named("c3d"), "points, residuals", _worst_mm(points, true[:, 0])),
        Check("csv", _named("pandas"), "rows", _worst_mm(table_by_pandas(pd.read_csv(folder / "checked.csv")), true)),
        Check("parquet", _named("pyarrow"), "rows", _worst_mm(_parquet(folder / "checked.parquet"), true)),
        Check("nc", _named("netCDF4"), "position", _worst_mm(netcdf, true)),
    ]


def _named(package: str) -> str:
    return f"{package} {version(package)}"


def _parquet(path: Path) -> Float[np.ndarray, "frame person joint 3"]:
    return table_by_pandas(pd.read_parquet(path))


def _worst_mm(found: Float[np.ndarray, "*place 3"], true: Float[np.ndarray, "*place 3"]) -> float:
    if (np.isnan(found) != np.isnan(true)).any():
        return float("inf")
    return 1000 * float(np.nanmax(np.abs(found - true)))
