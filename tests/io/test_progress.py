"""Progress off a terminal: whole lines at intervals, nothing of short work, never an end of the work itself."""

import io
import re
import sys
import time
from pathlib import Path

import pytest

from epipose.io import progress as module
from epipose.io.progress import in_time, progress


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


Captured = pytest.CaptureFixture[str]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> Captured:
    monkeypatch.setattr(module, "LINE_SECONDS", 0.05)
    return capsys


def test_a_plain_line_now_and_then(fast: Captured) -> None:
    with progress(total=2000, desc="people in images", unit="frame") as bar:
        for _ in range(20):
            time.sleep(0.01)
            bar.update(100)
    text = fast.readouterr().err
    lines = text.splitlines()
    assert "\r" not in text
    assert 2 <= len(lines) <= 5
    assert re.fullmatch(r"people in images: [1 0-9]+ of 2 000 frames \(\d+%\), \S+ per second, \d+ s left", lines[0])
    assert re.fullmatch(r"people in images: 2 000 of 2 000 frames \(100%\), \S+ per second, \d+ s taken", lines[-1])


def test_around_an_iterable_whose_length_nobody_knows(fast: Captured) -> None:
    assert [time.sleep(0.02) or item for item in progress(iter("abcdef"), desc="read", unit="byte")] == list("abcdef")
    assert re.match(r"read: \d bytes, \S+ per second, \d+ s taken\n", fast.readouterr().err)


def test_short_and_quiet_work_says_nothing(fast: Captured) -> None:
    assert list(progress(range(1000), desc="short")) == list(range(1000))
    for _ in progress(range(10), desc="quiet", quiet=True):
        time.sleep(0.01)
    assert fast.readouterr().err == ""


def test_what_was_done_before_is_no_speed(fast: Captured) -> None:
    with progress(total=1000, initial=990, desc="train") as bar:
        for _ in range(10):
            time.sleep(0.02)
            bar.update()
    rates = [float(rate) for rate in re.findall(r"(\S+) per second", fast.readouterr().err)]
    assert max(rates) < 60


def test_a_log_that_is_closed_does_not_end_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINE_SECONDS", 0.01)
    monkeypatch.setattr(sys, "stderr", Closed())
    assert len([time.sleep(0.01) for _ in progress(range(5), desc="detect")]) == 5


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BAR_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    for _ in progress(range(5), desc="detect", lines=False):
        time.sleep(0.03)
    assert "\rdetect:" in sys.stderr.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "1 s"), (59.7, "1 min"), (100.0, "2 min"), (3700.0, "1 h 2 min"), (7200.0, "2 h"), (40_000.0, "11 h")],
)
def test_durations_as_one_says_them(seconds: float, words: str) -> None:
    assert in_time(seconds) == words


def test_nothing_else_shows_progress() -> None:
    source = Path(module.__file__).parents[1]
    others = [path for path in source.rglob("*.py") if "import tqdm" in path.read_text(encoding="utf-8")]
    assert others == [Path(module.__file__)]
