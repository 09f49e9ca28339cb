"""Option records: frozen dataclasses that are command line, keyword arguments and saved record at once."""

from __future__ import annotations

import difflib
from dataclasses import fields, replace
from typing import Any, TypeVar

from epipose.errors import InputError

Options = TypeVar("Options")


def with_changes(options: Options, changes: dict[str, Any]) -> Options:
    """The options with some fields replaced, lists taken as tuples.

    Raises InputError for a name that is no field, and names the nearest.
    """
    known = [field.name for field in fields(options)]  # type: ignore[arg-type]
    for name in changes:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise InputError(
                f"There is no option '{name}'{f'; did you mean {near[0]}?' if near else '.'} "
                f"There are {', '.join(known)}."
            )
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
    return replace(options, **plain)  # type: ignore[type-var]
