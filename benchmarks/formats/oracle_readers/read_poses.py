"""3D poses of a file as other programs read them: run by a Python that has these (see benchmarks/formats/poses.py).

Takes the tool (opensim, pose2sim, c3d, pandas, movement), the file, and POINTS.npz to write: names of joints or markers,
xyz (frame, name, 3; NaN where missing) of the first person, in the file's unit and axes, the moments in seconds (empty
where the tool gives none), and the tool's version. Knows nothing of this library.
"""

# pyright: reportMissingImports=false
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np


def main(tool: str, source: str, target: str) -> None:
    """One tool on one file."""
    read = {"opensim": _opensim, "pose2sim": _pose2sim, "c3d": _c3d, "pandas": _pandas, "movement": _movement}
    names, xyz, times = read[tool](Path(source))
    np.savez(target, names=list(map(str, names)), xyz=xyz, times=times, version=version(tool))


def _opensim(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Its table of vectors."""
    import opensim

    opensim.Logger.setLevelString("Off")
    table = opensim.TimeSeriesTableVec3(str(path))
    names = list(table.getColumnLabels())
    flat = table.flatten()  # it must outlive its matrix
    xyz = np.array(flat.getMatrix().to_numpy()).reshape(table.getNumRows(), len(names), 3)
    return names, xyz, np.array(table.getIndependentColumn())


def _pose2sim(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """What its filters and kinematics read."""
    from Pose2Sim.common import read_trc

    table, _, times, names, _ = read_trc(path)
    return list(names), table.to_numpy(float).reshape(len(table), -1, 3), times.to_numpy(float)


def _c3d(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Another reader of C3D than the one that wrote it; a residual below 0 is a missing marker."""
    import c3d

    with path.open("rb") as file:
        reader = c3d.Reader(file)
        names = [name.strip() for name in reader.point_labels]
        points = np.stack([points for _, points, _ in reader.read_frames()])
        times = np.arange(len(points)) / reader.point_rate
    return names, np.where(points[..., 3:4] < 0, np.nan, points[..., :3]), times


def _pandas(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The long table, of its first person."""
    import pandas as pd

    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    table = table.query("person == 0")
    names, numbers = list(dict.fromkeys(table["joint"])), table[["time", "x", "y", "z"]].to_numpy(float)
    numbers = numbers.reshape(-1, len(names), 4)
    return names, numbers[..., 1:], numbers[:, 0, 0]


def _movement(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """A dataset that its validator takes, and whose velocities it computes."""
    import xarray as xr
    from movement.kinematics import compute_velocity
    from movement.validators.datasets import ValidPosesInputs

    data = xr.load_dataset(path)
    ValidPosesInputs.validate(data)
    velocity = compute_velocity(data.position)
    assert velocity.dims == data.position.dims, velocity.dims
    one = data.position.isel(individuals=0).transpose("time", "keypoints", "space")
    return [str(name) for name in data.keypoints.values], one.to_numpy(), data.time.to_numpy()


if __name__ == "__main__":
    main(*sys.argv[1:])
