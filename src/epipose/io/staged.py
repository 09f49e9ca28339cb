"""Several files written as one set: after any failure or kill, all of them are the old ones or all are the new."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from epipose.errors import BusyError, WriteError
from epipose.io.commit import commit, pending, roll_forward
from epipose.io.lock import folder_lock
from epipose.io.temporary import remove, remove_litter, sync, temporary
from epipose.io.write_errors import writing_to

_PATIENCE_S = 10.0  # of a reader, while another process puts a set in place, which takes milliseconds


@dataclass(frozen=True)
class Staged:
    """A set of files in the making: written into ``folder``, which is temporary, and meant for ``target``."""

    folder: Path
    target: Path

    def path(self, name: str) -> Path:
        """Where to write the file that will be ``target / name``."""
        return self.folder / name

    def within(self, name: str) -> Staged:
        """The part of the set that goes into the folder ``target / name``."""
        return Staged(self.folder / name, self.target / name)


@contextmanager
def staged(folder: str | os.PathLike[str], removes: Collection[str] = (), *, wait_s: float = 0.0) -> Iterator[Staged]:
    """Write a set of files into a folder, all or none of them, holding the folder's lock.

    What is written below the yielded `Staged.folder` comes into force at the end, at once: files of the same names are
    replaced, then those that ``removes`` names, relative to ``folder``, are removed unless they are in the set. When
    the block raises, or the process is killed before its end, nothing has changed. When it is killed after that, or
    the disk fails, the next process that reads or writes the folder completes the set. Raises WriteError where the
    system refuses to write, and BusyError where another process writes into the folder for longer than ``wait_s``.
    """
    with folder_lock(folder, wait_s) as target:
        staging = temporary(target / "set")
        try:
            with writing_to(target):
                roll_forward(target)
                staging.mkdir()
                yield Staged(staging, target)
                commit(staging, target, removes)
        finally:
            remove(staging)
        _put_in_place(target)


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``path``; rename it to ``path`` on success, remove it on failure.

    A folder with files in it that has come to be there meanwhile is kept. Raises WriteError where the system refuses
    to write.
    """
    path = Path(path)
    part = temporary(path)
    try:
        with writing_to(path):
            part.mkdir(parents=True)
            remove_litter(path.parent)
            yield part
            sync(part)
            try:
                part.rename(path)
            except OSError:
                if not path.is_dir():
                    raise
            sync(path.parent)
    finally:
        remove(part)


def _put_in_place(folder: Path) -> None:
    """Roll the set in force forward; a disk that fails gets a second chance, because the new files are whole."""
    try:
        roll_forward(folder)
    except OSError:
        try:
            roll_forward(folder)
        except OSError as error:
            raise WriteError(
                f"The new files of {folder} are whole, but could not all be put in their places ({error}). The next "
                "epipose command on that folder does it; see that it may write there."
            ) from error


def settle(folder: str | os.PathLike[str]) -> None:
    """Put a set of files in place whose writer was cut off at that; call it before reading a folder.

    The set may be that of the folder above, of which this one is a part. While another process is about it, wait.
    Raises WriteError where the folder cannot be written.
    """
    folder = Path(folder).absolute()
    for place in (folder.parent, folder):
        _settle(place)


def _settle(folder: Path) -> None:
    until = time.monotonic() + _PATIENCE_S
    while pending(folder):
        try:
            with folder_lock(folder) as locked, writing_to(locked):
                roll_forward(locked)
        except BusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
