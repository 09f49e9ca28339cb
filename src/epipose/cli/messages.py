"""Closing messages of the verbs, and the motion-capture files and photos in folders that they are given."""

from __future__ import annotations

import logging
from pathlib import Path


def say(worked: bool, path: Path, then: str) -> None:
    """Print the file that was written (or was there already), and the next command."""
    print(f"{path} {'written' if worked else 'is there already, from the same input and options'}. Next: {then}")


def motions_and_photos(mocap: Path | None, backgrounds: Path | None) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The files in the folders that the studio was given; none where none was."""
    from epipose.studio.room import photos_in

    return motions_in(mocap), photos_in(backgrounds) if backgrounds else ()


def motions_in(folder: Path | None) -> tuple[Path, ...]:
    """The motion files in a folder; none where there is no folder."""
    from epipose.motion import motion_files

    return tuple(motion_files(folder)) if folder else ()


def show_log() -> None:
    """Print what the library logs from level INFO on; standard output, as the verbs' own messages."""
    log = logging.getLogger("epipose")
    if not any(isinstance(handler, _Printer) for handler in log.handlers):
        log.addHandler(_Printer())
    log.setLevel(logging.INFO)


class _Printer(logging.Handler):
    """Prints messages at once, to whatever standard output is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        print(record.getMessage(), flush=True)


def print_verdict(folder: Path) -> None:
    """What is to be known of a clip folder's cameras, the verdict on them, and its reasons."""
    from epipose.calibration.result import Calibration

    calibration = Calibration.load(folder)
    for note in calibration.notes():
        print(f"note: {note}")
    verdict = calibration.verdict
    print(f"verdict: {verdict.word}")
    for reason in verdict.reasons:
        print(f"  {reason}")
