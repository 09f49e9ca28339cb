"""Tables of benchmarks/results/geometry.json on paired errors, bounds, uncertainty, many cameras and several clips.

Each function takes the whole JSON and returns one table. What is missing in it is a KeyError; tables.py says so.
"""

from __future__ import annotations

from statistics import geometric_mean, median
from typing import Any

from epipose.experiments.tables import markdown, number

Result = dict[str, Any]


def paired(result: Result) -> str:
    """Other methods' rotation errors over ours, clip by clip."""
    kinds: dict[tuple[str, str], list[Result]] = {}
    for run in result["simulation"]["runs"]:
        if run["compared"]:
            kinds.setdefault((run["noise"], run["rigs"]), []).append(run["methods"])
    rows = []
    for (noise, rigs), clips in kinds.items():
        for name in clips[0]:
            ratios = [_ratio(methods, name) for methods in clips]
            found = [ratio for ratio in ratios if ratio is not None]
            if name == "epipose" or not found:
                continue
            nearer = sum(ratio > 1 for ratio in found)
            where = _noise(noise) if rigs == "h36m" else f"{_noise(noise)}, drawn rigs"
            rows.append([f"{where}: {name}", number(geometric_mean(found), 3), f"{nearer} of {len(found)}"])
    return markdown(("noise: method", "its error over ours", "clips in which ours is smaller"), rows)


def _ratio(methods: Result, name: str) -> float | None:
    """A method's median rotation error over ours on one clip; None where one of them gave no cameras."""
    of_both = [methods.get(which, {}).get("rotation_deg_median") for which in (name, "epipose")]
    return None if None in of_both else of_both[0] / of_both[1]


def bound(result: Result) -> str:
    """What the true inliers allow under independent noise."""
    columns = {"rotation_deg_median": 3, "rotation_deg_max": 2, "center_mm_mean": 1}
    rows = [
        [str(row["frames"]), str(row["clips"]), *(number(row[key], digits) for key, digits in columns.items())]
        for row in result["bound"]["table"]
    ]
    headers = ("frames", "clips", "rotation, median deg", "rotation, worst pair", "centres, mean mm")
    return markdown(headers, rows)


def uncertainty(result: Result) -> str:
    """Stated standard deviations and true errors per number of cameras, intrinsics given and hidden."""
    columns = {"sigma_deg_median": 2, "error_deg_median": 2, "z_rms": 2, "z_above_2_share": 3, "z_rms_all": 2}
    rows = [
        [
            f"{row['views']} cameras, intrinsics {'given' if row['given'] else 'hidden'}",
            *(str(row[key]) for key in ("clips", "rejected", "refused", "pairs")),
            *(number(row[key], digits) for key, digits in columns.items()),
        ]
        for row in result["uncertainty"]["table"]
    ]
    headers = (
        "rigs", "clips", "rejected", "refused", "pairs", "stated sigma, median deg", "true error, median deg",
        "z, rms", "share of z above 2", "z, rms, rejected ones too",
    )  # fmt: skip
    return markdown(headers, rows)


def many_cameras(result: Result) -> str:
    """14 cameras beside 8 of them, on the pairs of the 8."""
    rows = [
        [
            _noise(row["noise"]),
            f"{row['found']} of {row['clips']}",
            *(number(row[key], 3) for key in ("some_deg", "all_deg", "ratio")),
            *(number(row[key], 1) for key in ("some_cpu_s", "all_cpu_s")),
        ]
        for row in result["many_cameras"]["table"]
    ]
    headers = ("noise", "clips", "8 cameras, deg", "14 cameras, deg", "ratio", "8 cameras, CPU s", "14 cameras, CPU s")
    return markdown(headers, rows)


def pooled(result: Result) -> str:
    """Clips of one rig, alone and together."""
    rows = [
        [
            f"rig {number_of}",
            str(len(run["alone_deg"])),
            *(number(value, 3) for value in (min(run["alone_deg"]), median(run["alone_deg"]), run["pooled_deg"])),
            number(run["gain"], 2),
            *(number(run[key], 1) for key in ("alone_cpu_s", "pooled_cpu_s")),
        ]
        for number_of, run in enumerate(result["pooled"]["runs"], 1)
    ]
    headers = (
        "rigs", "clips", "best single clip, deg", "median single clip, deg", "all clips together, deg", "gain",
        "single clips, CPU s", "together, CPU s",
    )  # fmt: skip
    return markdown(headers, rows)


def hopeless(result: Result) -> str:
    """How long each hopeless clip took, and what was said of it."""
    rows = [
        [
            f"clip {number_of}",
            number(run["seconds"], 1),
            run["verdict"],
            number(run.get("rotation_deg_max"), 1),
            run["reason"].split(". ")[0],
        ]
        for number_of, run in enumerate(result["hopeless"]["runs"], 1)
    ]
    return markdown(("a seated man", "seconds", "verdict", "rotation, worst pair deg", "reason"), rows)


def _noise(kind: str) -> str:
    return "6 px + 3 %" if kind == "simple" else "detector x 1"
