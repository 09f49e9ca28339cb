"""Temporary files and folders beside their final place, and the removal of those that dead processes left.

A temporary name begins with a dot and holds the process and its host: ``.rig.4711-1a2b3c.part.json``. A process that
is killed cannot remove its own; the next one that writes into the same folder does. What a living process or another
host's process writes stays.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_NAME = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)(-(?P<host>[0-9a-f]{6}))?(-\d+)?\.part(\.[^.]*)?")
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS)  # of file systems that have nothing to sync
_count = itertools.count(1)
_tidied: set[Path] = set()


def temporary(path: Path) -> Path:
    """A name beside ``path``, with its suffix, that no other process, thread or call uses."""
    return path.with_name(f".{path.stem}.{os.getpid()}-{_host()}-{next(_count)}.part{path.suffix}")


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """An empty temporary folder beside ``path``, removed at the end."""
    folder = temporary(path)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        remove(folder)


@cache
def _host() -> str:
    """A short digest of this machine's name: processes of other machines may write into the same folder."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def remove_litter(folder: Path) -> None:
    """Remove the temporary files and folders of dead processes from a folder; what cannot be removed stays."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in list(entries):
            if _is_litter(entry.name):
                remove(Path(entry.path))


def tidy(folder: Path) -> None:
    """`remove_litter`, once in a process for each folder: it may hold very many files."""
    folder = folder.absolute()
    if folder not in _tidied:
        _tidied.add(folder)
        remove_litter(folder)


def _is_litter(name: str) -> bool:
    found = _NAME.fullmatch(name)
    return found is not None and found["host"] in (None, _host()) and not runs(int(found["process"]))


def remove(path: Path) -> None:
    """Remove a temporary file or folder; one that cannot be removed is left to the next process."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def runs(process: int) -> bool:
    """Whether a process of this machine is alive; True where that cannot be told."""
    if os.name != "posix":  # elsewhere a signal, even none, may end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's process, or a number that is none
        pass
    return True


def sync(path: Path) -> None:
    """Have a file's content, or a folder's list of names, on the disk, so that no power cut takes it."""
    if path.is_dir() and os.name != "posix":  # elsewhere folders cannot be opened
        return
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)
