"""Clips of one rig, each alone and all together: by how much pooling lessens the error.

Ten clips of the same cameras, with other motions, other people and each with the detector's errors drawn anew. What the
detector does alike in every clip stays; what differs averages out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import median

from benchmarks.geometry.methods import cpu_seconds, ours
from benchmarks.geometry.options import WALKS, Options, Result, in_processes, noise_options
from benchmarks.geometry.rivals import timed
from benchmarks.geometry.simulation import simulate
from epipose.camera import Rig
from epipose.experiments.errors import camera_errors
from epipose.poses import Poses2D

# (clips as keypoints and frame rate, intrinsics) -> one rig per clip, of the same cameras
Pooled = Callable[[Sequence[tuple[Poses2D, float]], Rig], Sequence[Rig]]
RunAll = Callable[[Callable[[tuple[int, Options]], Result], Sequence[tuple[int, Options]], int], Iterable[Result]]
_CLIPS, _RIGS, _FRAMES = 10, 3, 200


def pooled_part(options: Options, pooled: Pooled, run_all: RunAll = in_processes) -> Result:
    """Median over the rigs of (error of the median single clip over that of the pooled rig)."""
    jobs = [(seed, options) for seed in options.seed_range(_RIGS)]
    runs = list(run_all(partial(_run, pooled), jobs, options.workers))
    return {"pooled_gain": median(run["gain"] for run in runs), "pooled": {"clips": _CLIPS, "runs": runs}}


def _run(pooled: Pooled, job: tuple[int, Options]) -> Result:
    """One rig: errors of the single clips and of the rig from all."""
    seed, options = job
    frames, count = (60, 3) if options.quick else (_FRAMES, _CLIPS)
    first = seed * 100
    rig = simulate(first, frames=20, mocap=options.mocap, rigs=options.rigs).rig
    clips = [
        simulate(
            first + clip,
            frames=frames,
            roam=WALKS,
            rig=rig,
            **options.sources(),
            **noise_options("detector", 1.0),
        )
        for clip in range(count)
    ]
    given = clips[0].given()
    alone = [timed(ours, clip.poses, given) for clip in clips]
    errors = [camera_errors(found.rig, rig).rotation_deg_median for found in alone if found.rig is not None]
    together: list[Rig] = []
    seconds, cpu = cpu_seconds(lambda: together.extend(pooled([(clip.poses, clip.fps) for clip in clips], given)))
    pooled_errors = [camera_errors(found, rig).rotation_deg_median for found in together]
    return {
        "seed": seed,
        "alone_deg": errors,
        "pooled_deg": median(pooled_errors),
        "gain": median(errors) / median(pooled_errors),
        "alone_cpu_s": round(sum(found.cpu_seconds for found in alone), 1),
        "pooled_cpu_s": round(cpu, 1),
        "pooled_s": round(seconds, 1),
    }
