"""Trials of verbs under faults: after each the old results or the new ones are whole, file by file."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from epipose.errors import EpiposeError
from epipose.io import temporary
from tests.helpers.file_faults import Kind, dies, faults, no_file_larger_than
from tests.helpers.writing_verbs import WritingVerb

Contents = dict[str, str]


@dataclass(frozen=True)
class FaultTrial:
    """A fault, what it met, and what came of it.

    ``whole``: every set of files is the old or the new one, a reader reads it, the same call then makes the new ones,
    and nothing temporary is left. ``told``: the error was one of epipose's own, or there was none.
    """

    verb: str
    fault: str
    whole: bool
    told: bool
    why: str = ""


def contents(folder: Path, verb: WritingVerb) -> Contents:
    """SHA-256 of every file that is a result."""
    files = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    shown = (path for path in files if not any(part[0] == "." for part in path.parts))
    return {
        path.as_posix(): hashlib.sha256((folder / path).read_bytes()).hexdigest()
        for path in shown
        if path.parts[0] not in verb.left_out
    }


def trials(
    verb: WritingVerb, folder: Path, kinds: Sequence[Kind] = ("once", "lasting", "kill"), every: int = 1
) -> Iterator[FaultTrial]:
    """A fault at every ``every``-th change that a verb makes, of every kind, and files that may not grow."""
    before, after, work = folder / "before", folder / "after", folder / "work"
    before.mkdir(parents=True)
    verb.old(before)
    shutil.copytree(before, after)
    sizes = {path.stat().st_size for path in before.rglob("*") if path.is_file()}
    with faults(after) as counted:
        verb.new(after)
    old, new = contents(before, verb), contents(after, verb)
    if old == new:
        raise AssertionError(f"{verb.name} changes nothing")

    def tried(fault: str, kind: Kind | None, number: int) -> FaultTrial:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(before, work)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # a file may be behind them
            told = _fails(verb, work, kind, number)
            why = _what_is_wrong(verb, work, old, new, litter_may_stay=kind == "lasting")
        return FaultTrial(verb.name, fault, not why, told, why)

    for kind in kinds:
        for number in range(0, len(counted.changes), every):
            yield tried(f"{kind}: change {number}, {counted.changes[number].replace(str(folder), '')}", kind, number)
    sizes |= {path.stat().st_size for path in after.rglob("*") if path.is_file()}
    for size in sorted(sizes)[::every]:
        yield tried(f"no file larger than {size - 1}", None, size - 1)


def _fails(verb: WritingVerb, work: Path, kind: Kind | None, number: int) -> bool:
    """Do the verb under a fault; whether the error, if there is one, is one of epipose's."""
    if kind == "kill":
        dies(work, number, lambda: verb.new(work))
        return True
    fault = no_file_larger_than(max(0, number)) if kind is None else faults(work, number, kind)
    try:
        with (
            mock.patch("epipose.io.writable._TRIED_BYTES", 0),
            fault,
        ):  # or the trial before the work alone would meet it
            verb.new(work)
    except EpiposeError:
        pass
    except Exception:
        return False
    return True


def _what_is_wrong(verb: WritingVerb, work: Path, old: Contents, new: Contents, litter_may_stay: bool) -> str:
    """What is not whole after a fault; nothing where all is."""
    try:
        verb.read(work)
        found = contents(work, verb)
        mixed = [part for part in _parts(verb, old, new) if _of(found, part) not in (_of(old, part), _of(new, part))]
        if mixed:
            return f"{', '.join(mixed)} is neither old nor new: {sorted(found)}"
        temporary._tidied.clear()  # as in a new process
        verb.new(work)
        if contents(work, verb) != new:
            return "the same call does not make the new results"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    left = [path.name for path in work.rglob("*") if path.name[0] == "."]
    return f"temporary files are left: {left}" if left and not litter_may_stay else ""


def _parts(verb: WritingVerb, old: Contents, new: Contents) -> list[str]:
    """The sets of files of a verb; "*": every file is one."""
    return sorted({*old, *new}) if verb.parts == ("*",) else list(verb.parts)


def _of(files: Contents, part: str) -> Contents:
    return {name: digest for name, digest in files.items() if part in (".", name) or name.startswith(f"{part}/")}
