"""Contents of a folder's files, for comparing two runs: digests, without what tells the time.

What is left out is listed here by name and nothing else is: a path, a number or a byte that differs counts.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

CLOCKS = ("seconds", "images_per_second", "data_wait_share")  # members of JSON, columns of CSV
LOGS = ("batch.log",)  # what was printed, with times
_PAGE_CLOCK = re.compile(rb"\d+(\xc2\xa0| )s<")  # of a batch's page: seconds that a clip took


def contents(folder: Path) -> dict[str, str]:
    """Digest of every file by its path in the folder, and "folder" for folders that are empty."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            if not any(path.iterdir()):
                found[name] = "folder"
        elif path.name not in LOGS:
            found[name] = hashlib.sha256(_timeless(path)).hexdigest()[:16]
    return found


def differences(found: dict[str, str], expected: dict[str, str]) -> dict[str, str]:
    """What differs, by file: "missing", "left over" or "other content"."""
    missing = {name: "missing" for name in expected if name not in found}
    more = {name: "left over" for name in found if name not in expected}
    return missing | more | {name: "other content" for name in found if found[name] != expected.get(name, found[name])}


def _timeless(path: Path) -> bytes:
    content = path.read_bytes()
    try:
        if path.suffix == ".json":
            return json.dumps(_without_clocks(json.loads(content))).encode()
        if path.suffix == ".jsonl":
            return "\n".join(json.dumps(_without_clocks(json.loads(line))) for line in content.splitlines()).encode()
    except ValueError:
        return content  # damaged; it will differ
    if path.suffix == ".csv":
        return _without_columns(content)
    return _PAGE_CLOCK.sub(b"s<", content) if path.suffix == ".html" else content


def _without_clocks(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_clocks(member) for name, member in value.items() if name not in CLOCKS}
    return [_without_clocks(member) for member in value] if isinstance(value, list) else value


def _without_columns(content: bytes) -> bytes:
    rows = [line.split(b",") for line in content.splitlines()]
    kept = [place for place, name in enumerate(rows[0] if rows else []) if name.decode(errors="replace") not in CLOCKS]
    return b"\n".join(b",".join(row[place] for place in kept if place < len(row)) for row in rows)
