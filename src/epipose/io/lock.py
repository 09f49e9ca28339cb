"""Locks on folders: one process at a time writes into a folder, and a second one is told which.

The lock is the operating system's, on the file ``.epipose.lock`` in the folder, so that it is free as soon as its
holder ends, in whatever way. The file says who holds it and is there only as long. (The library filelock neither says
who nor removes its file, and some of its versions empty the file that they wait for.)
"""

from __future__ import annotations

import errno
import json
import logging
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from epipose.errors import BusyError
from epipose.io.commit import roll_forward
from epipose.io.temporary import remove_litter
from epipose.io.write_errors import writing_to

log = logging.getLogger("epipose")

LOCK = ".epipose.lock"
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)
_FAR = 1 << 30  # where Windows locks a byte: behind the text, which stays readable
_POLL_S = 0.05


@dataclass
class _Held:
    """A lock that this process holds: its file, and how many times its thread has taken it."""

    handle: int | None
    depth: int = 1


_held: dict[tuple[str, int], _Held] = {}  # by folder and thread


@contextmanager
def folder_lock(folder: str | os.PathLike[str], wait_s: float = 0.0) -> Iterator[Path]:
    """Hold a folder's lock; the folder is made where there is none, and goes again if it stays empty.

    A thread may take the same lock again. Before anything else a set of files is put in place whose writer was cut off
    (see `epipose.io.commit`), and temporary files of dead processes are removed. Where another process holds the lock
    for longer than ``wait_s`` seconds, BusyError names it. Raises WriteError for a folder that cannot be written. On a
    file system without locks the folder is used without.
    """
    folder = Path(folder).absolute()
    made = _made(folder)
    key = (str(folder.resolve()), threading.get_ident())
    held = _held.get(key)
    try:
        if held is not None:
            held.depth += 1
        else:
            _held[key] = held = _Held(_taken(folder, wait_s))
        try:
            with writing_to(folder):
                if held.depth == 1:
                    roll_forward(folder)
                    remove_litter(folder)
            yield folder
        finally:
            held.depth -= 1
            if not held.depth:
                remove_litter(
                    folder
                )  # of workers that outlived a killed run by a moment, into the beginning of this one
                del _held[key]
                _release(folder / LOCK, held.handle)
    finally:
        for path in made:
            with suppress(OSError):  # it holds what was written
                path.rmdir()


def _made(folder: Path) -> list[Path]:
    """Make a folder with those above it; which ones were made, the folder itself first."""
    with writing_to(folder):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    return missing


def _taken(folder: Path, wait_s: float) -> int | None:
    """The handle of the lock's file, locked; None where the file system has no locks."""
    path, until = folder / LOCK, time.monotonic() + wait_s
    while True:
        with writing_to(folder):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if _locked(handle) and _is_at(handle, path):
                _sign(handle)
                return handle
        except OSError as error:
            os.close(handle)
            log.warning("%s: its file system has no locks (%s); let one process alone write there.", folder, error)
            return None
        os.close(handle)
        if time.monotonic() >= until and (holder := _holder(path)) is not None:
            raise BusyError(
                f"{folder} is in use by another run: {holder}. Wait until it ends, or end it; or give another folder."
            )
        time.sleep(_POLL_S)


def _locked(handle: int) -> bool:
    """Lock a file without waiting; False where another holds it. Raises OSError where there are no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def _is_at(handle: int, path: Path) -> bool:
    """Whether a path still names the open file: its holder before may have removed it."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _sign(handle: int) -> None:
    """Write into the lock's file who holds it, for the message to others; a full disk is no reason not to hold it."""
    about = {
        "pid": os.getpid(),
        "host": platform.node(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:500] if sys.argv else "",
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, json.dumps(about).encode())


def _holder(path: Path) -> str | None:
    """Who holds a lock, in words; None where it was given back meanwhile."""
    for _ in range(3):  # a holder that has just taken it has not signed yet
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            who = f"process {about['pid']} on {about['host']}, since {about['since']}"
            return f"{who} ({about['command']})" if about["command"] else who
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            time.sleep(_POLL_S)
    return "a process that could not be read from its lock"


def _release(path: Path, handle: int | None) -> None:
    """Remove the lock's file while it is still ours, then give the lock back."""
    if handle is None:
        return
    if os.name == "posix":
        with suppress(OSError):
            path.unlink()
    os.close(handle)
    if os.name != "posix":  # where an open file cannot be removed
        with suppress(OSError):
            path.unlink()


def _forget() -> None:
    """In a process that was forked: its parent holds the locks, not it, and a copy of the handle would keep them."""
    for held in _held.values():
        if held.handle is not None:
            with suppress(OSError):
                os.close(held.handle)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
