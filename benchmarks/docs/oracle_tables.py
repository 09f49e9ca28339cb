"""The tables of benchmarks/results/formats.json and pose2sim.json, as Markdown."""

from __future__ import annotations

from typing import Any

from epipose.experiments.tables import markdown, number

Result = dict[str, Any]
_GOALS = (
    ("formats_written", "formats written and read by another program", 0, ">=", 11),
    ("formats_read", "formats read", 0, ">=", 20),
    ("oracle_failures", "checks that failed", 0, "<=", 0),
    ("ik_rms_mm", "inverse kinematics of the sample, marker errors, rms, mm", 1, "<=", 20),
    ("bvh_median_mm", "BVH of the sample in Blender, median off the labels, mm", 2, "<=", 5),
    ("toml_reprojection_px", "cameras as TOML, projection by the programs they are for, px", 10, "<=", 1e-6),
)
_LABEL_GOALS = (
    ("label_error_over_best_rival", "error of labels over that of the best rival's triangulation", 3, "<=", 0.8),
    ("label_error_over_best_filtered", "the same, Pose2Sim's filter behind its triangulation", 3, "<=", 0.8),
    ("label_speed_over_pose2sim", "4 cameras: times as fast as Pose2Sim's triangulation, files included", 1, ">=", 10),
    ("label_speed_over_pose2sim_16", "16 cameras: the same", 1, ">=", 30),
    ("label_speed_over_pose2sim_16_outliers", "16 cameras, 6 px and 3 % outliers: the same", 1, ">=", 30),
    ("label_points_speed_over_pose2sim", "4 cameras: the same of the points alone", 1, ">=", 10),
    ("label_points_speed_over_pose2sim_16", "16 cameras: the same of the points alone", 1, ">=", 30),
    ("bone_std_mm", "spread of bone lengths, mm", 2, "<=", 3),
)


def goals(result: Result) -> str:
    """The quoted numbers of formats.json beside their goals."""
    return _with_goals(result, _GOALS)


def label_goals(result: Result) -> str:
    """The quoted numbers of pose2sim.json beside their goals."""
    return _with_goals(result, _LABEL_GOALS)


def written(result: Result) -> str:
    """Every format that is written, by program: the largest error of its checks, and what is lost."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for row in result["written"]:
        compared = row["compared"].partition(";")[0]
        groups.setdefault((row["format"], row["oracle"], row["version"], compared, row["unit"]), []).append(row)
    rows = []
    for (ending, oracle, version, compared, unit), of in sorted(groups.items()):
        worst = max(row["error"] for row in of)
        shown = f"{worst:.1e}" if 0 < worst < 1e-3 else number(worst, 3)
        rows.append([f"`{ending}`", f"{oracle} {version}", compared, str(len(of)), f"{shown} {unit}", of[0]["lost"]])
    return markdown(("format", "read by", "compared", "files", "largest error", "what is lost"), rows)


def read(result: Result) -> str:
    """Every format that is read, and the test that does."""
    rows = [[row["format"], row["holds"], f"`{row['test']}`"] for row in result["read"]]
    return markdown(("format", "holds", "tested in"), rows)


def labels(result: Result) -> str:
    """Every method on the same keypoints and cameras: medians over the clips."""
    columns = {"error_mm": 1, "error_95_mm": 1, "bone_std_mm": 1, "jerk": 0, "share_found": 3}
    columns |= {"cpu_seconds": 2, "step_cpu_seconds": 2}
    noises = {"detector": "a detector's errors", "simple": "6 px + 3 %"}
    rows = [
        [
            f"{row['views']} cameras, {noises[row['noise']]}: {row['method'].replace('_', ' ')}",
            str(row["clips"]),
            *(number(row.get(key), digits) for key, digits in columns.items()),
        ]
        for row in result["label_table"]
    ]
    headers = (
        "mean, mm",
        "95 %, mm",
        "bone lengths, std mm",
        "jerk, m/s³",
        "share found",
        "CPU s, points",
        "CPU s, step",
    )
    return markdown(("method", "clips", *headers), rows)


def project(result: Result) -> str:
    """Pose2Sim's markers and joint angles with each calibration."""
    columns = {"marker_mm_mean": 1, "marker_mm_95": 1, "angle_deg_mean": 1, "angle_deg_95": 1, "ik_rms_mm": 1}
    rows = [
        [row["cameras"], *(number(row[key], digits) for key, digits in columns.items())]
        for row in result["project_table"]
    ]
    headers = ("markers, mean mm", "95 %", "limbs' angles, mean deg", "95 %", "inverse kinematics, rms mm")
    return markdown(("cameras", *headers), rows)


def _with_goals(result: Result, goals: tuple[tuple[str, str, int, str, float], ...]) -> str:
    rows = []
    for key, words, digits, sign, goal in goals:
        value = result[key]
        met = value is not None and (value >= goal if sign == ">=" else value <= goal)
        shown = f"{value:.1e}" if value is not None and 0 < value < 1e-3 else number(value, digits)
        rows.append([f"{words} (`{key}`)", shown, f"{sign} {goal:g}", "yes" if met else "**no**"])
    return markdown(("number", "measured", "goal", "met"), rows)
