"""The tables of benchmarks/results/geometry.json, as Markdown: measured numbers beside their goals.

Each function takes the whole JSON and returns one table. What is missing in it is a KeyError; tables.py says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from epipose.experiments.tables import markdown, number

Result = dict[str, Any]


class _Number(NamedTuple):
    """One of the numbers at the top of the JSON, in words, with the goal that was set before it was measured."""

    key: str
    words: str
    digits: int
    at_least: bool  # else the goal is an upper limit
    goal: float


_NUMBERS = (
    _Number("sim_rotation_deg_median", "simulated: rotation, degrees, median pair", 3, False, 0.065),
    _Number("sim_rotation_over_best_rival", "simulated, 6 px + 3 %: rotation over the best rival's", 3, False, 1.0),
    _Number(
        "detector_rotation_over_best_rival",
        "simulated, detector's errors: rotation over the best rival's",
        3,
        False,
        0.9,
    ),
    _Number(
        "drawn_rigs_rotation_over_best_rival",
        "simulated, drawn rigs of 4 to 14 cameras: rotation over the best rival's, the worse noise",
        3,
        False,
        1.0,
    ),
    _Number("prior_harm_share", "simulated: share of clips that bones make worse by over 5 %", 3, False, 0.05),
    _Number("sim_label_gap_mm", "simulated: what recovered cameras add to the labels' error, mm", 2, False, 1.0),
    _Number(
        "sim_gain_over_vector_median",
        "simulated: share by which the labels' error is below that of the vector median of pairs",
        3,
        True,
        0.25,
    ),
    _Number("sim_focal_error_pct", "simulated, one unknown focal length: its error, %", 2, False, 3.0),
    _Number(
        "sim_focal_label_gap_mm",
        "simulated, one unknown focal length: what it adds to the labels' error, mm",
        2,
        False,
        5.0,
    ),
    _Number("sim_offset_exact_share", "simulated, time offsets up to 10 s: share found to the frame", 3, True, 0.99),
    _Number("sim_offset_error_frames", "simulated, sub-frame time offsets: error, frames, median", 3, False, 0.15),
    _Number("z_rms_given", "simulated: z of rotations, rms, intrinsics given, 3 to 8 cameras", 2, False, 1.3),
    _Number("z_rms_hidden", "simulated: z of rotations, rms, intrinsics hidden, 3 to 8 cameras", 2, False, 1.3),
    _Number("z_rms_two_views", "simulated: z of rotations, rms, 2 cameras", 2, False, 1.3),
    _Number("pooled_gain", "simulated: error of a median clip over that of ten clips together", 2, True, 2.0),
    _Number("many_cameras_ratio", "simulated: error of 14 cameras over that of 8 of the same", 3, False, 1.05),
    _Number("many_cameras_cpu_ratio", "simulated: CPU time of 14 cameras over that of 8 of the same", 2, False, 4.0),
    _Number("hopeless_seconds", "simulated: seconds until hopeless footage is said to be so", 1, False, 60.0),
    _Number("sample_rotation_deg_median", "sample: rotation, degrees, median pair", 2, False, 1.2),
    _Number("sample_rotation_deg_max", "sample: rotation, degrees, worst pair", 2, False, 1.75),
    _Number("sample_center_mm_mean", "sample: centres, mm, mean", 1, False, 22.0),
    _Number(
        "sample_nofocal_rotation_deg_median", "sample, intrinsics hidden: rotation, degrees, median pair", 2, False, 2.5
    ),
    _Number("sample_nofocal_focal_error_pct", "sample, intrinsics hidden: focal length, error in %", 2, False, 5.0),
    _Number("sample_offset_error_frames", "sample, videos cut: largest error of a time offset, frames", 2, False, 1.0),
    _Number("ba_speed_over_ceres", "bundle adjustment: times as fast as Ceres", 2, True, 2.0),
    _Number("ba_cost_over_ceres", "bundle adjustment: cost over Ceres'", 4, False, 1.0),
    _Number("calibrate_cpu_over_caliscope", "sample: CPU time over caliscope's, verdict included", 2, False, 1.0),
    _Number("triangulation_speed_over_opencv", "two-view triangulation: times as fast as OpenCV", 1, True, 10.0),
    _Number("calibrate_1000_frames_s", "four cameras from 1000 frames, seconds", 1, False, 10.0),
    _Number(
        "verdict_gross_rejected_share", "verdict, simulated: share of gross failures that are rejected", 4, True, 1.0
    ),
    _Number(
        "verdict_good_rejected_share", "verdict, simulated: share of good cameras that are rejected", 4, False, 0.02
    ),
    _Number("trusted_worst_deg", "verdict, simulated: largest rotation error that is trusted, degrees", 2, False, 3.0),
)
# The rows of the README.
_SHORT = (
    "sim_rotation_deg_median", "sim_label_gap_mm", "sample_nofocal_rotation_deg_median",
    "sample_nofocal_focal_error_pct", "sample_offset_error_frames", "verdict_gross_rejected_share",
    "verdict_good_rejected_share",
)  # fmt: skip


def goals(result: Result) -> str:
    """Every number at the top of the JSON beside its goal, and whether that is met."""
    rows = []
    for row in _NUMBERS:
        value = result[row.key]
        met = value is not None and (value >= row.goal if row.at_least else value <= row.goal)
        goal = f"{'>=' if row.at_least else '<='} {row.goal:g}"
        rows.append([f"{row.words} (`{row.key}`)", number(value, row.digits), goal, "yes" if met else "**no**"])
    return markdown(("number", "measured", "goal", "met"), rows)


def short(result: Result) -> str:
    """The few numbers of the README."""
    of_key = {row.key: row for row in _NUMBERS}
    rows = [[of_key[key].words, number(result[key], of_key[key].digits)] for key in _SHORT]
    return markdown(("number", "measured"), rows)


_ERRORS = {"rotation_deg_median": 2, "rotation_deg_max": 2, "center_mm_mean": 1, "label_pmpjpe_mm": 1}
_ERROR_HEADERS = ("rotation, median deg", "rotation, worst pair", "centres, mean mm", "labels, PMPJPE mm")


def simulation(result: Result) -> str:
    """Every method at every noise: medians over the seeds."""
    rows = []
    for row in result["simulation"]["table"]:
        columns = _ERRORS | {"rotation_deg_median": 3, "label_gap_mm": 2, "cpu_seconds": 1}
        errors = [number(row[key], digits) for key, digits in columns.items()]
        rows.append([f"{_case(row)}: {row['method']}", f"{row['found']} of {row['clips']}", *errors])
    headers = ("noise: method", "clips with cameras", *_ERROR_HEADERS, "labels, added by the cameras mm", "CPU seconds")
    return markdown(headers, rows)


def beside(result: Result, rival: str) -> str:
    """Our errors and CPU seconds beside those of another method, in every case that both were run on."""
    both = ("epipose", rival)
    cases = {f"sample, BlazePose {detector}": methods for detector, methods in result["sample"].items()}
    for row in result["simulation"]["table"]:
        cases.setdefault(f"simulated, {_case(row)}", {})[row["method"]] = row
    columns = {"rotation_deg_median": 3, "rotation_deg_max": 2, "center_mm_mean": 1, "cpu_seconds": 1}
    rows = [
        [case, *(" / ".join(number(methods[name][key], digits) for name in both) for key, digits in columns.items())]
        for case, methods in sorted(cases.items())
        if methods.keys() >= set(both)
    ]
    return markdown((f"epipose / {rival}", *_ERROR_HEADERS[:3], "CPU seconds"), rows)


def _case(row: Result) -> str:
    """Noise, motion and rigs of a row of the simulation, in words."""
    noise = f"{row['amount']:g} px + 3 %" if row["noise"] == "simple" else f"detector x {row['amount']:g}"
    case = noise if row["walks"] else f"{noise}, as captured"
    return case if row["rigs"] == "h36m" else f"{case}, drawn rigs"


def sample(result: Result) -> str:
    """Every method on the real clip, with either detector's keypoints."""
    rows = [
        [f"{detector}: {method}", *_numbers(row, _ERRORS | {"cpu_seconds": 1})]
        for detector, methods in result["sample"].items()
        for method, row in methods.items()
    ]
    return markdown(("BlazePose: method", *_ERROR_HEADERS, "CPU seconds"), rows)


def unknowns(result: Result) -> str:
    """Unknown focal lengths, then unknown time offsets: a table each."""
    found = result["unknowns_simulated"]
    columns = {"focal_error_pct": 2, "rotation_deg_median": 2, "center_mm_mean": 1}
    focal = [
        [f"simulated clip {clip}", *_numbers(run, columns), number(run["label_gap_mm"], 2), "-"]
        for clip, run in enumerate(found["focal"], 1)
    ]
    offset_rows = [
        ["simulated, up to 10 s", "share exact", number(result["sim_offset_exact_share"], 3), "-"],
        ["simulated, up to 3 frames", "frames", *_middle_and_largest(found["part_offsets_frames"])],
    ]
    for detector, real in result["unknowns_sample"].items():
        hidden = real["without_focal"]
        focal.append(
            [f"sample, BlazePose {detector}", *_numbers(hidden, columns), "-", number(hidden["label_pmpjpe_mm"], 1)]
        )
        for step, words in (("synchronised", "by motion alone"), ("calibrated", "and calibration")):
            offsets = real["offsets"][step]
            values = [number(offsets[key], 2) for key in ("median", "largest")]
            offset_rows.append([f"sample cut, BlazePose {detector}, {words}", "frames", *values])
    focal_headers = ("one focal length, unknown", "focal length, %", *_ERROR_HEADERS[:1], _ERROR_HEADERS[2])
    added = ("labels, added by extrinsics and intrinsics mm", "labels against the reference's, PMPJPE mm")
    offset_headers = ("unknown time offsets", "unit", "median, or share", "largest")
    return markdown((*focal_headers, *added), focal) + "\n\n" + markdown(offset_headers, offset_rows)


def verdict(result: Result) -> str:
    """Counts of trust / check / reject for every kind of clip, by how good its cameras were."""
    found = result["verdicts"]
    total: Counter[str] = Counter()
    total_of_rival: Counter[str] = Counter()
    rivals, rows = found.get("caliscope", {}), []
    for kind, counts in found["per_kind"].items():
        of_rival = rivals.get(kind, {})
        total.update(counts)
        total_of_rival.update(of_rival)
        rows.append([kind, *_counts(counts), _counts_of_rival(of_rival)])
    rows.append([f"all {found['runs']} clips", *_counts(total), _counts_of_rival(total_of_rival)])
    table = markdown(("kind", "good (<= 2 deg)", "between", "gross (> 10 deg)", "refused", "caliscope"), rows)
    return table + "\n\n" + "\n".join(_wrong(found))


def _counts(counts: Counter[str] | dict[str, int]) -> Iterator[str]:
    for quality in ("good", "between", "gross"):
        words = [counts.get(f"{word}, {quality}", 0) for word in ("trust", "check", "reject")]
        yield " / ".join(map(str, words)) if any(words) else "-"
    yield str(counts.get("reject, refused", 0) or "-")


def _counts_of_rival(counts: Counter[str] | dict[str, int]) -> str:
    """Good / between / gross / no cameras."""
    found = [counts.get(quality, 0) for quality in ("good", "between", "gross", "refused")]
    return " / ".join(map(str, found)) if any(found) else "-"


def _wrong(found: Result) -> Iterator[str]:
    """The largest error with the verdict trust, and every gross failure not rejected or good rig rejected."""
    share, worst = found["good_trusted_share"], found["worst_rotation_trusted_deg"]
    yield f"Of the good ones {share:.1%} have the verdict trust. Its largest rotation error: {worst:.2f} degrees."
    if not found["wrong"]:
        yield "No gross failure passed, and no good cameras were rejected."
        return
    yield "Wrong verdicts, one by one:\n"
    for run in found["wrong"]:
        yield f"- {run['kind']}, seed {run['seed']}: {run['rotation_deg_max']:.2f} degrees off, verdict {run['verdict']}"


def speed(result: Result) -> str:
    """Seconds of ours and theirs, and their results."""
    found = result["speed"]
    bundle, points, calibration = found["bundle"], found["triangulation"], found["calibration"]
    rotation = [number(bundle[f"{name}_rotation_deg_median"], 3) for name in ("ours", "ceres")]
    cost = [number(bundle[f"{name}_cost"], 0) for name in ("ours", "ceres")]
    rows = [
        [
            f"bundle adjustment, {bundle['points']:.0f} points, 4 cameras: Ceres",
            *(number(bundle[f"{name}_seconds"], 2) for name in ("ours", "ceres")),
            number(bundle["ba_speed_over_ceres"], 2),
            f"rotation {rotation[0]} and {rotation[1]} degrees, cost {cost[0]} and {cost[1]}",
        ],
        [
            f"triangulation, {points['points']:.0f} points, 2 cameras: OpenCV",
            *(number(points[f"{name}_seconds"], 4) for name in ("ours", "opencv")),
            number(points["triangulation_speed_over_opencv"], 1),
            f"median difference {points['difference_mm_median']:.1g} mm",
        ],
        [
            f"calibration, {calibration['frames']:.0f} frames, {calibration['views']:.0f} cameras",
            number(calibration["calibrate_1000_frames_s"], 1),
            "-",
            "-",
            "-",
        ],
    ]
    return markdown(
        ("task: compared with", "ours, seconds", "theirs, seconds", "ratio", "results, ours and theirs"), rows
    )


def _numbers(row: Result, columns: dict[str, int]) -> list[str]:
    """A row's columns; a dash where the method gave up before it came to that."""
    return [number(row.get(key), digits) for key, digits in columns.items()]


def _middle_and_largest(values: list[float]) -> list[str]:
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return [number(middle, 3), number(ordered[-1], 3)]
