"""The common JSON of results that rest on the studio: each script puts its own keys into it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epipose.io.files import read_json, write_json

STUDIO = Path(__file__).parents[1] / "results" / "studio.json"


def merge_results(path: Path, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Put these keys into a JSON file, made if it is not there; the keys of other scripts stay. Whole or not at all."""
    before = read_json(path) if path.exists() else {}
    merged = {**before, **keys}
    write_json(path, merged)
    return merged
