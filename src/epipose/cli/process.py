"""The process of the command line: its signals, its exit codes, and what becomes of a closed standard output.

Ctrl-C and SIGTERM raise KeyboardInterrupt, so that files and worker processes are cleaned up; a second signal ends the
process at once. Nothing heavy is imported here: the signals are answered from the first import of the verbs on.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from epipose.errors import EpiposeError

DONE = 0
FAULT = 1  # nobody foresaw it, or nobody reads the output any more
BAD_INPUT = 2
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM

EXIT_CODES: dict[int, str] = {
    DONE: "done, or done before",
    FAULT: "an error that epipose did not foresee (the traceback is printed), or a program that read the output ended",
    BAD_INPUT: "an argument, an option, a file or a folder is not what was expected, or cannot be read or written",
    3: "the cameras are rejected",
    4: "some clips of a batch gave no labels",
    5: "epipose doctor found that something is missing without which nothing works",
    INTERRUPTED: "interrupted (Ctrl-C, SIGINT)",
    TERMINATED: "terminated (SIGTERM), as by a batch system at its time limit",
}

_KEPT = "what was finished is kept, and the same command goes on from there."
_received: list[int] = []  # signals, in their order
_working = False  # whether there is a verb to clean up after


def answer_signals() -> None:
    """End the process with a sentence and its exit code on SIGINT and SIGTERM; from the main thread."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup, or in the background of a script
            signal.signal(number, _answer)


def _answer(number: int, _: FrameType | None) -> None:
    _received.append(number)
    if not _working or len(_received) > 1:  # an import can swallow an exception, and there is nothing to clean up yet
        os.write(2, f"epipose: {_sentence(number)}\n".encode())
        os._exit(128 + number)
    raise KeyboardInterrupt


def _sentence(number: int) -> str:
    return f"{'interrupted' if number == signal.SIGINT else 'terminated'}; {_KEPT}"


def carry_out(action: Callable[[], object]) -> int:
    """Call a verb and flush the output; the exit code, after a sentence on standard error for whatever went wrong."""
    global _working
    _received.clear()
    _working = True
    try:
        action()
        if sys.stdout is not None:
            sys.stdout.flush()
        return DONE
    except BaseException as error:
        return _exit_code(error)
    finally:
        _working = False


def _exit_code(error: BaseException) -> int:
    """The exit code of an exception, which is told on standard error; those that mean an exit go on."""
    discard_unwritable_output()
    if isinstance(error, KeyboardInterrupt) or _received:  # imports turn an interrupt into errors of their own
        number = _received[0] if _received else signal.SIGINT
        _tell(_sentence(number))
        return 128 + number
    if isinstance(error, EpiposeError):
        _tell(str(error))
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        _tell("the program that read the output has ended; what was finished is kept.")
        return FAULT
    if isinstance(error, OSError):
        _tell(f"cannot read or write: {error}")
        return BAD_INPUT
    if isinstance(error, MemoryError):
        _tell("memory ran out. Close other programs, or give fewer or smaller images at a time.")
        return FAULT
    if not isinstance(error, Exception):
        raise error
    traceback.print_exception(error)
    _tell("this error was not foreseen. Please report it, with the lines above and the command.")
    return FAULT


def _tell(sentence: str) -> None:
    with suppress(OSError):  # nobody reads that either
        print(f"epipose: {sentence}", file=sys.stderr, flush=True)


def discard_unwritable_output() -> None:
    """Throw away what standard output does not take, or the interpreter would complain about it at its end."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
