"""Many calibrations of good and spoiled simulated clips, for the limits and the error rates of the verdict.

One JSON line per run; verdicts.py sums them up. The seed decides the noise (see `LEVELS`) and whether the person moves
as captured or walks about. With --caliscope the same clips go through caliscope, too, which gives cameras without a
verdict.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch

from benchmarks.geometry.caliscope_rival import caliscope
from benchmarks.geometry.failures import HIDDEN, KINDS, spoiled
from benchmarks.geometry.noise_model import NoiseModel
from benchmarks.geometry.rivals import timed
from benchmarks.geometry.simulation import Simulated
from epipose.camera import Rig, assumed_camera, stack_cameras
from epipose.errors import EpiposeError
from epipose.experiments.errors import camera_errors

LEVELS = (0.0, 1.0, 1.5)  # 0: "6 px + 3 % outliers"; others: the fitted detector's errors, times this
_WALKS = 1.5  # metres: half the extent of the path of a person who walks about


def clip_of(kind: str, seed: int, **options: Any) -> tuple[Simulated, dict[str, Any]]:
    """The clip of a run, with the noise and the path of its seed, and what a record says of it."""
    level = LEVELS[seed % len(LEVELS)]
    noise = {"model": NoiseModel.load(), "level": level} if level else {}
    roam = None if seed % 2 else _WALKS
    clip = spoiled(kind, seed, roam=roam, **noise, **options)
    return clip, {"kind": kind, "seed": seed, "level": level, "roam": roam, "motion": clip.motion}


def given_intrinsics(kind: str, clip: Simulated) -> Rig:
    """What calibration is given: the clip's intrinsics, or ordinary lenses where the kind hides them."""
    if kind not in HIDDEN:
        return clip.given()
    sizes = clip.rig.camera.size.tolist()
    return Rig(clip.rig.names, stack_cameras([assumed_camera(width, height) for width, height in sizes]))


def verdict_runs(
    kinds: Iterable[str], seeds: Iterable[int], workers: int = 2, rival: Path | None = None, **options: Any
) -> Iterator[dict[str, Any]]:
    """One record per run: kind, seed, rotation error of the worst pair (None: refused), evidence and verdict.

    ``rival``: a Python that has caliscope; a record then has its error as well (None: no cameras). Each process has one
    thread.
    """
    jobs = [(kind, seed, rival, options) for seed in seeds for kind in kinds]
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield from pool.map(_run, jobs)


def _run(job: tuple[str, int, Path | None, dict[str, Any]]) -> dict[str, Any]:
    from epipose.calibration.calibrate import calibrate_rig
    from epipose.calibration.rig_options import RigOptions
    from epipose.io.records import as_json

    kind, seed, rival, options = job
    clip, record = clip_of(kind, seed, **options)
    given = given_intrinsics(kind, clip)
    if rival is not None:
        record["caliscope_rotation_deg_max"] = _rotation_of(timed(caliscope(rival), clip.poses, given).rig, clip)
    try:
        focal = "shared" if kind in HIDDEN else "known"
        found = calibrate_rig(clip.poses, given, RigOptions(focal=focal), fps=clip.fps)
    except EpiposeError as error:
        return {**record, "rotation_deg_max": None, "refused": str(error)}
    report = {"evidence": as_json(found.evidence), "verdict": as_json(found.verdict), "cameras": as_json(found.cameras)}
    return {**record, "rotation_deg_max": _rotation_of(found.rig, clip), "report": report}


def _rotation_of(rig: Rig | None, clip: Simulated) -> float | None:
    """Error in degrees of the rotation between the worst two cameras; None without cameras."""
    if rig is None or not bool(rig.camera.R.isfinite().all()):
        return None
    return camera_errors(rig, clip.rig).rotation_deg_max


def main() -> None:
    """Run kinds and seeds and append one JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 20), metavar=("FIRST", "END"))
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--mocap", type=Path)
    parser.add_argument("--rigs", type=Path)
    parser.add_argument("--caliscope", type=Path, help="a Python that has caliscope")
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    options = {"frames": a.frames, "mocap": a.mocap, "rigs": a.rigs}
    with a.out.open("a", encoding="utf-8") as lines:
        for record in verdict_runs(a.kinds, range(*a.seeds), a.workers, a.caliscope, **options):
            lines.write(json.dumps(record) + "\n")
            lines.flush()
            print(record["kind"], record["seed"], record["rotation_deg_max"], flush=True)


if __name__ == "__main__":
    main()
