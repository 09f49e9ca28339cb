"""Gain of calibrating clips of one rig together: the error of the shared cameras against that of single clips.

    python -m benchmarks.geometry.pooled --mocap DIR --rigs FILE --seeds 5000 5001 5002

Every seed draws a rig and some clips of different bodies before it, with the errors of the fitted detector; in one of
more clips (--moved DEGREES) a camera is turned, and the clip must be left out. Merges into
benchmarks/results/geometry.json: ``pooled_gain``, the median clip's median rotation error over the shared rig's (the
median over the seeds), ``pooled_moved_found`` and the seconds per clip beyond those of calibrating it alone.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.geometry.noise_model import NoiseModel
from benchmarks.geometry.simulation import Simulated, detected, random_motion, sampled, simulate
from epipose.calibration.calibrate import calibrate_rig
from epipose.calibration.pooled import ClipInput, calibrate_together
from epipose.camera import Rig
from epipose.experiments.errors import camera_errors
from epipose.geometry.rotation import exp
from epipose.io.files import read_json, write_json
from epipose.poses import Poses2D

_WALKS = 1.5  # metres: half the extent of the path
_OUT = Path(__file__).resolve().parents[1] / "results" / "geometry.json"


def clips_of_one_rig(first: Simulated, seed: int, count: int, moved_deg: float = 0.0) -> list[Simulated]:
    """``count`` clips of other bodies before the first one's rig; with ``moved_deg`` a camera is turned in the last."""
    clips = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        rig = turned(first.rig, moved_deg, rng) if moved_deg and number == count - 1 else first.rig
        frames = len(first.xyz)
        name, dense = random_motion(rng, (frames + 1) / first.fps, first.scene, _WALKS)
        xyz = sampled(dense, torch.arange(frames, dtype=torch.float64) / first.fps)
        xy, conf = detected(rig, xyz.expand(len(rig.names), *xyz.shape), first.fps, first.noise, rng)
        poses = Poses2D(xy[:, :, None], conf[:, :, None], first.poses.skeleton, rig.names)
        clips.append(replace(first, poses=poses, rig=rig, xyz=xyz, motion=name))
    return clips


def turned(rig: Rig, degrees: float, rng: np.random.Generator) -> Rig:
    """The rig with one camera turned about its centre, by some axis."""
    view, axis = int(rng.integers(len(rig.names))), torch.from_numpy(rng.standard_normal(3))
    camera = rig.camera
    R, t = camera.R.clone(), camera.t.clone()
    R[view] = exp(math.radians(degrees) * axis / axis.norm()) @ R[view]
    t[view] = -R[view] @ camera.center[view]
    return replace(rig, camera=camera.with_pose(R, t))


def measured(seed: int, arguments: argparse.Namespace, moved_deg: float = 0.0) -> dict[str, Any]:
    """One rig: errors of every clip alone and of the shared rig, in degrees, and seconds."""
    first = simulate(
        seed, frames=arguments.frames, model=NoiseModel.load(), mocap=arguments.mocap, rigs=arguments.rigs, roam=_WALKS
    )
    clips = clips_of_one_rig(first, seed, arguments.clips, moved_deg)
    started = time.process_time()
    alone = [calibrate_rig(clip.poses, first.given(), fps=clip.fps) for clip in clips]
    between = time.process_time()
    inputs = [ClipInput(f"clip {number}", clip.poses, clip.fps) for number, clip in enumerate(clips)]
    together = calibrate_together(inputs, first.given())
    seconds = time.process_time() - between
    errors = [camera_errors(one.rig, clip.rig) for one, clip in zip(alone, clips, strict=True)]
    shared = camera_errors(together[0].rig, first.rig)
    single = median(error.rotation_deg_median for error in errors)
    return {
        "seed": seed,
        "moved_deg": moved_deg,
        "single_rotation_deg": [error.rotation_deg_median for error in errors],
        "shared_rotation_deg": shared.rotation_deg_median,
        "shared_rotation_deg_max": shared.rotation_deg_max,
        "shared_sigma_deg": together[0].evidence.worst_sigma_deg,
        "gain": single / shared.rotation_deg_median,
        "left_out": [k for k, one in enumerate(together) if any("Left out of" in words for words in one.remarks)],
        "seconds_alone": between - started,
        "seconds_together": seconds,
    }


def main() -> None:
    """Measure and merge into the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mocap", type=Path)
    parser.add_argument("--rigs", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[5000, 5001, 5002])
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--moved", type=float, default=2.0)
    parser.add_argument("--out", type=Path, default=_OUT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = []
    for seed in arguments.seeds:
        runs.append(measured(seed, arguments))
        print(runs[-1], flush=True)
    few = argparse.Namespace(**{**vars(arguments), "clips": 3})
    moved = [measured(seed, few, arguments.moved) for seed in arguments.seeds] if arguments.moved else []
    print(moved, flush=True)
    before = read_json(arguments.out) if arguments.out.exists() else {}
    summary = {
        "pooled_gain": median(run["gain"] for run in runs),
        "pooled_moved_found": sum(run["left_out"] == [2] for run in moved) / max(len(moved), 1),
        "pooled": {"clips": arguments.clips, "frames": arguments.frames, "runs": runs, "moved": moved},
    }
    write_json(arguments.out, {**before, **summary})


if __name__ == "__main__":
    main()
