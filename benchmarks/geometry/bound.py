"""Bound on rotation errors under independent noise: least squares on the true inliers, from the true cameras.

Nobody has these: which keypoints are outliers is known to the simulation alone. With independent normal errors no
method without other knowledge of the person can be expected to do better, so the distance of a method's error from this
one is what its robustness costs. The clips are those of the table at 6 px + 3 %.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from benchmarks.geometry.options import WALKS, Options, Result, in_processes, median_of
from benchmarks.geometry.simulation import Simulated, simulate
from epipose.experiments.errors import camera_errors
from epipose.geometry.bundle import BundleProblem, bundle_adjust
from epipose.geometry.observations import observe

_PIXELS, _INLIER = 6.0, 4.0  # standard deviation of the errors, and how many of them an inlier's has at most
_SQUARE = 100.0  # standard deviations: Cauchy's constant that makes the loss a square
_LONGER = 500  # frames
_ERRORS = ("rotation_deg_median", "rotation_deg_max", "center_mm_mean")


def bound_part(options: Options) -> Result:
    """Medians over the clips, of the median pair of each; for the table's clips and for longer ones."""
    lengths = (60,) if options.quick else (options.frames, _LONGER)
    jobs = [(frames, seed, options) for frames in lengths for seed in options.seed_range()]
    runs = list(in_processes(_run, jobs, options.workers))
    of_length = {frames: [run for run in runs if run["frames"] == frames] for frames in lengths}
    table = [
        {"frames": frames, "clips": len(rows), **{error: median_of(rows, error) for error in _ERRORS}}
        for frames, rows in of_length.items()
    ]
    return {"sim_rotation_bound_deg": table[0]["rotation_deg_median"], "bound": {"table": table, "runs": runs}}


def _run(job: tuple[int, int, Options]) -> Result:
    frames, seed, options = job
    clip = simulate(seed, frames=frames, roam=WALKS, pixels=_PIXELS, **options.sources())
    return {"frames": frames, "seed": seed, **bound_of(clip)}


def bound_of(clip: Simulated) -> Result:
    """Errors of the cameras that least squares finds on the inliers of one clip."""
    camera, observed = clip.rig.camera, observe(clip.poses, clip.rig)
    off = (clip.poses.xy[:, :, 0].double() - camera.spread(2).project(clip.xyz)).norm(dim=-1)
    weight = (observed.weight > 0) & (off < _INLIER * _PIXELS)
    weight = weight & (weight.sum(0) >= 2)
    noise = (_SQUARE * _PIXELS / camera.focal.double())[:, None, None].expand_as(observed.noise)
    problem = BundleProblem(observed.x, _SQUARE**2 * weight.to(torch.float64), noise)
    found = bundle_adjust(problem, camera.R, camera.t, clip.xyz, min_gain=1e-9)
    errors = camera_errors(replace(clip.rig, camera=camera.with_pose(found.R, found.t)), clip.rig)
    return {error: getattr(errors, error) for error in _ERRORS}
