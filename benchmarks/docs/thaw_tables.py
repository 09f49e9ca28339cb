"""The tables of benchmarks/results/thaw.json, as Markdown: errors by what was thawed, and the landmark network's drift."""

from __future__ import annotations

from typing import Any

from epipose.experiments.tables import markdown, number

Result = dict[str, Any]

# In the order of the tables; a variant of another name comes after them under its own.
VARIANTS = {
    "frozen": "frozen: the head alone (control)",
    "frozen_backwards": "- batches in reverse order",
    "last_stage": "last stage, rate / 10",
    "all_hundredth": "all, rate / 100",
    "all_hundredth_backwards": "- batches in reverse order (over the control in reverse order)",
    "all_tenth_pulled": "all, rate / 10, pulled to the initial weights",
    "all_full": "all, the head's rate",
    "adapters": "adapters, the rest frozen",
}
GROUPS = {
    "sample_frames_0_79": "real man, frames 0-79",
    "sample_frames_80_99": "real man, frames 80-99",
    "two_people_man": "real man, covered",
    "two_people_woman": "drawn woman, real images",
    "studio": "studio, drawn",
}


def errors(result: Result) -> str:
    """PMPJPE of the network alone at the start, half way and at the end, and the difference at the end."""
    groups = [name for name in GROUPS if name in result["groups"]]
    found = _variants(result)
    start = found[0][2]["groups"]
    headers = ["PMPJPE mm: half way, at the end (difference, 95 %)"]
    headers += [f"{GROUPS[name]}: {result['groups'][name]['images']}" for name in groups]
    rows = [["at the start", *(number(start[name]["pmpjpe_mm"]["start"], 1) for name in groups), "-"]]
    for key, words, row in found:
        over = "over_start" if key == "frozen" else "over_frozen"
        cells = [_cell(row["groups"][name], over) for name in groups]
        rows.append([words, *cells, " to ".join(number(row["loss"][part], 4) for part in row["loss"])])
    return markdown((*headers, "training loss"), rows)


def drift(result: Result) -> str:
    """How far the landmark network's answers moved, and the errors of its own 3D; one value for each group."""
    groups = [name for name in GROUPS if name in result["groups"]]
    found = _variants(result)
    start = found[0][2]["groups"]
    headers = (
        "by group, in the order above",
        "landmarks moved, px of 256",
        "world landmarks moved, mm",
        "PMPJPE of the world landmarks, mm",
    )
    rows = [["at the start", "-", "-", _each(start[name]["own_pmpjpe_mm"]["start"] for name in groups)]]
    for _, words, row in found:
        of = [row["groups"][name] for name in groups]
        drifts = (_each(one[key] for one in of) for key in ("drift_px", "drift_mm"))
        rows.append([words, *drifts, _each(one["own_pmpjpe_mm"]["end"] for one in of)])
    return markdown(headers, rows)


def _variants(result: Result) -> list[tuple[str, str, Result]]:
    found: Result = result["variants"]
    order = [*(key for key in VARIANTS if key in found), *(key for key in found if key not in VARIANTS)]
    return [(key, VARIANTS.get(key, key), found[key]) for key in order]


def _cell(row: Result, over: str) -> str:
    mean, *interval = row[over]
    between = ": {:+.1f} to {:+.1f}".format(*interval) if interval else ""
    errors = row["pmpjpe_mm"]
    return f"{number(errors['middle'], 1)}, {number(errors['end'], 1)} ({mean:+.1f}{between})"


def _each(values: Any) -> str:
    return " / ".join(number(value, 1) for value in values)
