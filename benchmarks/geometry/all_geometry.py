"""Benchmark of the geometry: simulated clips and the real sample, ours beside every rival, in one run.

    python -m benchmarks.geometry.all_geometry --mocap DIR --rigs FILE --humancalib DIR/bin/python

writes benchmarks/results/geometry.json: the numbers that docs and tests quote at the top, full tables below them. Each
part can be measured again alone (--only sample); what the others found stays. Without --mocap and --rigs a generated
walk in one rig is used, and the JSON says so. The sample needs the demo's folder (make demo).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.geometry.against_reference import label_errors, truth_error
from benchmarks.geometry.humancalib_rival import humancalib, with_lifted
from benchmarks.geometry.noise_model import NoiseModel
from benchmarks.geometry.rivals import RIVALS, Rival, timed
from benchmarks.geometry.simulation import Simulated, simulate
from benchmarks.geometry.speed import speeds
from benchmarks.geometry.unknowns import sample_unknowns, simulated_unknowns
from benchmarks.geometry.verdicts import read, summary
from epipose.calibration.calibrate import calibrate_rig
from epipose.camera import Camera, Rig
from epipose.errors import EpiposeError
from epipose.evaluation.metrics import mpjpe_mm
from epipose.experiments.errors import camera_errors
from epipose.geometry.observations import observe
from epipose.geometry.triangulate import vector_median_of_pairs
from epipose.io.files import read_json, write_json
from epipose.io.records import as_json
from epipose.poses import Poses2D
from epipose.reconstruction.label import label_poses

Result = dict[str, Any]
_OURS = "epipose"
_LEVELS = (0.5, 1.0, 1.5, 2.0)  # of the fitted detector's errors
_SEEDS = 5
_FRAMES = 500
_WALKS = 1.5  # metres: half the extent of the path of a person who walks about
_QUOTED = ("simple", 6.0)  # pixels of Gaussian error, with 3 % outliers of 60 px
_COMPARED = (_QUOTED, ("detector", 1.0))  # where the rivals run too


def ours(poses: Poses2D, intrinsics: Rig) -> Rig | None:
    """This library, as anybody calls it."""
    return calibrate_rig(poses, intrinsics, fps=50.0).rig


def methods(arguments: argparse.Namespace) -> dict[str, Rival]:
    """Ours and every rival that can run here."""
    found = {_OURS: ours, **RIVALS}
    if arguments.humancalib:
        found["humancalib"] = humancalib(arguments.humancalib)
    return found


# --- simulation -----------------------------------------------------------------------------------------------------


def simulation_part(arguments: argparse.Namespace) -> Result:
    """The fitted detector at 4 levels and 6 px + 3 % outliers, 5 seeds each; quoted are medians at the latter.

    The person walks about the room. "As captured" is the same motion left where it was, which may be on one spot.
    """
    noises = [_QUOTED, *(("detector", level) for level in _LEVELS)]
    seeds = range(1 if arguments.quick else _SEEDS)
    if arguments.quick:
        noises = list(_COMPARED)
    jobs = [(kind, amount, _WALKS, seed, arguments) for kind, amount in noises for seed in seeds]
    jobs += [(*_QUOTED, None, seed, arguments) for seed in seeds]
    os.environ["OMP_NUM_THREADS"] = "1"
    runs: list[Result] = []
    with ProcessPoolExecutor(arguments.workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for run in pool.map(_simulated_run, jobs):
            runs.append(run)
            print(run["noise"], run["amount"], run["seed"], run["methods"][_OURS], flush=True)
    reference = [run for run in runs if (run["noise"], run["amount"], run["walks"]) == (*_QUOTED, True)]
    mine = [run["methods"][_OURS] for run in reference]
    return {
        "sim_rotation_deg_median": _median(mine, "rotation_deg_median"),
        "sim_label_gap_mm": _median(mine, "label_gap_mm"),
        "sim_gain_over_vector_median": median(run["gain_over_vector_median"] for run in reference),
        "simulation": {
            "motion": str(arguments.mocap.name) if arguments.mocap else "generated",
            "motions": arguments.motions,
            "rigs": "Human3.6M, 11 subjects" if arguments.rigs else "Human3.6M, S1",
            "frames": _frames(arguments),
            "table": list(_table(runs)),
            "runs": runs,
        },
    }


def _frames(arguments: argparse.Namespace) -> int:
    return 60 if arguments.quick else _FRAMES


def _simulated_run(job: tuple[str, float, float | None, int, argparse.Namespace]) -> Result:
    """One clip: every method's errors, and what the labels owe to robust triangulation."""
    kind, amount, roam, seed, arguments = job
    noise: Result = {"pixels": amount} if kind == "simple" else {"model": NoiseModel.load(), "level": amount}
    clip = simulate(
        seed,
        frames=_frames(arguments),
        mocap=arguments.mocap,
        rigs=arguments.rigs,
        motions=arguments.motions,
        roam=roam,
        **noise,
    )
    clip_labels = truth_error(clip.poses, clip.rig, clip.xyz)
    poses, given = with_lifted(clip, seed), clip.given()
    everyone = methods(arguments) if (kind, amount) in _COMPARED and roam is not None else {_OURS: ours}
    measured = {name: _measured(method, poses, given, clip, clip_labels) for name, method in everyone.items()}
    return {
        "noise": kind,
        "amount": amount,
        "walks": roam is not None,
        "seed": seed,
        "motion": clip.motion,
        "labels_true_cameras_pmpjpe_mm": clip_labels,
        "gain_over_vector_median": gain_over_vector_median(clip),
        "methods": measured,
    }


def _measured(method: Rival, poses: Poses2D, given: Rig, clip: Simulated, true_labels: float) -> Result:
    rig, seconds = timed(method, poses, given)
    if rig is None:
        return {"found": False, "seconds": round(seconds, 2)}
    errors = camera_errors(rig, clip.rig)
    result: Result = {"found": True, "seconds": round(seconds, 2)}
    result |= {key: getattr(errors, key) for key in ("rotation_deg_median", "rotation_deg_max", "center_mm_mean")}
    try:
        result["label_pmpjpe_mm"] = truth_error(clip.poses, rig, clip.xyz)
        result["label_gap_mm"] = result["label_pmpjpe_mm"] - true_labels
    except EpiposeError:  # cameras so wrong that no label survives
        result["label_pmpjpe_mm"] = None
    return result


def gain_over_vector_median(clip: Simulated) -> float:
    """1 - MPJPE of our labels / MPJPE of the vector median of pairs: same joints, true cameras."""
    camera, observed = clip.rig.camera, observe(clip.poses, clip.rig)
    labels = label_poses(clip.poses, clip.rig)
    x, weight, _ = observed.per_point()
    of_pairs = vector_median_of_pairs(camera.R, camera.t, x, weight)
    counted = ((labels.conf[:, 0] > 0) & ((weight > 0).sum(-1) >= 2)).double()
    root = labels.skeleton.root
    whole = counted[:, root] > 0
    robust, plain = (
        float(mpjpe_mm(xyz[whole], clip.xyz[whole], root, counted[whole]).mean())
        for xyz in (labels.xyz[:, 0].double(), of_pairs)
    )
    return 1 - robust / plain


_COLUMNS = ("rotation_deg_median", "rotation_deg_max", "center_mm_mean", "label_pmpjpe_mm", "label_gap_mm", "seconds")


def _table(runs: list[Result]) -> Iterator[Result]:
    """Medians over the seeds per noise and method; a method that gave up counts in ``found`` only."""
    cases = dict.fromkeys((run["noise"], run["amount"], run["walks"]) for run in runs)
    for kind, amount, walks in cases:
        chosen = [run for run in runs if (run["noise"], run["amount"], run["walks"]) == (kind, amount, walks)]
        for name in chosen[0]["methods"]:
            rows = [run["methods"][name] for run in chosen]
            row = {column: _median(rows, column) for column in _COLUMNS}
            case = {"noise": kind, "amount": amount, "walks": walks, "method": name}
            yield {**case, "found": sum(r["found"] for r in rows), **row}


def _median(rows: list[Result], column: str) -> float | None:
    values = [row[column] for row in rows if row.get(column) is not None]
    return median(values) if values else None


# --- the real sample ------------------------------------------------------------------------------------------------


def sample_part(arguments: argparse.Namespace) -> Result:
    """The demo's clip against its wand calibration, both detectors, every method."""
    reference = Rig.load(arguments.demo / "sample/reference/rig.json")
    camera = reference.camera
    given = Rig(reference.names, Camera.from_intrinsics(camera.K, camera.distortion, camera.size))
    table: dict[str, dict[str, Result]] = {}
    for detector in ("full", "heavy"):
        path = arguments.demo / detector / "poses2d.npz"
        if path.exists():
            poses = Poses2D.load(path)
            reference_labels = label_poses(poses, reference)
            table[detector] = {}
            for name, method in methods(arguments).items():
                rig, seconds = timed(method, poses, given)
                row: Result = {"found": rig is not None, "seconds": round(seconds, 2)}
                if rig is not None:
                    row |= as_json(camera_errors(rig, reference))
                    with suppress(EpiposeError):  # cameras so wrong that no label survives
                        row |= label_errors(label_poses(poses, rig), reference_labels)
                table[detector][name] = row
                print(detector, name, {key: row.get(key) for key in _COLUMNS}, flush=True)
    mine = table["full"][_OURS]
    quoted = {f"sample_{key}": mine[key] for key in ("rotation_deg_median", "rotation_deg_max", "center_mm_mean")}
    return {**quoted, "sample": table}


# --- intrinsics and offsets that are not given ----------------------------------------------------------------------


def unknowns_part(arguments: argparse.Namespace) -> Result:
    """Focal lengths and offsets, simulated (6 px + 3 % outliers) and real (see unknowns.py)."""
    options = {"mocap": arguments.mocap, "rigs": arguments.rigs, "roam": _WALKS}
    seeds, clips = (1, 2) if arguments.quick else (_SEEDS, 20)
    return {**simulated_unknowns(seeds, clips, _frames(arguments), **options), **sample_unknowns(arguments.demo)}


# --- the verdict ----------------------------------------------------------------------------------------------------


def verdict_part(arguments: argparse.Namespace) -> Result:
    """False alarms and misses of the verdict: runs of failures.py with seeds that chose no limit (see verdicts.py)."""
    if not arguments.failures:
        return {}
    found = summary(read(arguments.failures))
    quoted = ("verdict_gross_rejected_share", "verdict_good_rejected_share")
    return {**{key: found[key] for key in quoted}, "verdicts": found}


# --- speed ----------------------------------------------------------------------------------------------------------


def speed_part(arguments: argparse.Namespace) -> Result:
    """Ratios in one run (see speed.py)."""
    found = speeds(arguments.mocap, arguments.rigs, quick=arguments.quick)
    quoted = {
        "ba_speed_over_ceres": found["bundle"]["ba_speed_over_ceres"],
        "triangulation_speed_over_opencv": found["triangulation"]["triangulation_speed_over_opencv"],
        "calibrate_1000_frames_s": found["calibration"]["calibrate_1000_frames_s"],
    }
    return {**quoted, "speed": found}


# A part takes the options and returns top-level entries of the JSON: quoted numbers, then its table under its name.
PARTS: dict[str, Callable[[argparse.Namespace], Result]] = {
    "simulation": simulation_part,
    "sample": sample_part,
    "unknowns": unknowns_part,
    "verdict": verdict_part,
    "speed": speed_part,
}


def main() -> None:
    """Measure all parts, or one, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, help="folder of CMU or DeepMimic motions")
    parser.add_argument("--rigs", type=Path, help="JSON of Human3.6M's cameras")
    parser.add_argument("--motions", default="*", help="pattern of the motions' names")
    parser.add_argument("--humancalib", type=Path, help="a Python that has humancalib")
    parser.add_argument("--demo", type=Path, default=Path("demo"))
    parser.add_argument("--failures", type=Path, nargs="*", help="what failures.py wrote for seeds from 5000 on")
    parser.add_argument("--only", choices=list(PARTS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one seed, short clips: does it run")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/geometry.json"))
    arguments = parser.parse_args()
    result: Result = read_json(arguments.out) if arguments.only and arguments.out.exists() else {}
    for name, part in PARTS.items():
        if arguments.only in (None, name):
            started = time.perf_counter()
            result |= part(arguments)
            print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    quoted = {key: value for key, value in result.items() if not isinstance(value, dict)}
    write_json(arguments.out, {**quoted, **result})
    for key, value in quoted.items():
        print(f"{key}: {value:.4g}")


if __name__ == "__main__":
    main()
