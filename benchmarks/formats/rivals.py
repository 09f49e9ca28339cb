"""Triangulation of Pose2Sim and aniposelib on the keypoints and cameras that `label` gets, against ground truth.

Simulated people (motion capture, moved as captured) before Human3.6M's real rigs, and before 16 drawn cameras, with the
errors of a real detector (benchmarks/geometry/noise_model.py), or with 6 px and 3 % outliers. Lenses have no distortion
here and keypoints are given accordingly, since Pose2Sim does not undistort them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from benchmarks.formats.environment import run_script
from benchmarks.geometry.drawn_rigs import drawn_rig
from benchmarks.geometry.noise_model import NoiseModel
from benchmarks.geometry.simulation import Simulated, simulate
from epipose.camera import Rig, cat_cameras
from epipose.poses import Poses2D
from epipose.reconstruction.label import label_poses
from epipose.skeletons import H36M17

OURS, FRAME_BY_FRAME, TRUTH = "epipose", "epipose, frame by frame", "ground truth"
FIRST_SEED = 5000  # seeds below 1000 are there to be tuned on


class Case(NamedTuple):
    """Cameras, noise ("detector" or "simple"), frames of a clip, clips, and the rivals' methods."""

    views: int
    noise: str
    frames: int
    clips: int
    methods: tuple[str, ...]


_METHODS = ("pose2sim", "aniposelib_linear", "aniposelib_optim")
MAIN = Case(4, "detector", 300, 8, _METHODS)
CASES = (
    MAIN,
    Case(4, "simple", 200, 3, (*_METHODS, "aniposelib_ransac")),
    Case(16, "detector", 100, 3, _METHODS),
    Case(16, "simple", 100, 2, _METHODS),
)


class Points(NamedTuple):
    """A method's points (NaN where it has none) and CPU seconds: of triangulation alone, and with files."""

    xyz: Float[np.ndarray, "frame joint 3"]
    cpu_seconds: float
    step_cpu_seconds: float


def clip_of(case: Case, seed: int, mocap: Path, rigs: Path) -> Simulated:
    """A clip of a case, with lenses without distortion."""
    noise: dict[str, Any] = {"model": NoiseModel.load()} if case.noise == "detector" else {"pixels": 6.0}
    rig = _sixteen(seed) if case.views == 16 else None
    clip = simulate(seed, views=min(case.views, 4), frames=case.frames, mocap=mocap, rigs=rigs, rig=rig, **noise)
    camera = clip.rig.camera
    xy = camera.spread(3).undistort(clip.poses.xy.double())
    straight = replace(camera, distortion=torch.zeros_like(camera.distortion))
    return replace(clip, poses=replace(clip.poses, xy=xy), rig=replace(clip.rig, camera=straight))


def _sixteen(seed: int) -> Rig:
    rng = np.random.default_rng(seed)
    halves = [drawn_rig(rng, 8).camera for _ in range(2)]
    return Rig(tuple(f"cam{view + 1:02d}" for view in range(16)), cat_cameras(halves), True)


def rival_points(python: Path, clip: Simulated, methods: tuple[str, ...]) -> dict[str, Points]:
    """Every rival's points on a clip."""
    camera = clip.rig.camera
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "keypoints.npz", Path(folder) / "points.npz"
        np.savez(
            source,
            xy=clip.poses.xy[:, :, 0].numpy(), conf=clip.poses.conf[:, :, 0].numpy(),
            K=camera.K.numpy(), R=camera.R.numpy(), t=camera.t.numpy(), size=camera.size.numpy(),
            joints=np.array(H36M17.joints), parents=np.array(H36M17.parents), fps=clip.fps,
        )  # fmt: skip
        run_script(python, "triangulate", [source, target, ",".join(methods)])
        with np.load(target) as file:
            names = dict.fromkeys(key.partition("/")[0] for key in file.files)
            return {
                name: Points(
                    file[f"{name}/xyz"], float(file[f"{name}/cpu_seconds"]), float(file[f"{name}/step_cpu_seconds"])
                )
                for name in names
            }


def our_points(clip: Simulated, smooth: bool) -> Points:
    """Our labels; the step reads the keypoints and the cameras, labels, and writes the labels."""
    alone, whole, labels = [], [], label_poses(clip.poses, clip.rig, smooth=smooth)  # the first call is not counted
    with TemporaryDirectory() as folder:
        keypoints, cameras = Path(folder) / "poses2d.npz", Path(folder) / "rig.json"
        clip.poses.save(keypoints)
        clip.rig.save(cameras)
        for _ in range(3):
            begin = time.process_time()
            poses, rig = Poses2D.load(keypoints), Rig.load(cameras)
            read = time.process_time()
            labels = label_poses(poses, rig, smooth=smooth)
            alone.append(time.process_time() - read)
            labels.save(Path(folder) / "poses3d.npz")
            whole.append(time.process_time() - begin)
    xyz = torch.where((labels.conf > 0)[..., None], labels.xyz.double(), torch.nan)[:, 0].numpy()
    return Points(xyz, median(alone), median(whole))


def measured(points: dict[str, Points], clip: Simulated) -> dict[str, dict[str, float]]:
    """Per method: errors over the joints that all methods have, bone spread, jerk, coverage, seconds."""
    truth = clip.xyz.numpy()
    common = np.all([np.isfinite(found.xyz).all(-1) for found in points.values()], 0)
    rows = {name: _row(found.xyz, truth, common, clip.fps) for name, found in points.items()}
    for name, found in points.items():
        rows[name] |= {
            "share_found": float(np.isfinite(found.xyz).all(-1).mean()),
            "cpu_seconds": found.cpu_seconds,
            "step_cpu_seconds": found.step_cpu_seconds,
        }
    return rows | {TRUTH: _row(truth, truth, common, clip.fps)}


def _row(xyz: np.ndarray, truth: np.ndarray, common: Bool[np.ndarray, "frame joint"], fps: float) -> dict[str, float]:
    error = 1000 * np.linalg.norm(xyz - truth, axis=-1)[common]
    spread = []
    for parent, child in H36M17.bones:
        both = common[:, parent] & common[:, child]
        spread.append(1000 * float(np.linalg.norm(xyz[both, child] - xyz[both, parent], axis=-1).std()))
    four = common[3:] & common[2:-1] & common[1:-2] & common[:-3]
    jerk = np.square(np.diff(xyz, n=3, axis=0) * fps**3).sum(-1)[four]
    return {
        "error_mm": float(error.mean()),
        "error_95_mm": float(np.percentile(error, 95)),
        "bone_std_mm": float(np.mean(spread)),
        "jerk": float(np.sqrt(jerk.mean())),
    }


def runs_of(
    case: Case, python: Path, mocap: Path, rigs: Path, first_seed: int = FIRST_SEED
) -> Iterator[dict[str, Any]]:
    """Every clip of a case."""
    for seed in range(first_seed, first_seed + case.clips):
        clip = clip_of(case, seed, mocap, rigs)
        points = {OURS: our_points(clip, True), FRAME_BY_FRAME: our_points(clip, False)}
        methods = measured(points | rival_points(python, clip, case.methods), clip)
        yield {"views": case.views, "noise": case.noise, "seed": seed, "motion": clip.motion, "methods": methods}


def table_of(case: Case, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Medians over the clips of a case, a row per method."""
    rows = []
    for name in runs[0]["methods"]:
        of = [run["methods"][name] for run in runs]
        middle = {key: median(row[key] for row in of) for key in of[0]}
        rows.append({"views": case.views, "noise": case.noise, "method": name, "clips": len(runs), **middle})
    return rows
