"""Errors of writing in plain words: a full disk, a read-only folder, a limit on the size of files."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from epipose.errors import EpiposeError, WriteError

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_EVERYWHERE = {*_FULL, errno.EROFS, errno.EFBIG}  # only writing meets these
_REMEDIES = {
    **dict.fromkeys(_FULL, "The disk is full, or your share of it: make room, then give the same command again."),
    **dict.fromkeys(
        (errno.EROFS, errno.EACCES, errno.EPERM), "Put the permissions right, or give another place to write to."
    ),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST, errno.EISDIR), "Move away what is there, or give another place."),
    errno.EFBIG: "Files may not become so large here: raise the limit (ulimit -f), or write to another file system.",
    errno.ENAMETOOLONG: "Give a shorter name.",
    errno.EIO: "See whether the disk is still there and whole, then give the same command again.",
}
_RUST = re.compile(r"os error (\d+)|\bcode: (\d+)")  # safetensors puts the system's error into a text


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Raise WriteError, which names ``place``, where the system refuses to write; other errors pass.

    To be used where the old files are still whole after an error: the message says so.
    """
    try:
        yield
    except EpiposeError:
        raise
    except Exception as error:
        numbers = (_system_error(each, place) for each in _chain(error))
        number = next((each for each in numbers if each is not None), None)
        if number is None:
            raise
        raise WriteError(
            f"{place} was not written ({os.strerror(number)}). What was there before is as it was. {_REMEDIES[number]}"
        ) from error


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those during which it was raised: torch.save ends with one of its own after the system's."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _system_error(error: BaseException, place: Path) -> int | None:
    """The system's number of an error of writing; None for other errors, such as one of reading another file."""
    if not isinstance(error, OSError):
        found = _RUST.search(str(error))
        number = None if found is None else int(found[1] or found[2])
        return number if number in _REMEDIES else None
    if error.errno in _EVERYWHERE or error.errno not in _REMEDIES:
        return error.errno if error.errno in _EVERYWHERE else None
    root = (place if place.is_dir() else place.parent).absolute()
    named = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    paths = [Path(name).absolute() for name in named]
    return error.errno if any(path == root or root in path.parents or path in root.parents for path in paths) else None
