"""Ends of the command line: every one has its exit code and a sentence, and none a traceback that nobody meant."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from epipose import errors
from epipose.cli.process import EXIT_CODES, carry_out

PROLOGUE = """
import signal, sys, time
from epipose.cli.process import answer_signals, carry_out
answer_signals()
"""
WORK = PROLOGUE + "print('ready', flush=True)\nsys.exit(carry_out(lambda: time.sleep(60)))"
SWALLOWED = """
def action():
    try:
        print('ready', flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        {then}
sys.exit(carry_out(action))
"""


def started(code: str, **how: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    return process.returncode, said


def raising(error: BaseException) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (errors.InputError("No."), 2, "epipose: No.\n"),
        (errors.RejectedError("Bad cameras."), 3, "epipose: Bad cameras.\n"),
        (errors.BatchError("Two failed."), 4, "epipose: Two failed.\n"),
        (PermissionError(13, "Permission denied", "x"), 2, "epipose: cannot read or write: .*Permission denied.*x"),
        (KeyboardInterrupt(), 130, "epipose: interrupted; what was finished is kept"),
        (MemoryError(), 1, "epipose: memory ran out"),
    ],
)
def test_what_is_raised_has_its_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out(raising(error)) == code
    got = capsys.readouterr().err
    assert re.match(said, got)
    assert "Traceback" not in got


def test_a_fault_shows_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(raising(ZeroDivisionError("1/0"))) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "ZeroDivisionError: 1/0" in said
    assert said.endswith("Please report it, with the lines above and the command.\n")


def test_nothing_wrong_is_zero_and_an_exit_is_an_exit() -> None:
    assert carry_out(lambda: None) == 0
    with pytest.raises(SystemExit):
        carry_out(raising(SystemExit(2)))


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
@pytest.mark.parametrize("then", ["raise", "raise ImportError('half imported') from None"])
def test_a_signal_during_work(number: signal.Signals, word: str, then: str) -> None:
    process = started(PROLOGUE + SWALLOWED.format(then=then))
    process.send_signal(number)
    code, said = ended(process)
    assert code == 128 + number
    assert said == f"epipose: {word}; what was finished is kept, and the same command goes on from there.\n"


def test_work_that_swallows_a_signal_ends_with_the_second() -> None:
    process = started(PROLOGUE + SWALLOWED.format(then="print('ready', flush=True); time.sleep(60)"))
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 143


def test_a_signal_while_the_verbs_are_imported() -> None:
    swallowing = "try:\n    print('ready', flush=True)\n    time.sleep(60)\nexcept BaseException: time.sleep(60)"
    process = started(PROLOGUE + swallowing)
    process.send_signal(signal.SIGINT)
    code, said = ended(process)
    assert (code, said.startswith("epipose: interrupted")) == (130, True)


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    code = "import signal, sys\nsignal.signal(signal.SIGINT, signal.SIG_IGN)" + PROLOGUE
    code += "print('ready', flush=True)\nsys.exit(carry_out(lambda: sys.stdin.readline()))"
    process = started(code, stdin=subprocess.PIPE)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate("go on\n", timeout=60)
    assert (process.returncode, said) == (0, "")


def test_a_reader_of_the_output_that_ends() -> None:
    code = (
        PROLOGUE + "print('ready', flush=True)\nsys.stdin.readline()\nsys.exit(carry_out(lambda: print('x' * 99999)))"
    )
    process = started(code, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.close()
    process.stdin.write("go on\n")
    process.stdin.close()
    assert process.stderr is not None
    with process.stderr:
        said = process.stderr.read()
    assert process.wait(60) == 1
    assert said == "epipose: the program that read the output has ended; what was finished is kept.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_an_output_that_cannot_be_written() -> None:
    code = PROLOGUE + "sys.exit(carry_out(lambda: print('x')))"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "epipose: cannot read or write: [Errno 28] No space left on device\n")


def test_the_codes_of_all_errors_are_documented() -> None:
    raised = {each.exit_code for each in vars(errors).values() if isinstance(each, type) and hasattr(each, "exit_code")}
    assert raised <= set(EXIT_CODES)
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert all(f"| {code} | {meaning} |" in page for code, meaning in EXIT_CODES.items())
