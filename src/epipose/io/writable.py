"""Places to write, tried before the work: a folder on a read-only disk is found out in a moment, not in the morning."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from epipose.errors import InputError

_TRIED_BYTES = 1 << 16


def check_folder(path: str | os.PathLike[str], option: str = "--out") -> None:
    """Raise InputError unless a folder is there, or can be made, and takes files; nothing is left behind.

    ``option`` is what the message calls it.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"{option} {path} is a file; give a folder to write into.")
        there = path.resolve()
        while not there.exists():
            there = there.parent
        if not there.is_dir():
            raise InputError(f"{option} {path} cannot be made: {there} is a file. Give another folder.")
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(_TRIED_BYTES))
            file.flush()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{option} {path} cannot be written ({why}). Give another place, or make room.") from error


def check_file(path: str | os.PathLike[str], option: str = "--out") -> None:
    """Raise InputError unless a file can be written at a path, over one that is there or in a folder that can be made."""
    path = Path(path)
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:
        raise InputError(f"{option} {path} cannot be written ({error}). Give another name.") from error
    if is_folder or not path.name:
        raise InputError(f"{option} {path} is a folder; give the name of a file to write.")
    check_folder(path.parent, option)
