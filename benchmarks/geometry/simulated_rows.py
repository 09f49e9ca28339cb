"""Simulated clips, ours beside every rival: errors of cameras and labels at several noises, on real and drawn rigs.

Rows: 6 px + 3 % outliers and the fitted detector at four levels, Human3.6M's rigs, a person who walks about the room
("as captured" is the same motion left where it was, which may be on one spot); and both noises on drawn rigs of 4 to
14 cameras, some under the ceiling. Every clip shows one body.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from benchmarks.geometry.against_reference import frame_by_frame, truth_error
from benchmarks.geometry.humancalib_rival import with_lifted
from benchmarks.geometry.methods import CALISCOPE, CERES, NO_BONES, OURS, best_rival, measured, methods, without_bones
from benchmarks.geometry.options import WALKS, Options, Result, in_processes, median_of, noise_options
from benchmarks.geometry.rivals import Rival
from benchmarks.geometry.simulation import Simulated, simulate
from epipose.evaluation.metrics import mpjpe_mm
from epipose.geometry.observations import observe
from epipose.geometry.triangulate import vector_median_of_pairs

_HARM = 1.05  # times the error without bones: from here on the prior has harmed
_MIN_DRAWN, _MAX_DRAWN = 4, 14  # cameras
_COLUMNS = (
    "rotation_deg_median", "rotation_deg_max", "center_mm_mean", "label_pmpjpe_mm", "label_gap_mm", "seconds",
    "cpu_seconds",
)  # fmt: skip


class Case(NamedTuple):
    """A row's noise (see `noise_options`), rigs ("h36m" or "drawn"), and whether the person walks about."""

    noise: str
    amount: float
    rigs: str = "h36m"
    walks: bool = True
    compared: bool = False  # with rivals


SIMPLE, DETECTOR = Case("simple", 6.0, compared=True), Case("detector", 1.0, compared=True)
DRAWN = (SIMPLE._replace(rigs="drawn"), DETECTOR._replace(rigs="drawn"))
_MORE = (*(Case("detector", level) for level in (0.5, 1.5, 2.0)), Case("simple", 6.0, walks=False))


def simulation_part(options: Options) -> Result:
    """Every row; quoted are medians over the clips, of the median pair of each clip."""
    cases = (SIMPLE, DETECTOR, *DRAWN, *(() if options.quick else _MORE))
    jobs = [(case, seed, options) for case in cases for seed in options.seed_range()]
    runs = list(in_processes(_run, jobs, options.workers))
    reference = _of(runs, SIMPLE)
    mine = [run["methods"][OURS] for run in reference]
    return {
        "sim_rotation_deg_median": median_of(mine, "rotation_deg_median"),
        "detector_rotation_deg_median": _medians(_of(runs, DETECTOR))[OURS],
        **_over_best_rival(runs),
        "prior_harm_share": _harm_share(runs),
        "sim_label_gap_mm": median_of(mine, "label_gap_mm"),
        "sim_gain_over_vector_median": median(run["gain_over_vector_median"] for run in reference),
        "simulation": {
            "motion": str(options.mocap.name) if options.mocap else "generated",
            "motions": options.motions,
            "rigs": "Human3.6M, 11 subjects" if options.rigs else "Human3.6M, S1",
            "frames": _frames(options),
            "first_seed": options.seed_range().start,
            "best_rival": {
                _name(case): best_rival(_medians(_of(runs, case)))[0] for case in (SIMPLE, DETECTOR, *DRAWN)
            },
            "prior_harm": {_name(case): _harm_share(_of(runs, case)) for case in (SIMPLE, DETECTOR, *DRAWN)},
            "table": list(_table(runs, cases)),
            "runs": runs,
        },
    }


def _over_best_rival(runs: list[Result]) -> Result:
    """Our error over that of the best rival; on drawn rigs the larger of both noises."""

    def ratio(case: Case) -> float | None:
        medians = _medians(_of(runs, case))
        mine = medians[OURS]
        return None if mine is None else mine / best_rival(medians)[1]

    drawn = [value for value in map(ratio, DRAWN) if value is not None]
    return {
        "sim_rotation_over_best_rival": ratio(SIMPLE),
        "detector_rotation_over_best_rival": ratio(DETECTOR),
        "drawn_rigs_rotation_over_best_rival": max(drawn) if drawn else None,
    }


def _harm_share(runs: list[Result]) -> float:
    """Share of clips, of both noises and kinds of rigs, that are worse by 5 % than without bones."""
    pairs = [
        (run["methods"][OURS]["rotation_deg_median"], run["methods"][NO_BONES]["rotation_deg_median"])
        for run in runs
        if all(run["methods"].get(name, {}).get("found") for name in (OURS, NO_BONES))
    ]
    return sum(with_bones > _HARM * without for with_bones, without in pairs) / max(len(pairs), 1)


def _run(job: tuple[Case, int, Options]) -> Result:
    """One clip: every method's errors, and what the labels owe to robust triangulation."""
    case, seed, options = job
    drawn = case.rigs == "drawn"
    rig: Result = {"layout": "mixed", "views": _MIN_DRAWN + seed % (_MAX_DRAWN - _MIN_DRAWN + 1)} if drawn else {}
    roam = WALKS if case.walks else None
    clip = simulate(
        seed,
        frames=_frames(options),
        roam=roam,
        **rig,
        **options.sources(),
        **noise_options(case.noise, case.amount),
    )
    labels = None if drawn else truth_error(clip.poses, clip.rig, clip.xyz)
    poses = with_lifted(clip, seed) if options.humancalib else clip.poses
    errors = {name: measured(method, poses, clip, labels) for name, method in _methods(case, options).items()}
    return {
        **case._asdict(),
        "seed": seed,
        "motion": clip.motion,
        "views": len(clip.rig.names),
        "labels_true_cameras_pmpjpe_mm": labels,
        "gain_over_vector_median": gain_over_vector_median(clip),
        "rotation_deg": errors[OURS].get("rotation_deg_median"),
        "methods": errors,
    }


def _methods(case: Case, options: Options) -> dict[str, Rival]:
    """All of them where rivals are compared, on drawn rigs those that can be near us; else ours alone."""
    found = methods(options)
    if not case.compared:
        return {OURS: found[OURS]}
    if case.rigs == "drawn":
        found = {name: method for name, method in found.items() if name.startswith((OURS, CALISCOPE, CERES))}
    return {OURS: found[OURS], NO_BONES: without_bones, **found}


def _frames(options: Options) -> int:
    return 60 if options.quick else options.frames


def _of(runs: list[Result], case: Case) -> list[Result]:
    return [run for run in runs if all(run[key] == value for key, value in case._asdict().items())]


def _name(case: Case) -> str:
    return f"{case.noise}, {case.rigs}"


def _medians(runs: list[Result]) -> dict[str, float | None]:
    return {
        name: median_of([run["methods"][name] for run in runs], "rotation_deg_median") for name in runs[0]["methods"]
    }


def _table(runs: list[Result], cases: tuple[Case, ...]) -> Iterator[Result]:
    """Medians over the seeds per noise and method; a method that gave up counts in ``found`` only."""
    for case in cases:
        chosen = _of(runs, case)
        for name in chosen[0]["methods"]:
            rows = [run["methods"][name] for run in chosen]
            row = {column: median_of(rows, column) for column in _COLUMNS}
            yield {
                "noise": case.noise, "amount": case.amount, "rigs": case.rigs, "walks": case.walks, "method": name,
                "clips": len(rows), "found": sum(r["found"] for r in rows), **row,
            }  # fmt: skip


def gain_over_vector_median(clip: Simulated) -> float:
    """1 - MPJPE of our labels / MPJPE of the vector median of pairs: same joints, true cameras."""
    camera, observed = clip.rig.camera, observe(clip.poses, clip.rig)
    labels = frame_by_frame(clip.poses, clip.rig)
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
