"""Faults around the verbs that write: full disks, folders that cannot be written, signals, a second run, a closed pipe.

    python -m benchmarks.reliability.faults [--only "full disk" ...] [--verbs label train ...]

A run under a fault has to end as usual, or with a documented exit code and a sentence instead of a traceback. What was
in the folder before has to be there afterwards, and when the fault is gone the same command has to give the files of an
undisturbed run. Full and read-only disks are file systems in memory, for which the process must be allowed to mount.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.network.studio_results import merge_results
from benchmarks.reliability.contents import contents, differences
from benchmarks.reliability.kills import begin, whole_run, workplace
from benchmarks.reliability.results import RESULT, Row, with_row
from benchmarks.reliability.runs import Ended, Kill, Run, begun, carried_out, cpu_seconds
from benchmarks.reliability.tiny_disks import fill, may_mount, mounted, read_only, resized, used
from benchmarks.reliability.trials import TRIALS, Trial, own_cache

_DOCUMENTED = (0, 1, 2, 3, 4, 130, 143)  # exit codes
_SEED = 17


@dataclass(frozen=True)
class Usual:
    """An undisturbed run: how it ended, the folder before and after it, and bytes that it added."""

    ended: Ended
    before: dict[str, str]
    after: dict[str, str]
    added: int


@dataclass(frozen=True)
class Setting:
    """Where a fault is tried: a verb, its run, an undisturbed run of it, a number for the draw, and the inputs."""

    trial: Trial
    run: Run
    usual: Usual
    drawn: random.Random
    inputs: Path
    root: Path


@dataclass(frozen=True)
class FaultResult:
    """One fault of one verb: times tried; runs that ended as usual, or were refused with a sentence and had the
    right files afterwards; runs with a traceback, a wrong exit code or no end; runs after which files were lost.
    """

    fault: str
    verb: str
    tried: int
    finished: int
    refused: int
    unclean: int
    lost: int
    examples: tuple[str, ...]


Attempt = Callable[[Setting], tuple[list[Ended], str]]  # how its runs ended, and the file content of what they said


def _changed(change: Callable[[Setting], Run], kill: Callable[[Setting], Kill | None] = lambda _: None) -> Attempt:
    """A fault that is a change to the run, or a signal."""

    def attempt(setting: Setting) -> tuple[list[Ended], str]:
        begin(setting.trial, setting.run.folder, setting.inputs)
        return _ended(setting, change(setting), kill(setting))

    return attempt


def _ended(setting: Setting, run: Run, kill: Kill | None = None) -> tuple[list[Ended], str]:
    """How one run ended, and what it said, in a log of its own."""
    run = replace(run, log=setting.root / "fault.log")
    run.log.unlink(missing_ok=True)
    return [carried_out(run, kill)], run.log.read_text(encoding="utf-8", errors="replace")


def _same(setting: Setting) -> Run:
    return setting.run


def _signalled(number: int) -> Attempt:
    return _changed(_same, lambda s: Kill(cpu_s=s.drawn.uniform(0.02, 0.98) * s.usual.ended.cpu_s, signal=number))


def _limited(setting: Setting) -> Run:
    """No file may become larger than so many bytes; Python ignores the signal and sees the error."""
    most = max(int(setting.drawn.uniform(0, 0.5) * setting.usual.added), 1)
    return replace(setting.run, prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))


def _unread(setting: Setting) -> Run:
    """Standard output is a pipe that nobody reads."""

    def close() -> None:
        reading, writing = os.pipe()
        os.close(reading)
        os.dup2(writing, 1)

    return replace(setting.run, prepare=close)


def _at_home(setting: Setting) -> Run:
    home = str(setting.root / "readonly")
    cache = {"EPIPOSE_CACHE": "", "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": ""}
    return replace(setting.run, environment={"HOME": home, **cache})


def _cache_locked(setting: Setting) -> Run:
    return replace(setting.run, environment={"EPIPOSE_CACHE": str(setting.root / "readonly" / ".cache" / "epipose")})


def _no_temporary(setting: Setting) -> Run:
    def forget() -> None:
        tempfile.tempdir = None  # it was found before

    return replace(setting.run, environment={"TMPDIR": str(setting.root / "full")}, prepare=forget)


def _full_disk(setting: Setting) -> tuple[list[Ended], str]:
    """The folder's disk has room for a part of what the verb writes; for more when that has ended."""
    begin(setting.trial, setting.run.folder, setting.inputs)
    free = int(setting.drawn.uniform(0, 1) * setting.usual.added)
    resized(setting.run.folder, max(used(setting.run.folder) + free, 1))
    ended = _ended(setting, setting.run)
    resized(setting.run.folder)
    return ended


def _two_at_once(setting: Setting) -> tuple[list[Ended], str]:
    """The same command a second time, while the first works."""
    begin(setting.trial, setting.run.folder, setting.inputs)
    logs = [setting.root / "fault.log", setting.root / "second.log"]
    for log in logs:
        log.unlink(missing_ok=True)
    first = begun(replace(setting.run, log=logs[0]))
    moment = setting.drawn.uniform(0, 0.8) * setting.usual.ended.cpu_s
    while cpu_seconds(first) < moment and os.waitid(os.P_PID, first, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        pass
    second = begun(replace(setting.run, log=logs[1]))
    codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in (first, second)]
    said = "".join(log.read_text(encoding="utf-8", errors="replace") for log in logs)
    if codes[1] == 2 and "in use by another run" not in said:
        said += "\nTraceback: the second run does not name the first"
    return [Ended(code, 0.0, 0) for code in codes], said


# Fault, attempts for each verb, and whether it needs a disk of its own.
FAULTS: dict[str, tuple[Attempt, int, bool]] = {
    "a second run in the same folder": (_two_at_once, 2, False),
    "the disk of the results is full": (_full_disk, 4, True),
    "files may not grow beyond a limit": (_changed(_limited), 2, False),
    "HOME is read-only": (_changed(_at_home), 1, True),
    "the cache is read-only": (_changed(_cache_locked), 1, True),
    "TMPDIR is full": (_changed(_no_temporary), 1, True),
    "nobody reads the output": (_changed(_unread), 1, False),
    "SIGTERM": (_signalled(signal.SIGTERM), 3, False),
    "SIGINT (Ctrl-C)": (_signalled(signal.SIGINT), 2, False),
}


def main() -> int:
    """Measure, print a line for each fault, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = [trial.name for trial in TRIALS if not trial.slow]
    parser.add_argument("--only", nargs="*", default=list(FAULTS), help="faults; the results of the others stay")
    parser.add_argument("--verbs", nargs="*", default=verbs, help="names of trials; as before")
    parser.add_argument("--work", type=Path, default=None, help="folder to work in")
    given = parser.parse_args()
    results = fault_results(given.only, given.verbs, given.work)
    return 1 if any(result.lost or result.unclean for result in results) else 0


def summary(rows: Sequence[Row]) -> dict[str, object]:
    """The numbers that are quoted, and the results of each fault and verb."""
    totals = {f"faults_{name}": sum(row[name] for row in rows) for name in ("tried", "lost", "unclean")}
    return {**totals, "faults_by_verb": list(rows)}


def fault_results(only: Sequence[str], verbs: Sequence[str], work: Path | None = None) -> list[FaultResult]:
    """The results of the faults named, of the verbs named; each is printed and put into the file as it comes.

    Without the faults that need a disk of their own where none may be had.
    """
    allowed, results = may_mount(), []
    with workplace(work) as (root, inputs):
        faults = [fault for fault in only if allowed or not FAULTS[fault][2]]
        with _small_disks(root) if allowed else nullcontext():
            for trial in [trial for trial in TRIALS if trial.name in verbs]:
                for fault in faults:
                    results.append(_tried(fault, trial, inputs, root))
                    print(results[-1], flush=True)
                    merge_results(RESULT, summary(with_row("faults_by_verb", asdict(results[-1]), ["fault", "verb"])))
    return results


@contextmanager
def _small_disks(root: Path) -> Iterator[None]:
    """``root/full``, which is full, and ``root/readonly``, a home with a cache that cannot be written."""
    full, home = root / "full", root / "readonly"
    for folder in (full, home):
        folder.mkdir(exist_ok=True)
    with mounted(full, 1 << 16), mounted(home):
        fill(full)
        shutil.copytree(own_cache(root), home / ".cache" / "epipose")
        read_only(home)
        yield


_usual: dict[str, Usual] = {}


def _tried(fault: str, trial: Trial, inputs: Path, root: Path) -> FaultResult:
    attempt, times, _ = FAULTS[fault]
    run = Run(trial.arguments, root / "work", root / "usual.log")
    if trial.name not in _usual:
        begin(trial, run.folder, inputs)
        before, size = contents(run.folder), used(run.folder)
        ended, after = whole_run(trial, run, inputs)
        _usual[trial.name] = Usual(ended, before, after, used(run.folder) - size)
    drawn = random.Random(zlib.crc32(f"{fault} {trial.name}".encode()) + _SEED)
    setting = Setting(trial, run, _usual[trial.name], drawn, inputs, root)
    with mounted(run.folder) if attempt is _full_disk else nullcontext():
        return _added_up(fault, trial.name, [_judged(fault, attempt, setting) for _ in range(times)])


def _judged(fault: str, attempt: Attempt, setting: Setting) -> FaultResult:
    """Try a fault once, then the same command without it."""
    usual, trial = setting.usual, setting.trial
    runs, said = attempt(setting)
    left = contents(setting.run.folder)
    gone = {name for name, digest in usual.before.items() if left.get(name) not in (digest, usual.after.get(name))}
    again = carried_out(setting.run)
    found = differences(contents(setting.run.folder), usual.after)
    lost = bool(gone or found or again.code != usual.ended.code)
    clean = all(run.code in _DOCUMENTED for run in runs) and "Traceback" not in said
    finished = clean and all(run.code == usual.ended.code for run in runs)
    examples = []
    if lost:
        examples.append(f"{trial.name}: gone {sorted(gone)}, then {again.code} {found}")
    if not clean:
        examples.append(f"{trial.name}: ended with {[run.code for run in runs]}: {said[-300:]}")
    refused = clean and not finished
    return FaultResult(fault, trial.name, 1, int(finished), int(refused), int(not clean), int(lost), tuple(examples))


def _added_up(fault: str, verb: str, results: Sequence[FaultResult]) -> FaultResult:
    names = ("tried", "finished", "refused", "unclean", "lost")
    counts = {name: sum(getattr(result, name) for result in results) for name in names}
    examples = tuple(example for result in results for example in result.examples)[:6]
    return FaultResult(fault, verb, **counts, examples=examples)


if __name__ == "__main__":
    sys.exit(main())
