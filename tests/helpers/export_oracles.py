"""Exported files of 3D poses read back by independent packages, in one shape to compare with."""

from __future__ import annotations

import warnings
from pathlib import Path

import c3d
import netCDF4
import numpy as np
import pandas as pd
from jaxtyping import Float

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
