"""Stated uncertainty against true error: z-scores of the rotations between cameras, in simulation.

z is the true error of the rotation between two cameras over the standard deviation that calibration states for it; where
that is true, z has a root mean square of 1. Detections have the detector's errors, biased by body part. Intrinsics are
given (drawn rigs with a lens per camera) or hidden (cameras of one model whose focal lengths and principal points are
not quite what one assumes). Every pair of every clip counts, but those of rigs with the verdict "reject", which are
stated to be wrong; they count in ``z_rms_all``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.geometry.options import WALKS, Options, Result, in_processes, noise_options
from benchmarks.geometry.simulation import Simulated, simulate
from benchmarks.geometry.uncertainty_plot import draw_calibration
from benchmarks.geometry.unknowns import without_lenses
from epipose.calibration.calibrate import calibrate_rig
from epipose.calibration.result import Calibration
from epipose.calibration.rig_options import RigOptions
from epipose.errors import EpiposeError
from epipose.experiments.errors import camera_errors

PLOT = Path(__file__).resolve().parents[2] / "docs" / "images" / "uncertainty.png"
_FRAMES = 200


class Row(NamedTuple):
    """Cameras and whether their intrinsics are given."""

    views: int
    given: bool


ROWS = tuple(Row(views, given) for given in (True, False) for views in (2, 3, 4, 8))


def uncertainty_part(options: Options) -> Result:
    """Root mean squares of z: three views and more with intrinsics given, and hidden; and two views, of both."""
    jobs = [(row, seed, options) for row in ROWS for seed in options.seed_range()]
    runs = list(in_processes(_run, jobs, options.workers))
    table = [row_of(row, [run for run in runs if (run["views"], run["given"]) == row]) for row in ROWS]
    pairs = {row: _pairs(run for run in runs if (run["views"], run["given"]) == row) for row in ROWS}
    points = {
        name: [pair for row in ROWS if row.given == given for pair in pairs[row]]
        for name, given in (("intrinsics given", True), ("intrinsics hidden", False))
    }
    if not options.quick:
        draw_calibration(points, PLOT)
    return {
        "z_rms_given": z_rms([pair for row in ROWS if row.given and row.views > 2 for pair in pairs[row]]),
        "z_rms_hidden": z_rms([pair for row in ROWS if not row.given and row.views > 2 for pair in pairs[row]]),
        "z_rms_two_views": z_rms([pair for row in ROWS if row.views == 2 for pair in pairs[row]]),
        "uncertainty": {"table": table, "runs": runs},
    }


def calibrated(clip: Simulated, given: bool) -> Calibration:
    """Calibration as anybody has it: with the true intrinsics, or with none."""
    if given:
        return calibrate_rig(clip.poses, clip.given(), fps=clip.fps)
    return calibrate_rig(clip.poses, without_lenses(clip.rig), RigOptions(focal="shared"), fps=clip.fps)


def _run(job: tuple[Row, int, Options]) -> Result:
    """One clip: (stated sigma, true error) in degrees of every pair."""
    row, seed, options = job
    clip = simulate(
        seed,
        views=row.views,
        frames=60 if options.quick else _FRAMES,
        layout="mixed" if row.given else "one model",
        roam=None if seed % 2 else WALKS,
        mocap=options.mocap,
        **noise_options("detector", 1.0),
    )
    record: Result = {**row._asdict(), "seed": seed, "motion": clip.motion}
    try:
        found = calibrated(clip, row.given)
    except EpiposeError as error:
        return {**record, "verdict": "refused", "refused": str(error), "pairs": []}
    return {**record, "verdict": found.verdict.word, "pairs": stated_and_true(found, clip)}


def stated_and_true(found: Calibration, clip: Simulated) -> list[tuple[float, float]]:
    """Stated standard deviation and true error of the rotation of every pair that calibration reports, in degrees."""
    true = camera_errors(found.rig, clip.rig).rotation_deg
    return [(round(pair.sigma_in_rig_deg, 5), round(true["-".join(pair.views)], 5)) for pair in found.pairs]


def z_rms(pairs: list[tuple[float, float]]) -> float | None:
    """Root mean square of true error over stated sigma; None without pairs."""
    return math.sqrt(sum((error / sigma) ** 2 for sigma, error in pairs) / len(pairs)) if pairs else None


def _pairs(runs, rejected: bool = False) -> list[tuple[float, float]]:
    return [tuple(pair) for run in runs if rejected or run["verdict"] != "reject" for pair in run["pairs"]]


def row_of(row: Row, runs: list[Result]) -> Result:
    """One row of the table."""
    pairs = _pairs(runs)
    z = np.array([error / sigma for sigma, error in pairs])
    sigmas, errors = (np.array(pairs).reshape(-1, 2)[:, column] for column in (0, 1))
    return {
        **row._asdict(),
        "clips": len(runs),
        "rejected": sum(run["verdict"] == "reject" for run in runs),
        "refused": sum(run["verdict"] == "refused" for run in runs),
        "pairs": len(pairs),
        "z_rms": z_rms(pairs),
        "z_rms_all": z_rms(_pairs(runs, rejected=True)),
        "z_median": float(np.median(z)) if len(z) else None,
        "z_above_2_share": float((z > 2).mean()) if len(z) else None,
        "sigma_deg_median": float(np.median(sigmas)) if len(z) else None,
        "error_deg_median": float(np.median(errors)) if len(z) else None,
    }
