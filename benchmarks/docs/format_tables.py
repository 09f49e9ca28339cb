"""Tables of benchmarks/results/filters.json: what filters and fills do to 3D paths of a known motion.

Each function takes the whole JSON and returns one table. What is missing in it is a KeyError; tables.py says so.
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

from epipose.experiments.tables import markdown

Result = dict[str, Any]


def filters(result: Result) -> str:
    """Error, jerk and speed kept of every filter, motion by motion."""
    kinds = list(result["motions"])
    rows = []
    for text, by_motion in result["filters"].items():
        errors = [f"{by_motion[kind]['error_mm']:.1f}" for kind in kinds]
        jerk = fmean(by_motion[kind]["jerk_m_s3"] for kind in kinds)
        kept = [f"{100 * by_motion[kind]['speed_kept']:.0f}" for kind in kinds]
        rows.append([text if " " in text or text == "none" else f"`{text}`", *errors, f"{jerk:.0f}", *kept])
    truth = f"{fmean(result['truth_jerk_m_s3'].values()):.0f}"
    rows.append(["the true motion", *("0" for _ in kinds), truth, *("100" for _ in kinds)])
    headers = [f"error, mm: {kinds[0]}", *kinds[1:], "jerk, m/s³", f"speed kept, %: {kinds[0]}", *kinds[1:]]
    return markdown(("filter", *headers), rows)


def fills(result: Result) -> str:
    """Errors of what is put into gaps, by the length of the gap."""
    gaps = result["fill"]
    rows = [[name, *(f"{row[name]:.1f}" for row in gaps.values())] for name in next(iter(gaps.values()))]
    return markdown(("mean error in the gap, mm", *(f"{gap} frames" for gap in gaps)), rows)
