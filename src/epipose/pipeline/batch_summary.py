"""Summary of a batch: one row for each clip, as CSV for programs and as a page for people."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from urllib.parse import quote

from epipose.io.files import AnyPath, replacing
from epipose.io.staged import staged
from epipose.io.summary import counted
from epipose.pipeline.clip_job import ClipOutcome
from epipose.viz.html_report import KeyNumber, Report

_HEADERS = ("clip", "outcome", "verdict", "labelled", "confidence", "people", "views", "frames", "error", "time")
_DIGITS = {"labelled": 3, "confidence": 3, "error_px": 2, "seconds": 1}
CSV, PAGE = "summary.csv", "summary.html"


def write_summary(outcomes: Sequence[ClipOutcome], clips: int, out: AnyPath) -> None:
    """Write ``summary.csv`` and ``summary.html`` of the outcomes known so far, of so many clips altogether."""
    with staged(out) as stage:
        _write_csv(outcomes, stage.path(CSV))
        _page(outcomes, clips, stage.target).save(stage.path(PAGE))


def _write_csv(outcomes: Sequence[ClipOutcome], path: Path) -> None:
    columns = [field.name for field in fields(ClipOutcome)]
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for outcome in outcomes:
            writer.writerow([_cell(name, getattr(outcome, name)) for name in columns])


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{_DIGITS[name]}f}"
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _page(outcomes: Sequence[ClipOutcome], clips: int, out: Path) -> Report:
    waiting = clips - len(outcomes)
    page = Report(
        f"A batch of {counted(clips, 'clip')}",
        f"{counted(waiting, 'clip is', 'clips are')} still waiting." if waiting else "",
    )
    shares = [outcome.labelled for outcome in outcomes if outcome.labelled is not None]
    numbers = [_count(outcomes, status, meaning) for status, meaning in _MEANINGS.items()]
    if shares:
        mean = f"{sum(shares) / len(shares):.0%}"
        numbers.append(KeyNumber("Joints with a label", mean, "", "Mean over the clips that have labels."))
    page.key_numbers(numbers)
    reports = {o.clip: f"{quote(o.clip)}/report.html" for o in outcomes if (out / o.clip / "report.html").exists()}
    page.table(_HEADERS, [_row(outcome) for outcome in outcomes], links=reports)
    troubled = [outcome for outcome in outcomes if outcome.error or outcome.reasons]
    if troubled:
        page.section("Errors and reasons", "Why clips gave no labels, and what the verdicts rest on.")
        page.terms({o.clip: o.error if o.status == "failed" else " ".join(o.reasons) or o.error for o in troubled})
    return page


_MEANINGS = {
    "done": "Cameras and labels are there.",
    "rejected": "The cameras do not explain the keypoints; nothing was labelled.",
    "failed": "An error stopped the clip. The same command tries it again, and only it.",
}


def _count(outcomes: Sequence[ClipOutcome], status: str, meaning: str) -> KeyNumber:
    return KeyNumber(f"Clips {status}", str(sum(outcome.status == status for outcome in outcomes)), "", meaning)


def _row(outcome: ClipOutcome) -> list[str]:
    texts = (
        outcome.verdict,
        None if outcome.labelled is None else f"{outcome.labelled:.0%}",
        None if outcome.confidence is None else f"{outcome.confidence:.2f}",
        outcome.people,
        outcome.views,
        outcome.frames,
        None if outcome.error_px is None else f"{outcome.error_px:.1f}\N{NO-BREAK SPACE}px",
        f"{outcome.seconds:.0f}\N{NO-BREAK SPACE}s",
    )
    return [outcome.clip, outcome.status, *("" if text is None else str(text) for text in texts)]


def in_words(outcome: ClipOutcome) -> str:
    """One line on a clip, for the console."""
    if outcome.status == "failed":
        return f"{outcome.clip}: failed: {outcome.error}"
    labelled = "nothing labelled" if outcome.labelled is None else f"{outcome.labelled:.0%} labelled"
    return f"{outcome.clip}: {outcome.verdict}, {labelled}, {outcome.seconds:.0f} s"
