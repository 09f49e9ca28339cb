"""Files of 3D poses that were written here, read by the programs that they are for, against what was written.

A person who walks, in the joints of a detector with hands and feet, with gaps; every check gives the largest distance in
millimetres between what was exported and what the program read, and fails where names, gaps or moments differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.formats.environment import OracleError, answer_of, run_script
from epipose.exporters.markers import trajectories
from epipose.exporters.options import ExportOptions
from epipose.formats.trc import TRC_FROM_WORLD
from epipose.pipeline.export import export
from epipose.poses import Poses3D
from epipose.skeletons import BLAZEPOSE33
from tests.helpers.walker import FPS, walker

_ON = {  # ending -> tools
    ".trc": ("opensim", "pose2sim"),
    ".c3d": ("c3d",),
    ".csv": ("pandas",),
    ".parquet": ("pandas",),
    ".nc": ("movement",),
}
_MOMENTS_S = 1e-5


@dataclass(frozen=True)
class PoseCheck:
    """One file, one reader; ``error_mm`` is the largest difference of a joint, or the median where ``compared`` says so."""

    format: str
    oracle: str
    version: str
    compared: str
    error_mm: float


def walk(frames: int = 60) -> Poses3D:
    """A person who walks, with gaps at a wrist and at a heel."""
    xyz, conf = walker(frames, BLAZEPOSE33)
    conf = conf.clone()
    conf[10:14, BLAZEPOSE33.index("left_wrist")] = 0
    conf[:5, BLAZEPOSE33.index("right_heel")] = 0
    times = torch.arange(frames, dtype=torch.float64) / FPS + 1.0
    return Poses3D(xyz[:, None].float(), conf[:, None].float(), BLAZEPOSE33, "world", True, times)


def marker_checks(python: Path) -> Iterator[PoseCheck]:
    """Every format of joints or markers and every program that reads it."""
    for ending, tools in _ON.items():
        for tool in tools:
            for unit in ("m", "mm") if ending in (".trc", ".c3d") else ("m",):
                yield _marker_check(python, ending, tool, unit)


def _marker_check(python: Path, ending: str, tool: str, unit: str) -> PoseCheck:
    poses = walk()
    ((person, *_), _) = trajectories(poses, "native")
    expected = person.xyz[..., list(TRC_FROM_WORLD)] if ending == ".trc" else person.xyz
    with TemporaryDirectory() as folder:
        path, target = Path(folder) / f"walk{ending}", Path(folder) / "points.npz"
        export(poses, path, ExportOptions(unit="mm" if unit == "mm" else "m"))
        run_script(python, "read_poses", [tool, path, target])
        with np.load(target) as file:
            names, xyz, times, version = (file[key] for key in ("names", "xyz", "times", "version"))
    if tuple(names) != person.names:
        raise OracleError(f"{tool} read the names {', '.join(map(str, names))} in {ending}")
    known, there = np.isfinite(expected).all(-1), np.isfinite(xyz).all(-1)
    if (known != there).any():
        raise OracleError(f"{tool} found {int((known != there).sum())} gaps of {ending} wrong")
    assert poses.times is not None
    late = times - poses.times.numpy()
    if np.ptp(late) > _MOMENTS_S:  # C3D has no moment of its first frame
        raise OracleError(f"{tool} read other moments in {ending}, by up to {np.ptp(late):.6f} s")
    metres = xyz[known] * (0.001 if unit == "mm" and ending != ".csv" else 1.0)
    error = 1000 * float(np.linalg.norm(metres - expected[known], axis=-1).max())
    return PoseCheck(ending, tool, str(version), f"joints, {unit}", error)


def opensim_check(python: Path, models: Path, poses: Poses3D) -> tuple[PoseCheck, dict[str, float]]:
    """OpenSim scales the model and solves the joint angles of a folder: root mean square of the marker errors."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "walk-opensim"
        export(poses, out, opensim_models=models)
        answer = answer_of(python, "opensim_ik", [out])
    motion = next(iter(answer["motions"].values()))
    if not motion["finite"] or motion["frames"] != len(poses.xyz):
        raise OracleError(f"OpenSim solved {motion['frames']} of {len(poses.xyz)} frames")
    check = PoseCheck("opensim", "opensim", answer["version"], "markers of inverse kinematics, rms", motion["rms_mm"])
    return check, motion


def models_of(python: Path) -> Path:
    """The folder of Pose2Sim's models in the environment."""
    found = sorted(python.parent.parent.glob("lib/python3*/site-packages/Pose2Sim/OpenSim_Setup"))
    if not found:
        raise OracleError(f"{python.parent.parent} has no Pose2Sim. Run: make oracles")
    return found[0]
