"""Faults of a file system: the k-th change below a folder fails, once or from then on, or the process dies there.

Every change that Python makes is heard by an audit hook, whatever library asks for it: files opened to be written,
renamed and removed, folders made and removed; and `os.fsync`. Writing itself fails where files may not grow any more
(`no_file_larger_than`), which the system refuses to libraries in other languages, too.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from unittest import mock

Kind = Literal["once", "lasting", "kill"]
DEAD = 9  # exit code of a process that was killed by a fault
_NEVER = 10**9
_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_BY_PATH = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
_now: list[Faults] = []  # at most one
_hooked: list[bool] = []


@dataclass
class Faults:
    """Changes below ``folder``, counted from 0; the one with ``number`` fails."""

    folder: str
    number: int = _NEVER
    kind: Kind = "once"
    changes: list[str] = field(default_factory=list)

    def hear(self, change: str) -> None:
        """Count a change; fail where it is its turn."""
        number = len(self.changes)
        self.changes.append(change)
        if number < self.number or (number > self.number and self.kind == "once"):
            return
        if self.kind == "kill":
            os._exit(DEAD)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), change)

    def concerns(self, event: str, arguments: tuple[Any, ...]) -> bool:
        """Whether an audited event is a change below the folder."""
        if event == "open":
            path, _, flags = arguments
            return isinstance(flags, int) and bool(flags & _WRITE) and self._below(path)
        if event in ("os.remove", "os.rmdir") and isinstance(arguments[1], int) and arguments[1] >= 0:
            return True  # by its name in an open folder, as shutil.rmtree does
        return event in _BY_PATH and self._below(arguments[0])

    def _below(self, path: object) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        return f"{os.path.abspath(os.fsdecode(path))}/".startswith(f"{self.folder}/")


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if _now and _now[0].concerns(event, arguments):
        _now[0].hear(f"{event} {arguments[0]}")


@contextmanager
def faults(folder: Path, number: int = _NEVER, kind: Kind = "once") -> Iterator[Faults]:
    """Let the change with this number fail; without one, changes are counted alone."""
    if not _hooked:
        sys.addaudithook(_heard)  # for ever: hooks cannot be taken away
        _hooked.append(True)
    sync, made = os.fsync, Faults(str(folder.resolve()), number, kind)

    def heard(handle: int) -> None:
        made.hear("fsync")
        sync(handle)

    with mock.patch("os.fsync", heard):
        _now.append(made)
        try:
            yield made
        finally:
            _now.clear()


def dies(folder: Path, number: int, action: Callable[[], object]) -> bool:
    """Do something in a child process that dies at the change with this number; whether it did."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with faults(folder, number, "kill"):
                action()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, DEAD):
        raise AssertionError(f"the child ended with {code}")
    return code == DEAD


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let the system refuse to write beyond this size, as a full disk does in the middle of a file."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
