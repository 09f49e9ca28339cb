"""Positional arguments that several verbs share, and options that may be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

Sources = Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO|FOLDER ...")]
Folder = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CLIP")]


def gathered(arguments: Sequence[str], option: str) -> list[str]:
    """The words with the values of every occurrence of an option behind its first: tyro would keep the last alone."""
    rest: list[str] = []
    values: list[str] = []
    first, taking = -1, False
    for word in arguments:
        name, equals, value = word.partition("=")
        if name.replace("_", "-") == option:
            first, taking = (len(rest) if first < 0 else first), not equals
            values += [value] if equals else []
        elif taking and not word.startswith("--"):
            values.append(word)
        else:
            taking = False
            rest.append(word)
    return rest if first < 0 else [*rest[:first], option, *values, *rest[first:]]
