"""Labels beside Pose2Sim and aniposelib: writes benchmarks/results/pose2sim.json.

python -m benchmarks.formats.pose2sim --mocap FOLDER --rigs FILE --clip demo/full [--only rivals|project]

Two parts. "rivals": the same keypoints and cameras for everybody, against simulated ground truth (rivals.py). "project":
the sample clip in an unmodified Pose2Sim project, with our cameras and with the lab's (project.py).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from benchmarks.formats.environment import python_of, versions
from benchmarks.formats.project import project_part
from benchmarks.formats.rivals import CASES, FIRST_SEED, FRAME_BY_FRAME, MAIN, OURS, TRUTH, runs_of, table_of
from epipose.io.files import read_json, write_json

RESULT = Path(__file__).resolve().parents[1] / "results" / "pose2sim.json"


def main() -> None:
    """Measure one part or both, and put them into the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of motion capture")
    parser.add_argument("--rigs", type=Path, required=True, help="Human3.6M's cameras")
    parser.add_argument("--clip", type=Path, default=Path("demo/full"), help="the demo's clip folder")
    parser.add_argument("--oracles", type=Path, default=Path(".oracles"))
    parser.add_argument("--only", choices=("rivals", "project"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = dict(read_json(RESULT)) if RESULT.exists() else {}
    result["versions"] = versions(given.oracles)
    python = python_of(given.oracles, "main")
    if given.only != "project":
        result |= rivals_part(python, given.mocap, given.rigs)
        write_json(RESULT, result)
    if given.only != "rivals":
        result |= project_part(python, given.clip)
        write_json(RESULT, result)


def rivals_part(python: Path, mocap: Path, rigs: Path) -> dict[str, Any]:
    """Every case, printed as it comes, and the quoted numbers."""
    clips = list[dict[str, Any]]()
    for case in CASES:
        for run in runs_of(case, python, mocap, rigs):
            print({name: round(row["error_mm"], 2) for name, row in run["methods"].items()}, flush=True)
            clips.append(run)
    return quoted(clips)


def quoted(clips: list[dict[str, Any]]) -> dict[str, Any]:
    """Tables of clips that were measured, and numbers from them: medians over the clips of a case."""
    table = list[dict[str, Any]]()
    for case in CASES:
        runs = [run for run in clips if (run["views"], run["noise"]) == (case.views, case.noise)]
        table += table_of(case, runs) if runs else []
    main_rows, many_rows, wild_rows = (
        {row["method"]: row for row in table if (row["views"], row["noise"]) == case}
        for case in ((4, MAIN.noise), (16, MAIN.noise), (16, "simple"))
    )
    rivals = [row for name, row in main_rows.items() if name not in (OURS, FRAME_BY_FRAME, TRUTH)]
    triangulations = [row for row in rivals if not row["method"].endswith("_filtered")]
    best = min(triangulations, key=lambda row: row["error_mm"])
    ours, many, wild = main_rows[OURS], many_rows[OURS], wild_rows[OURS]
    return {
        "label_error_over_best_rival": ours["error_mm"] / best["error_mm"],
        "label_best_rival": best["method"],
        "label_error_over_best_filtered": ours["error_mm"] / min(row["error_mm"] for row in rivals),
        "label_speed_over_pose2sim": main_rows["pose2sim"]["step_cpu_seconds"] / ours["step_cpu_seconds"],
        "label_speed_over_pose2sim_16": many_rows["pose2sim"]["step_cpu_seconds"] / many["step_cpu_seconds"],
        "label_speed_over_pose2sim_16_outliers": wild_rows["pose2sim"]["step_cpu_seconds"] / wild["step_cpu_seconds"],
        "label_points_speed_over_pose2sim": main_rows["pose2sim"]["cpu_seconds"] / ours["cpu_seconds"],
        "label_points_speed_over_pose2sim_16": many_rows["pose2sim"]["cpu_seconds"] / many["cpu_seconds"],
        "bone_std_mm": ours["bone_std_mm"],
        "label_first_seed": FIRST_SEED,
        "label_table": table,
        "label_clips": clips,
    }


if __name__ == "__main__":
    main()
