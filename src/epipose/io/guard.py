"""Guard of readers: what is wrong with a file becomes one error that names it, whatever its parser raised.

Parsers raise what they like for damage: of Python's errors a dozen, of their own many more, and some of them panic. A
reader therefore lists none of them. It runs under `reading` (or is declared with `reads`), and it asks `check_size`
before it makes room for what a file announces, so that a small file cannot fill the memory.
"""

from __future__ import annotations

import errno
import functools
import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.io.staged import settle

P = ParamSpec("P")
T = TypeVar("T")

AGAIN = "It may be damaged or cut off: download or extract it again."
_ALWAYS_READ_BYTES = 256 * 1024**2  # that many any file may stand for
_MAX_EXPANSION = 64  # times its own size that a file may stand for; keypoints of real footage compress 2 to 10 times
_NOT_THE_FILE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)  # the machine's faults
_LONGEST_NAME = 200  # bytes in UTF-8: file systems take 255, and an ending and a process number are added
_LONGEST_REASON = 240  # characters of a parser's message


@contextmanager
def reading(path: str | os.PathLike[str], expected: str, remedy: str = AGAIN) -> Iterator[None]:
    """Turn whatever is raised inside into an EpiposeError that names the file, what was expected, and what to do.

    An EpiposeError passes as it is, and so do KeyboardInterrupt, SystemExit, a missing package, and a full disk. Raises
    InputError for a file that is missing or may not be read, DamagedFileError for everything else: memory that a
    damaged file asks for, and nesting without end, too.
    """
    path = Path(path)
    settle(path.parent)  # what is read is never half of an old set of files and half of a new one
    try:
        yield
    except (EpiposeError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # of every kind: parsers written in Rust panic outside of Exception
        if isinstance(error, ImportError) or (isinstance(error, OSError) and error.errno in _NOT_THE_FILE):
            raise
        if not path.exists():
            raise InputError(f"There is no file {path}; expected {expected}.") from error
        if isinstance(error, IsADirectoryError | NotADirectoryError | PermissionError):
            raise InputError(f"{path} cannot be read ({error}); expected {expected}. Give a file that can.") from error
        raise DamagedFileError(f"{path} cannot be read as {expected} ({_reason(error)}). {remedy}") from error


def reads(
    expected: str, remedy: str = AGAIN
) -> Callable[[Callable[Concatenate[Path, P], T]], Callable[Concatenate[str | os.PathLike[str], P], T]]:
    """Declare a function of a path to be a reader: it gets a Path, and raises as `reading` does."""

    def declared(read: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[str | os.PathLike[str], P], T]:
        @functools.wraps(read)
        def guarded(path: str | os.PathLike[str], /, *args: P.args, **kwargs: P.kwargs) -> T:
            with reading(path, expected, remedy):
                return read(Path(path), *args, **kwargs)

        return guarded

    return declared


def check_size(path: str | os.PathLike[str], what: str, size: int) -> None:
    """Refuse, before it is read, what would take more memory than a file of this length can stand for.

    ``size`` in bytes, as the file's own header announces it; 256 MiB, or 64 times the file, may be taken. Raises
    DamagedFileError.
    """
    most = max(_ALWAYS_READ_BYTES, _MAX_EXPANSION * os.path.getsize(path))
    if not 0 <= size <= most:
        raise DamagedFileError(
            f"{path}: {what} would take {size / 1024**2:,.0f} MiB of memory; from a file of "
            f"{os.path.getsize(path) / 1024**2:,.1f} MiB at most {most / 1024**2:,.0f} are read. {AGAIN}"
        )


def checked_name(name: object, where: object) -> str:
    """A name out of a file (of a view, a camera, a take, a member) that may become part of a path, as it is.

    ``where`` begins the DamagedFileError that is raised for what is no text, is empty or over 200 bytes long, has a
    slash, a backslash or a control character in it, or is "." or "..".
    """
    if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name not in (".", ".."):
        strange = any(letter in "/\\" or unicodedata.category(letter) in ("Cc", "Cs") for letter in name)
        if not strange and len(name.encode()) <= _LONGEST_NAME:
            return name
    raise DamagedFileError(
        f"{where} has the name {str(name)[:60]!r}. Names become parts of paths: expected 1 to {_LONGEST_NAME} bytes "
        "without /, \\ and control characters, neither . nor .. alone. Rename it there."
    )


def checked_names(names: object, where: object) -> tuple[str, ...]:
    """Names as `checked_name` takes them, each once; DamagedFileError also for what is no list, and for a name twice."""
    if not isinstance(names, list | tuple):
        raise DamagedFileError(f"{where} has {str(names)[:60]!r} for names; expected a list of texts.")
    checked = tuple(checked_name(name, where) for name in names)
    twice = (
        next((name for name in checked if checked.count(name) > 1), None) if len(set(checked)) < len(checked) else None
    )
    if twice is not None:
        raise DamagedFileError(f"{where} has the name {twice!r} twice; names tell views apart. Rename one there.")
    return checked


def checked_member(name: object, where: object) -> str:
    """A path out of a file, below the folder that the file describes: an image of a list, a member of an archive.

    Raises DamagedFileError that begins with ``where`` for what is absolute or leads out of that folder.
    """
    parts = name.split("/") if isinstance(name, str) else [name]
    for part in parts:
        checked_name(part, f"{where}, in {str(name)[:80]!r}: a file or folder")
    return str(name)


def _reason(error: BaseException) -> str:
    """What a parser said, in one line."""
    said = " ".join(str(error).split()) or "without a message"
    return f"{type(error).__name__}: {said[:_LONGEST_REASON]}"
