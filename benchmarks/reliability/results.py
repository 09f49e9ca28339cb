"""The file of results that the measurements of reliability share, each with members of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from epipose.io.files import read_json

RESULT = Path(__file__).parents[1] / "results" / "reliability.json"
Row = dict[str, Any]


def with_row(table: str, row: Row, keys: Sequence[str], result: Path = RESULT) -> list[Row]:
    """The rows of a table in the file, with one more, which takes the place of the row that agrees with it in ``keys``."""
    rows = list(read_json(result).get(table, [])) if result.exists() else []
    places = [place for place, old in enumerate(rows) if all(old[key] == row[key] for key in keys)]
    if places:
        rows[places[0]] = row
    else:
        rows.append(row)
    return rows
