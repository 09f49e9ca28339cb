"""Tables of an evaluation: text to read, CSV, rows of LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from epipose.evaluation.protocols import formatted, metric_label
from epipose.evaluation.result import Evaluation, MetricMeans
from epipose.io.files import AnyPath
from epipose.io.records import without_absent
from epipose.io.staged import staged

_PATIENCE_S = 60.0  # while another evaluation writes into the same folder


def write_evaluation(result: Evaluation, out: AnyPath) -> list[Path]:
    """Write ``out`` with the endings .json (all of it), .csv (a line per action and joint) and .tex (rows)."""
    out = Path(out)
    stem = out.name.removesuffix(".json")
    names = [f"{stem}{suffix}" for suffix in (".json", ".csv", ".tex")]
    with staged(out.parent, wait_s=_PATIENCE_S) as stage:
        result.save(stage.path(names[0]))
        for name, text in zip(names[1:], (as_csv(result), as_latex(result)), strict=True):
            stage.path(name).write_text(text, encoding="utf-8")
    return [out.with_name(name) for name in names]


def as_text(result: Evaluation) -> str:
    """Warnings, the tables per action and per joint, and what they rest on."""
    columns = list(result.all)
    blocks = ["\n".join(f"warning: {text}" for text in result.warnings)] if result.warnings else []
    blocks += [_aligned("", columns, {**result.actions, **result.totals()}, poses=True)]
    joints = list(next(iter(result.joints.values()), ()))
    if joints:
        blocks.append(_aligned("joint", joints, result.joints))
    lines = _interval_lines(result) + result.statement.lines()
    lines += [f"left out: {name.replace('_', ' ')} {count}" for name, count in without_absent(result.left_out).items()]
    return "\n\n".join([*blocks, "\n".join(lines)])


def _interval_lines(result: Evaluation) -> list[str]:
    if result.intervals is None:
        return []
    return [
        f"{metric_label(name)}: {formatted(name, ends[0])} to {formatted(name, ends[1])} in 95 of 100 draws of the "
        f"{result.intervals.by}s"
        for name, ends in result.intervals.values.items()
        if ends is not None
    ]


def _preamble(result: Evaluation) -> list[str]:
    return [*(f"warning: {text}" for text in result.warnings), *result.statement.lines()]


def as_csv(result: Evaluation) -> str:
    """A line for each action, for all, and for each joint; what they rest on comes first, after #."""
    text = io.StringIO()
    for line in _preamble(result):
        text.write(f"# {line}\n")
    columns = list(result.all)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["of", "name", *columns, "poses"])
    for of, rows in (("action", result.actions), ("all", result.totals()), ("joint", result.joints)):
        for name, row in rows.items():
            cells = [*(row.values.get(column) for column in columns), row.poses]
            writer.writerow([of, name, *("" if cell is None else cell for cell in cells)])
    return text.getvalue()


def as_latex(result: Evaluation) -> str:
    """Rows of a table whose columns are actions, as papers print them: one for each metric; comments say the rest."""
    rows = {**result.actions, **result.totals()}
    lines = [f"% {line}" for line in _preamble(result)]
    lines.append(" & ".join(["", *(_escaped(name) for name in rows)]) + r" \\")
    for column in result.all:
        cells = [formatted(column, row.values.get(column)) for row in rows.values()]
        lines.append(" & ".join([_escaped(metric_label(column)), *cells]) + r" \\")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    special = {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
    return "".join(special.get(letter, f"\\{letter}" if letter in "&%$#_{}" else letter) for letter in text)


def _aligned(first: str, columns: Sequence[str], rows: Mapping[str, MetricMeans], poses: bool = False) -> str:
    """Columns of text, numbers to the right."""
    table = [[first, *(metric_label(column) for column in columns), *(["poses"] if poses else [])]]
    for name, row in rows.items():
        counts = ["-" if row.poses is None else str(row.poses)] if poses else []
        table.append([name, *(formatted(column, row.values.get(column)) for column in columns), *counts])
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in table
    )
