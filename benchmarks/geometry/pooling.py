"""Pooling by numbers: the relative pose of two cameras from the keypoints of 1 to 300 frames, by three methods.

    python -m benchmarks.geometry.pooling --mocap DIR

writes benchmarks/results/pooling.json. The paper's step is F by RANSAC from one frame, and E from it. The others are
the same on the pooled keypoints, the five-point method, and what `relative_pose` does: several five-point starts,
refined on every correspondence. Simulated: the rig of Human3.6M's S1, all six pairs; motion capture of a person who
walks about (a generated walk without --mocap); a detector with the errors of a real one (noise_model.py).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from benchmarks.geometry.options import WALKS, Options, Result, in_processes, noise_options
from benchmarks.geometry.simulation import Simulated, simulate
from epipose.errors import EpiposeError
from epipose.experiments.errors import degrees_between, relative_rotation
from epipose.geometry.epipolar import most_in_front, poses_from_essential
from epipose.geometry.observations import observe
from epipose.geometry.relative_pose import relative_pose, relative_pose_from_one_frame
from epipose.geometry.sampling import evenly
from epipose.io.files import write_json

_OUT = Path(__file__).resolve().parents[1] / "results" / "pooling.json"
_FRAMES, _SEEDS = 300, 8
COUNTS = (1, 3, 10, 30, 100, 300)  # frames
RANSAC, FIVE_POINT, REFINED = "F by RANSAC", "E by five points", "E, refined on all points"
METHODS = (RANSAC, FIVE_POINT, REFINED)
_NO_ANSWER = 180.0  # degrees, where a method gives no pose


class Pair(NamedTuple):
    """Keypoints that two views share: on z = 1, undistorted pixels, weights, expected error on z = 1, intrinsics."""

    a: Float[Tensor, "point 2"]
    b: Float[Tensor, "point 2"]
    pixels_a: Float[Tensor, "point 2"]
    pixels_b: Float[Tensor, "point 2"]
    weight: Float[Tensor, " point"]
    noise: float
    K_a: Float[Tensor, "3 3"]
    K_b: Float[Tensor, "3 3"]


def shared_keypoints(clip: Simulated, i: int, j: int, frames: Int[Tensor, " frame"]) -> Pair:
    """The keypoints of views i and j in these frames, pooled; confidences below 0.3 are left out."""
    observed, camera = observe(clip.poses, clip.rig), clip.rig.camera
    weight = (observed.weight[i] * observed.weight[j]).sqrt()[frames].flatten()
    seen = weight > 0
    a, b = (observed.x[view][frames].reshape(-1, 2)[seen] for view in (i, j))
    pixels_a, pixels_b = (x * camera.K[v, [0, 1], [0, 1]] + camera.K[v, :2, 2] for x, v in ((a, i), (b, j)))
    noise = float((observed.noise[i].median() + observed.noise[j].median()) / 2)
    return Pair(a, b, pixels_a, pixels_b, weight[seen], noise, camera.K[i], camera.K[j])


def rotations(pair: Pair, seed: int) -> dict[str, Float[Tensor, "3 3"] | None]:
    """The rotation from the first view to the second by every method; None where a method gives none."""
    ransac = relative_pose_from_one_frame(pair.pixels_a, pair.pixels_b, pair.K_a, pair.K_b)
    try:
        refined = relative_pose(pair.a, pair.b, pair.weight, pair.noise, seed).R
    except EpiposeError:
        refined = None
    return {RANSAC: None if ransac is None else ransac[0], FIVE_POINT: _five_point(pair), REFINED: refined}


def _five_point(pair: Pair) -> Tensor | None:
    """One run of the five-point method in RANSAC, and the cheirality check."""
    if len(pair.a) < 5:
        return None
    a, b = (np.ascontiguousarray(points.numpy()) for points in (pair.a, pair.b))
    try:
        E, _ = cv2.findEssentialMat(a, b, np.eye(3), cv2.USAC_MAGSAC, 0.9999, pair.noise)
    except cv2.error:
        return None
    if E is None or E.shape != (3, 3) or not np.isfinite(E).all():
        return None
    R, t = poses_from_essential(torch.from_numpy(E))
    return R[most_in_front(R, t, pair.a, pair.b, pair.weight)[0]]


def _run(job: tuple[int, Options]) -> Result:
    """Errors (degrees) of one clip: method, number of frames, pair."""
    seed, options = job
    frames = 60 if options.quick else _FRAMES
    clip = simulate(seed, frames=frames, roam=WALKS, mocap=options.mocap, **noise_options("detector", 1.0))
    errors: dict[str, dict[str, list[float]]] = {method: {} for method in METHODS}
    for count in (count for count in COUNTS if count <= frames):
        chosen = evenly(frames, count) if count > 1 else torch.tensor([frames // 2])
        for i, j in combinations(range(len(clip.rig.names)), 2):
            true = relative_rotation(clip.rig, i, j)
            for method, R in rotations(shared_keypoints(clip, i, j, chosen), seed).items():
                error = _NO_ANSWER if R is None else degrees_between(R, true)
                errors[method].setdefault(str(count), []).append(error)
    return {"seed": seed, "motion": clip.motion, "rotation_deg": errors}


def summary(runs: Sequence[Result]) -> Result:
    """Median and quartiles over clips and pairs, by method and number of frames."""
    return {
        method: [
            {"frames": int(count), "pairs": len(values), **_quartiles(values)}
            for count in runs[0]["rotation_deg"][method]
            for values in [[error for run in runs for error in run["rotation_deg"][method][count]]]
        ]
        for method in METHODS
    }


def _quartiles(values: Sequence[float]) -> dict[str, float]:
    low, middle, high = np.percentile(values, (25, 50, 75)).tolist()
    return {"median_deg": middle, "lower_deg": low, "upper_deg": high}


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, help="folder of CMU or DeepMimic motions")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=_SEEDS, help="clips")
    parser.add_argument("--quick", action="store_true", help="one seed, short clips: does it run")
    parser.add_argument("--out", type=Path, default=_OUT)
    arguments = vars(parser.parse_args())
    out, options = arguments.pop("out"), Options(**arguments)
    runs = list(in_processes(_run, [(seed, options) for seed in options.seed_range()], options.workers))
    motion = "motion capture" if options.mocap else "generated walk"
    write_json(out, {"clips": len(runs), "motion": motion, "methods": summary(runs), "runs": runs})


if __name__ == "__main__":
    main()
