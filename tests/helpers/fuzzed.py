"""Readers of files with a good sample each, for the fuzzer: all that epipose reads but what it wrote into its own cache.

A reader is a function of the path that a user gives; ``targets`` are the files below it that are mutated. `READERS` is
made of the lists of the modules beside this one.
"""

from __future__ import annotations

import random
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epipose.errors import EpiposeError
from tests.helpers.mutations import mutated


@dataclass(frozen=True)
class FuzzedReader:
    """A reader by name: ``write`` makes a good sample in a folder and returns the path that ``read`` gets.

    ``targets``: globs, in the sample's folder, of the files that are mutated; ``cost``: how much longer it reads than
    most, by which it is given fewer mutations.
    """

    name: str
    write: Callable[[Path], Path]
    read: Callable[[Path], Any]
    targets: tuple[str, ...] = ("*",)
    cost: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What one mutation led to: ``kind`` "read", "refused", "foreign" or "slow", the error in words, and seconds."""

    reader: str
    file: str
    seed: int
    kind: str
    words: str
    seconds: float


class TooSlow(KeyboardInterrupt):
    """A reader that does not end: passes every guard, as KeyboardInterrupt does."""


class Sample:
    """A good sample of a reader in a folder, whose files are mutated one at a time and put right again."""

    def __init__(self, reader: FuzzedReader, folder: Path) -> None:
        self.reader = reader
        folder.mkdir(parents=True, exist_ok=True)
        self.path = reader.write(folder)
        files = sorted({file for glob in reader.targets for file in folder.rglob(glob) if file.is_file()})
        self._whole = {file: file.read_bytes() for file in files}

    def good(self) -> Any:
        """What is read of the sample as it is."""
        return self.reader.read(self.path)

    def mutation(self, seed: int, seconds: float) -> Outcome:
        """Read the sample with one file mutated by this seed, for so many seconds at most."""
        chosen = random.Random(f"{self.reader.name} {seed}")
        file = chosen.choice(list(self._whole))
        file.write_bytes(mutated(self._whole[file], chosen))
        begun, kind, words = time.perf_counter(), "read", ""
        try:
            with _limited(seconds), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.reader.read(self.path)
        except EpiposeError as error:
            kind, words = "refused", f"{type(error).__name__}: {error}"
        except TooSlow:
            kind, words = "slow", f"after {seconds} s"
        except BaseException as error:
            kind, words = "foreign", f"{type(error).__name__}: {error}"
        finally:
            file.write_bytes(self._whole[file])
        spent = time.perf_counter() - begun
        said = words[:300].encode("ascii", "backslashreplace").decode()
        return Outcome(self.reader.name, file.name, seed, kind, said, spent)


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise TooSlow in this thread after so many seconds."""

    def end(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def all_readers() -> list[FuzzedReader]:
    """Every reader, by the lists of the modules beside this one."""
    from tests.helpers import fuzzed_datasets, fuzzed_formats, fuzzed_networks, fuzzed_own

    lists = (fuzzed_own.READERS, fuzzed_formats.READERS, fuzzed_datasets.READERS, fuzzed_networks.READERS)
    return [reader for each in lists for reader in each]
