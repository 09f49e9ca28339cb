"""Run times side by side: bundle adjustment and Ceres, triangulation and OpenCV, calibration as a whole.

Bundle adjustment: clips of 4 cameras, 300 frames of 17 joints (5 100 points, no bones), the same start, the same Cauchy
loss of the same scale, CPU seconds of one thread each (with two both are slower at this size). Ceres is timed in its
solver alone, ours from call to return; both stop where the cameras have come to rest: costs and errors stand beside the
times.

Triangulation: 34 000 two-view points; OpenCV's optimal correction (correctMatches) and triangulatePoints
against `triangulate_pair`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.geometry.ceres import ceres_bundle
from benchmarks.geometry.options import FIRST_SEED, WALKS
from benchmarks.geometry.simulation import Simulated, simulate
from epipose.calibration.calibrate import calibrate_rig
from epipose.camera import Rig
from epipose.experiments.errors import camera_errors
from epipose.geometry.bundle import BundleProblem, bundle_adjust
from epipose.geometry.epipolar import essential_from_pose
from epipose.geometry.observations import observe
from epipose.geometry.reprojection import reproject
from epipose.geometry.robust import robust_cost
from epipose.geometry.rotation import exp
from epipose.geometry.triangulate import triangulate_pair, triangulate_robust

_ADJUSTERS = ("ours", "ceres")
_MIN_GAIN = 1e-6  # share of the cost: a step that is expected to gain less is not taken; also Ceres' tolerance
_CLIPS = 5


def bundle_speed(clips: Sequence[Simulated], rounds: int = 3) -> dict[str, float]:
    """Ceres' CPU seconds over ours, medians over clips and rounds in turns, and what both reached: sums of the costs."""
    runs = [run for clip in clips for run in _bundle_runs(clip, rounds)]
    seconds = {name: median(run[f"{name}_seconds"] for run in runs) for name in _ADJUSTERS}
    cost = {name: sum(run[f"{name}_cost"] for run in runs) / rounds for name in _ADJUSTERS}
    return {
        "ba_speed_over_ceres": median(run["ceres_seconds"] / run["ours_seconds"] for run in runs),
        "ba_cost_over_ceres": cost["ours"] / cost["ceres"],
        "clips": float(len(clips)),
        "points": runs[0]["points"],
        **{f"{name}_seconds": seconds[name] for name in _ADJUSTERS},
        **{f"{name}_cost": cost[name] for name in _ADJUSTERS},
        **{
            f"{name}_{key}": median(run[f"{name}_{key}"] for run in runs)
            for name in _ADJUSTERS
            for key in ("rotation_deg_median", "center_mm_mean")
        },
    }


def _bundle_runs(clip: Simulated, rounds: int) -> Iterator[dict[str, float]]:
    """One clip, from cameras turned by 3 degrees and shifted by 10 cm: seconds, cost and errors of both."""
    observed = observe(clip.poses, clip.rig)
    noise = torch.full_like(observed.noise, float(observed.noise.median()))
    weight = (observed.weight > 0).to(observed.x)
    weight = weight * ((weight > 0).sum(0) >= 2)
    R, t = _perturbed(clip.rig, 3.0, 0.1)
    xyz = triangulate_robust(R, t, observed.x.movedim(0, 2), weight.movedim(0, -1), noise.movedim(0, -1)).xyz
    images = (observed.x, weight, noise)
    for _ in range(rounds):
        started = time.process_time()
        bundle = bundle_adjust(BundleProblem(*images), R, t, xyz, min_gain=_MIN_GAIN)
        ours = time.process_time() - started
        ceres = ceres_bundle(R, t, xyz, *images, threads=1)
        run = {"points": float(weight[0].numel()), "ours_seconds": ours, "ceres_seconds": ceres.seconds}
        for name, found in zip(_ADJUSTERS, (bundle, ceres), strict=True):
            errors = camera_errors(Rig(clip.rig.names, clip.rig.camera.with_pose(found.R, found.t)), clip.rig)
            run[f"{name}_cost"] = _cost(found.R, found.t, found.xyz, *images)
            run[f"{name}_rotation_deg_median"] = errors.rotation_deg_median
            run[f"{name}_center_mm_mean"] = errors.center_mm_mean
        yield run


def _perturbed(rig: Rig, degrees: float, metres: float) -> tuple[Float[Tensor, "view 3 3"], Float[Tensor, "view 3"]]:
    """The true cameras, each turned and shifted by so much in a random direction."""
    rng = np.random.default_rng(0)
    turn, shift = (
        torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((len(rig.names), 3))), dim=-1)
        for _ in range(2)
    )
    R = exp(turn * float(np.deg2rad(degrees))) @ rig.camera.R
    center = rig.camera.center + metres * shift
    return R, -(R @ center[..., None])[..., 0]


def _cost(R: Tensor, t: Tensor, xyz: Tensor, x: Tensor, weight: Tensor, noise: Tensor) -> float:
    """The robust cost that both minimise."""
    r = (reproject(R[:, None], t[:, None, None], xyz).x - x) / noise[..., None]
    return float(robust_cost(r.square().sum(-1), weight).sum())


def triangulation_speed(clip: Simulated, points: int = 34_000, rounds: int = 7) -> dict[str, float]:
    """OpenCV's seconds over ours for optimal two-view points, medians of alternating rounds, and their difference."""
    observed = observe(clip.poses, clip.rig)
    a, b = (observed.x[view].reshape(-1, 2).repeat(points, 1)[:points].contiguous() for view in (0, 1))
    camera = clip.rig.camera
    R = camera.R[1] @ camera.R[0].mT
    t = camera.t[1] - R @ camera.t[0]
    E = essential_from_pose(R, t).numpy()
    P_a, P_b = np.eye(3, 4), np.column_stack([R.numpy(), t.numpy()])
    numpy_a, numpy_b = a.numpy()[None], b.numpy()[None]

    def opencv() -> np.ndarray:
        better_a, better_b = cv2.correctMatches(E, numpy_a, numpy_b)
        homogeneous = cv2.triangulatePoints(P_a, P_b, better_a[0].T, better_b[0].T)
        return (homogeneous[:3] / homogeneous[3]).T

    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_seconds(lambda: triangulate_pair(R, t, a, b)))
        theirs.append(_seconds(opencv))
    difference = np.linalg.norm(triangulate_pair(R, t, a, b).numpy() - opencv(), axis=-1)
    return {
        "triangulation_speed_over_opencv": median(theirs) / median(ours),
        "points": float(points),
        "ours_seconds": median(ours),
        "opencv_seconds": median(theirs),
        "difference_mm_median": 1000 * float(np.median(difference)),
    }


def calibration_speed(clip: Simulated) -> dict[str, float]:
    """Seconds from 2D poses to cameras and their report."""
    seconds = _seconds(lambda: calibrate_rig(clip.poses, clip.given()))
    return {"calibrate_1000_frames_s": seconds, "frames": float(len(clip.xyz)), "views": float(len(clip.rig.names))}


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def speeds(mocap: Path | None, rigs: Path | None, threads: int = 2, quick: bool = False) -> dict[str, dict[str, float]]:
    """All three, triangulation and calibration with ``threads`` threads."""
    where = {"mocap": mocap, "rigs": rigs, "roam": WALKS}
    count = 1 if quick else _CLIPS
    clips = [simulate(FIRST_SEED + i, frames=60 if quick else 300, **where) for i in range(count)]
    torch.set_num_threads(1)
    bundle = bundle_speed(clips, 1 if quick else 3)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    long = simulate(FIRST_SEED + count, frames=100 if quick else 1000, **where)
    return {
        "bundle": bundle,
        "triangulation": triangulation_speed(clips[0], rounds=1 if quick else 7),
        "calibration": calibration_speed(long),
    }


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path)
    parser.add_argument("--rigs", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    print(json.dumps(speeds(arguments.mocap, arguments.rigs, arguments.threads, arguments.quick), indent=2))


if __name__ == "__main__":
    main()
