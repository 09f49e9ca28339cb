"""Paths of videos: names of views that tell them apart, and paths that move with a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def names_apart(names: Sequence[str], paths: Sequence[Path | None]) -> list[str]:
    """The names; equal ones become that of the nearest folder above their paths by which all of them differ."""
    alike = [index for index, name in enumerate(names) if names.count(name) > 1]
    deepest = max((len(path.parents) for index in alike if (path := paths[index]) is not None), default=0)
    for level in range(deepest):
        above = {index: _folder_above(paths[index], level) for index in alike}
        if all(above.values()) and len(set(above.values())) == len(alike):
            return [above.get(index) or name for index, name in enumerate(names)]
    return list(names)


def _folder_above(path: Path | None, level: int) -> str:
    return path.parents[level].name if path is not None and level < len(path.parents) else ""


def relative_path(path: Path, folder: Path) -> str:
    """A path relative to a folder, in the same notation on every system."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # Windows: no relative path leads to another drive
        return path.resolve().as_posix()
