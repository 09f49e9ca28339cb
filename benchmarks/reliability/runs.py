"""Runs of the command line in processes that are forked from one which has imported everything, and may be killed.

Importing takes longer than the small runs of these benchmarks. A run can be killed after so much processor time, or at
its k-th operation that changes files, which Python's audit hooks tell: most of the time goes into computing, and moments
drawn from it alone would hardly ever lie between two files.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

WRITING = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"})
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_POLL_S = 0.002
_LIMIT_S = 600.0  # after which a run counts as hanging


@dataclass(frozen=True)
class Run:
    """One command in a folder: arguments of `epipose`, the file that takes its output, and changes to the process.

    ``prepare`` is called in the new process before the command.
    """

    arguments: Sequence[str]
    folder: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], object] | None = None


@dataclass(frozen=True)
class Kill:
    """The moment of a signal: after seconds of processor time, or before the n-th operation on files (from 1 on)."""

    cpu_s: float | None = None
    operation: int | None = None
    signal: int = signal.SIGKILL


@dataclass(frozen=True)
class Ended:
    """The exit code of a run (-9: killed), its processor time in seconds, and how often it changed files."""

    code: int
    cpu_s: float
    operations: int


def carried_out(run: Run, kill: Kill | None = None) -> Ended:
    """Carry a run out, up to its end or the kill. Raises TimeoutError for one that does not end."""
    reading, writing = os.pipe()
    pid = begun(run, kill, writing)
    os.close(writing)
    until, due = time.monotonic() + _LIMIT_S, kill is not None and kill.cpu_s is not None
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            break
        if due and kill is not None and cpu_seconds(pid) >= (kill.cpu_s or 0.0):
            os.kill(pid, kill.signal)
            due = False
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise TimeoutError(f"{' '.join(run.arguments)} did not end; {run.log} has what it said.")
        time.sleep(_POLL_S)
    with os.fdopen(reading) as pipe:
        count = pipe.read().strip()
    return Ended(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, int(count or 0))


def begun(run: Run, kill: Kill | None = None, report: int | None = None) -> int:
    """Fork a process that carries a run out; its id. The number of operations goes to the descriptor ``report``."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
    try:
        code = _in_child(run, kill, report)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _in_child(run: Run, kill: Kill | None, report: int | None) -> int:
    from epipose.__main__ import main

    log = os.open(run.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(run.folder)
    os.environ.update(run.environment)
    if run.prepare is not None:
        run.prepare()
    sys.argv = ["epipose", *run.arguments]
    count = _counted(None if kill is None else kill.operation)
    code = main()
    if report is not None:
        os.write(report, str(count[0]).encode())
    return code


def _counted(last: int | None) -> list[int]:
    """Count the operations that change files from now on, and kill this process before number ``last``."""
    count = [0]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in WRITING or (event == "open" and _writes(arguments)):
            count[0] += 1
            if count[0] == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return count


def _writes(arguments: tuple[object, ...]) -> bool:
    """Whether a call of open writes; by its mode, or its flags where it has none."""
    mode, flags = arguments[1], arguments[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, of all its threads; 0 where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
