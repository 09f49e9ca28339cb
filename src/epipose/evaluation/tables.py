"""An evaluation as people and papers want it: a table to read, CSV, rows of LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from epipose.evaluation.protocols import MEASURES
from epipose.io.files import replacing, write_json

_DIGITS = {"mm": 1, "share": 3}
Row = Mapping[str, float | int | None]


def write_evaluation(result: Mapping[str, Any], out: Path) -> list[Path]:
    """Write ``out`` with the endings .json (all of it), .csv (a line per action and joint) and .tex (rows)."""
    stem = out.name.removesuffix(".json")
    paths = [out.with_name(f"{stem}{suffix}") for suffix in (".json", ".csv", ".tex")]
    write_json(paths[0], dict(result))
    for path, text in zip(paths[1:], (as_csv(result), as_latex(result)), strict=True):
        with replacing(path) as part:
            part.write_text(text, encoding="utf-8")
    return paths


def as_text(result: Mapping[str, Any]) -> str:
    """The tables per action and per joint, and what they rest on."""
    columns = _columns(result["all"])
    blocks = []
    blocks.append(_aligned("", [*columns, "poses"], {**result["actions"], **_totals(result)}))
    joints = _columns(next(iter(result["joints"].values()), {}))
    if joints:
        blocks.append(_aligned("joint", joints, result["joints"]))
    ranges = result.get("intervals", {})
    lines = [
        f"{_words(name)}: {_figure(name, low)} to {_figure(name, high)} in 95 of 100 draws of the {ranges['by']}s"
        for name, (low, high) in ((n, r) for n, r in ranges.items() if isinstance(r, list))
    ]
    lines += [f"{key}: {value}" for key, value in result["states"].items()]
    lines += [f"left out: {key.replace('_', ' ')} {value}" for key, value in result["left_out"].items()]
    return "\n\n".join([*blocks, "\n".join(lines)])


def as_csv(result: Mapping[str, Any]) -> str:
    """A line for each action, for all, and for each joint; what they rest on comes first, after #."""
    text = io.StringIO()
    for key, value in result["states"].items():
        text.write(f"# {key}: {value}\n")
    columns = [*_columns(result["all"]), "poses"]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["of", "name", *columns])
    parts = [("action", result["actions"]), ("all", _totals(result)), ("joint", result["joints"])]
    for of, rows in parts:
        for name, row in rows.items():
            writer.writerow([of, name, *("" if row.get(column) is None else row[column] for column in columns)])
    return text.getvalue()


def as_latex(result: Mapping[str, Any]) -> str:
    """Rows of a table whose columns are actions, as papers print them: one for each metric; a comment says the rest."""
    rows = {**result["actions"], **_totals(result)}
    lines = [f"% {key}: {value}" for key, value in result["states"].items()]
    lines.append(" & ".join(["", *(_escaped(name) for name in rows)]) + r" \\")
    for column in _columns(result["all"]):
        lines.append(
            " & ".join([_escaped(_words(column)), *(_figure(column, row.get(column)) for row in rows.values())])
            + r" \\"
        )
    return "\n".join(lines) + "\n"


def _totals(result: Mapping[str, Any]) -> dict[str, Row]:
    """The mean over all poses, and that of the actions' means where there are actions."""
    return ({"mean of actions": result["mean_of_actions"]} if result["actions"] else {}) | {"all": result["all"]}


def _escaped(text: str) -> str:
    special = {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
    return "".join(special.get(letter, f"\\{letter}" if letter in "&%$#_{}" else letter) for letter in text)


def _columns(row: Row) -> list[str]:
    return [name for name in row if name != "poses"]


def _words(column: str) -> str:
    return (
        MEASURES[column].words
        if column in MEASURES
        else {"pckh_50": "PCKh@0.5"}.get(column, column.upper().replace("_", "@"))
    )


def _figure(column: str, value: float | int | None) -> str:
    if value is None:
        return "-"
    if column == "poses":
        return str(int(value))
    return f"{value:.{_DIGITS['mm' if column.endswith('_mm') or column == 'cps' else 'share']}f}"


def _aligned(first: str, columns: Sequence[str], rows: Mapping[str, Row]) -> str:
    """Columns of text, numbers to the right."""
    head = [first, *(column if column == "poses" else _words(column) for column in columns)]
    table = [head, *([name, *(_figure(column, row.get(column)) for column in columns)] for name, row in rows.items())]
    widths = [max(len(line[i]) for line in table) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in table
    )
