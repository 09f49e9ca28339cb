"""The file of results that the measurements of reliability share, each with members of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from epipose.io.files import read_object, write_json

RESULT = Path(__file__).parents[1] / "results" / "reliability.json"


def merge(numbers: Mapping[str, object], result: Path = RESULT) -> None:
    """Put numbers into the file in place of those of the same names; the others stay."""
    before = dict(read_object(result)) if result.exists() else {}
    write_json(result, {**before, **numbers})
