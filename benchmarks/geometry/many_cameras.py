"""Many cameras: 14 of a drawn rig, and 8 of the same 14 with the same detections.

More cameras have to give no worse cameras: errors are compared on the pairs of the eight that both have.
"""

from __future__ import annotations

import numpy as np

from benchmarks.geometry.methods import ours
from benchmarks.geometry.options import WALKS, Options, Result, in_processes, median_of, noise_options
from benchmarks.geometry.rivals import timed
from benchmarks.geometry.simulation import simulate
from epipose.experiments.errors import camera_errors

_ALL, _SOME = 14, 8
NOISES = (("simple", 6.0), ("detector", 1.0))


def many_cameras_part(options: Options) -> Result:
    """Ratios of errors (medians over the clips; of both noises the larger) and of CPU times (sums)."""
    jobs = [(noise, seed, options) for noise in NOISES for seed in options.seed_range()]
    runs = list(in_processes(_run, jobs, options.workers))
    table = [_row([run for run in runs if run["noise"] == noise]) for noise, _ in NOISES]
    ratios = [row["ratio"] for row in table if row["ratio"] is not None]
    return {
        "many_cameras_ratio": max(ratios) if ratios else None,
        "many_cameras_cpu_ratio": sum(run["all_cpu_s"] for run in runs) / sum(run["some_cpu_s"] for run in runs),
        "many_cameras": {"table": table, "runs": runs},
    }


def _run(job: tuple[tuple[str, float], int, Options]) -> Result:
    noise, seed, options = job
    frames = 60 if options.quick else options.frames
    clip = simulate(
        seed, views=_ALL, frames=frames, layout="mixed", roam=WALKS, mocap=options.mocap, **noise_options(*noise)
    )
    chosen = np.sort(np.random.default_rng([seed, _SOME]).permutation(_ALL)[:_SOME])
    names = tuple(clip.rig.names[view] for view in chosen)
    result: Result = {"noise": noise[0], "seed": seed}
    for which, through in (("some", clip.of_views(names)), ("all", clip)):
        rig, seconds, cpu_seconds = timed(ours, through.poses, through.given())
        result |= {f"{which}_s": round(seconds, 2), f"{which}_cpu_s": round(cpu_seconds, 2)}
        if rig is not None:
            errors = camera_errors(rig.select(names), clip.rig.select(names))
            result |= {f"{which}_deg": errors.rotation_deg_median, f"{which}_deg_max": errors.rotation_deg_max}
    return result


def _row(runs: list[Result]) -> Result:
    both = [run for run in runs if "some_deg" in run and "all_deg" in run]
    columns = ("some_deg", "all_deg", "some_deg_max", "all_deg_max", "some_cpu_s", "all_cpu_s")
    row = {column: median_of(both, column) for column in columns}
    some, every = row["some_deg"], row["all_deg"]
    ratio = None if some is None or every is None else every / some
    return {"noise": runs[0]["noise"], "clips": len(runs), "found": len(both), "ratio": ratio, **row}
