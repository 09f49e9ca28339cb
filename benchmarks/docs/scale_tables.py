"""The tables of long recordings in benchmarks/results/scale.json, as Markdown; several scripts put their part there.

Each function takes the whole JSON and returns one table, with a dash for what has not been measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.scale.plan import plan
from epipose.experiments.tables import markdown, number

Result = dict[str, Any]
_LONG = 36_000


def memory(result: Result) -> str:
    """Peak memory and CPU seconds of a long recording (benchmarks/scale/memory.py)."""
    rows = [
        [
            f"{words} (`{stage}_peak_mb_{_LONG}`)",
            number(result.get(f"{stage}_peak_mb_{_LONG}"), 0),
            "<= 1024",
            number(result.get(f"{stage}_peak_mb_{_LONG}_before"), 0),
            number(result.get(f"{stage}_cpu_s_{_LONG}"), 0),
            number(result.get(f"{stage}_cpu_s_{_LONG}_before"), 0),
        ]
        for stage, words in (("calibrate", "calibrate, nothing given"), ("label", "label"))
    ]
    headers = ("4 views, 36 000 frames", "peak, MiB", "goal", "peak before", "CPU s", "CPU s before")
    return markdown(headers, rows)


def frames(result: Result) -> str:
    """Growth with the frames."""
    return _growth(result, "frames", ("calibrate", "label"), ("exponents", "exponents_long"))


def cameras(result: Result) -> str:
    """Growth with the cameras."""
    return _growth(result, "cameras", ("calibrate", "label"))


def people(result: Result) -> str:
    """Growth with the people."""
    return _growth(result, "people", ("associate", "label"))


_EXPONENTS = {"exponents": "exponent, all", "exponents_long": "exponent, from 10 000 on"}


def _growth(result: Result, part: str, stages: Sequence[str], fits: Sequence[str] = ("exponents",)) -> str:
    found = result.get(f"growth_{part}", {})
    columns = [f"{stage}_{key}" for stage in stages for key in ("cpu_s", "peak_mb")]
    rows = [
        [f"{row[part]}", *(number(row.get(column), 0 if column.endswith("mb") else 1) for column in columns)]
        for row in found.get("rows", [])
    ]
    rows += [[_EXPONENTS[fit], *(number(found.get(fit, {}).get(column), 2) for column in columns)] for fit in fits]
    headers = [f"{stage}, {unit}" for stage in stages for unit in ("CPU s", "peak MiB")]
    return markdown((part, *headers), rows)


def clips(result: Result) -> str:
    """Growth of what a batch does beside its clips (benchmarks/scale/batches.py)."""
    found = result.get("growth_clips", {})
    columns = {"search_cpu_s": "search for clips, CPU s", "summary_cpu_s": "one summary, CPU s"}
    rows = [[f"{row['clips']}", *(number(row.get(column), 3) for column in columns)] for row in found.get("rows", [])]
    rows.append(["exponent", *(number(found.get("exponents", {}).get(column), 2) for column in columns)])
    return markdown(("clips", *columns.values()), rows)


def viewer(result: Result) -> str:
    """The viewer on a long recording (benchmarks/scale/viewer.py)."""
    found = result.get("viewer", {})
    rows = [
        [words, number(found.get(key), digits), number(found.get(f"{key}_before"), digits)]
        for key, words, digits in (
            ("first_page_s", "seconds to the first page", 1),
            ("first_page_cpu_s", "CPU seconds to the first page", 1),
            ("image_ms", "milliseconds to an image while playing", 1),
            ("image_ms_p95", "the same, 95th percentile", 1),
            ("image_anywhere_ms", "milliseconds to an image anywhere", 0),
            ("draw_ms", "milliseconds to draw a step of the 3D scene", 2),
            ("draw_ms_p95", "the same, 95th percentile", 2),
            ("file_s", "seconds to the HTML file", 1),
            ("file_mb", "size of that file, MiB", 1),
        )
    ]
    return markdown(("4 views, 10 000 frames", "measured", "before"), rows)


def detection(result: Result) -> str:
    """Detection beside the code before (benchmarks/scale/detect.py)."""
    found = result.get("detect", {})
    rows = [
        [words, *(number(found.get(key, {}).get(side), 1) for side in ("now", "before")), number(ratio, 2)]
        for words, key, ratio in (
            ("wall seconds (`detect_speedup`)", "wall_s", result.get("detect_speedup")),
            ("CPU seconds", "cpu_s", found.get("cpu_ratio")),
        )
    ]
    return markdown((f"4 views of {found.get('frames')} frames", "measured", "before", "before / measured"), rows)


def for_cameras(result: Result) -> str:
    """Detection of what cameras need against all frames (benchmarks/scale/detect.py)."""
    rows = []
    for row in result.get("auto_detect", []):
        few, whole = row["few"], row["all"]
        rows.append(
            [
                number(row["fps"], 0),
                f"{few['frames']} of {whole['frames']}",
                number(row["saving"], 1),
                f"{number(few['rotation_deg_max'], 3)} ({number(whole['rotation_deg_max'], 3)})",
                f"{number(few['center_mm_mean'], 1)} ({number(whole['center_mm_mean'], 1)})",
                f"{number(few['offset_frames_max'], 0)} ({number(whole['offset_frames_max'], 0)})",
            ]
        )
    errors = ("rotation, worst deg (all frames)", "centres, mean mm (all frames)", "time offset, frames (all frames)")
    return markdown(("frames/s", "frames looked at", "times fewer", *errors), rows)


def prediction(result: Result) -> str:
    """`predict` on a video beside the code before (benchmarks/scale/predict.py)."""
    found = result.get("predict_speed", {})
    rows = [
        [
            name,
            *(number(found.get(name, {}).get(key), 1) for key in ("wall_s", "before_wall_s")),
            *(number(found.get(name, {}).get(key), 2) for key in ("wall_ratio", "cpu_ratio")),
        ]
        for name in ("full", "heavy")
    ]
    return markdown(("network", "wall s", "wall s before", "before / measured", "the same of CPU time"), rows)


def million(result: Result) -> str:
    """Core hours, storage and objects of a million clips (benchmarks/scale/plan.py)."""
    each, fixed = plan(result, 1_000_000), plan(result, 1_000_000, known_rig=True)
    rows = [
        [f"{stage}, core hours", f"{each.core_hours[stage]:,.0f}", f"{fixed.core_hours[stage]:,.0f}"]
        for stage in each.core_hours
    ]
    rows += [
        ["all, with what is done again, core hours", f"{each.total_hours:,.0f}", f"{fixed.total_hours:,.0f}"],
        ["results, GB", f"{each.result_gb:,.0f}", f"{fixed.result_gb:,.0f}"],
        ["objects written", f"{each.objects:,}", f"{fixed.objects:,}"],
    ]
    return markdown(("a million clips of 4 x 1 000 frames", "each calibrated", "one rig for all"), rows)
