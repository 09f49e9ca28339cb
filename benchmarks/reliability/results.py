"""The file of results that the measurements of reliability share, each with members of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from epipose.io.files import read_object, write_json

RESULT = Path(__file__).parents[1] / "results" / "reliability.json"
Row = dict[str, Any]


def merge(numbers: Mapping[str, object], result: Path = RESULT) -> None:
    """Put numbers into the file in place of those of the same names; the others stay."""
    before = dict(read_object(result)) if result.exists() else {}
    write_json(result, {**before, **numbers})


def with_row(table: str, row: Row, keys: Sequence[str], result: Path = RESULT) -> list[Row]:
    """The rows of a table in the file, with one more, which takes the place of the row that agrees with it in ``keys``."""
    rows = list(read_object(result).get(table, [])) if result.exists() else []
    places = [place for place, old in enumerate(rows) if all(old[key] == row[key] for key in keys)]
    if places:
        rows[places[0]] = row
    else:
        rows.append(row)
    return rows
