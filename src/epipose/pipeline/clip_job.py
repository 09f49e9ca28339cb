"""One clip of a batch: the whole pipeline on it, with a log and a record of the outcome.

Whatever goes wrong is an outcome, not an exception, so that the other clips go on. `run_apart` does it in a process of
its own, whose threads are limited and whose death is an outcome, too; that process runs this module.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from epipose.errors import EpiposeError, RejectedError
from epipose.io.files import already_done, fingerprint, read_object, write_record
from epipose.io.lock import folder_lock
from epipose.io.parent_process import end_with_input
from epipose.io.records import as_json, from_json
from epipose.pipeline.options import RunOptions

Status = Literal["done", "rejected", "failed"]
_RECORD, _LOG = "batch.json", "batch.log"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class ClipJob:
    """A clip's name, what it is read from, its clip folder to write, and the options of the pipeline."""

    name: str
    sources: tuple[Path, ...]
    out: Path
    options: RunOptions


@dataclass(frozen=True)
class ClipOutcome:
    """What became of a clip: a row of the summary. None: it did not come so far.

    ``labelled``: share of the subject's joints with a label; ``confidence``: their mean confidence. ``error_px``: the
    worst camera's median reprojection error. ``seconds``: time that it took.
    """

    clip: str
    status: Status
    verdict: str | None = None
    labelled: float | None = None
    confidence: float | None = None
    people: int | None = None
    views: int | None = None
    frames: int | None = None
    error_px: float | None = None
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()
    error: str = ""


def run_clip(job: ClipJob) -> ClipOutcome:
    """Carry out a job in this process, unless its record says that it is done; what it prints goes to ``batch.log``."""
    start = time.monotonic()
    try:
        options, inputs = as_json(replace(job.options, overwrite=False)), _inputs(job)
        known = None if job.options.overwrite else _recorded(job, options, inputs)
        if known is not None:
            return known
        with folder_lock(job.out):
            with _printing_to(job.out / _LOG):
                outcome = _carried_out(job)
            outcome = replace(outcome, seconds=time.monotonic() - start)
            results = fingerprint(_results(job, outcome))
            write_record(job.out / _RECORD, options, inputs, outcome=as_json(outcome), results=results)
            return outcome
    except EpiposeError as error:  # options that cannot be read
        return ClipOutcome(job.name, "failed", error=str(error))
    except OSError as error:
        return ClipOutcome(job.name, "failed", error=f"cannot read or write: {error}", seconds=time.monotonic() - start)


def _carried_out(job: ClipJob) -> ClipOutcome:
    """The outcome of the pipeline, whose errors are outcomes; the log has the traceback of those that nobody meant."""
    from epipose.pipeline.run import run

    try:
        run(job.sources, job.out, job.options)
        return _described(job, "done")
    except RejectedError as error:
        return _described(job, "rejected", str(error))
    except EpiposeError as error:
        logging.getLogger("epipose").error("epipose: %s", error)
        return ClipOutcome(job.name, "failed", error=str(error))
    except Exception as error:
        traceback.print_exc()
        told = f"{type(error).__name__}: {error}"
        return ClipOutcome(job.name, "failed", error=f"{told} (the whole message is in {job.out / _LOG})")


def _described(job: ClipJob, status: Status, error: str = "") -> ClipOutcome:
    """The outcome in numbers, from the files of the clip folder."""
    from epipose.calibration.result import Calibration
    from epipose.clip import Clip

    clip, calibration = Clip.load(job.out), Calibration.load(job.out)
    label = read_object(job.out / "label.json") if status == "done" else {}
    return ClipOutcome(
        job.name,
        status,
        calibration.verdict.word,
        label.get("labelled_share"),
        label.get("mean_confidence"),
        len(label["persons"]) if "persons" in label else None,
        len(clip.views),
        clip.frames,
        max(camera.median_px for camera in calibration.cameras),
        reasons=calibration.verdict.reasons,
        error=error,
    )


def _recorded(job: ClipJob, options: dict[str, Any], inputs: str) -> ClipOutcome | None:
    """The outcome of the same job before; None where there is none, and where it failed, which may pass.

    A record that is damaged, or whose results are no longer those in the folder, is none: the clip is done again, whose
    stages know what they have done.
    """
    record = job.out / _RECORD
    try:
        content = read_object(record)
        outcome = from_json(ClipOutcome, content.get("outcome"), record)
        results = _results(job, outcome)
        same = already_done(record, options, inputs, results) and content.get("results") == fingerprint(results)
    except EpiposeError:
        return None
    return outcome if same and outcome.status != "failed" else None


def _results(job: ClipJob, outcome: ClipOutcome) -> list[Path]:
    """The files that the record of a clip stands for."""
    written = {"done": ("report.html", "poses3d.npz"), "rejected": ("report.html",), "failed": ()}[outcome.status]
    return [job.out / name for name in written]


def _inputs(job: ClipJob) -> str:
    """What a job reads: contents of cameras, joint map and networks that are given, names, sizes, times of all else.

    Videos are not read for it; the record of detection, which reads them, decides whether they have changed.
    """
    from epipose.detection.registry import detector_files
    from epipose.formats.cameras import files_of

    options = job.options
    cameras = [path for path in (options.intrinsics, options.known_rig) if path is not None]
    given = [file for path in cameras for file in files_of(path)]
    given += [] if options.joints is None else [Path(options.joints)]
    given += detector_files(options.detector, options.detector_option)
    read = [*job.sources, *([options.poses] if options.poses is not None else [])]
    files = [file for file in _files_of(read) if job.out not in file.parents]
    looks = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{fingerprint(_files_of(given))} {json.dumps(looks)}"


def _files_of(paths: Sequence[Path]) -> list[Path]:
    """The files among paths, and those in folders at any depth."""
    return [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path]) if file.is_file()]


@contextmanager
def _printing_to(path: Path) -> Iterator[None]:
    """What is printed, logged or shown as progress goes to a file."""
    log = logging.getLogger("epipose")
    handlers, level = log.handlers[:], log.level
    with path.open("w", encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
        log.handlers = [logging.StreamHandler(file)]
        log.setLevel(logging.INFO)
        try:
            yield
        finally:
            log.handlers = handlers
            log.setLevel(level)


def run_apart(job: ClipJob, threads: int | None = None) -> ClipOutcome:
    """Carry out a job in a process of its own, with so many threads for the mathematics (None: as it is now)."""
    limits = {} if threads is None else dict.fromkeys(_THREADS, str(threads))
    start = time.monotonic()
    code, output, messages = _in_process(json.dumps(as_json(job)), {**os.environ, **limits})
    try:
        return from_json(ClipOutcome, json.loads(output.splitlines()[-1]), "the process of the clip")
    except (IndexError, json.JSONDecodeError, EpiposeError):
        lines = messages.strip().splitlines()
        how = f"by signal {-code}; out of memory?" if code < 0 else f"with {code}"
        told = f"The process of this clip ended {how}. {lines[-1] if lines else ''}".strip()
        return ClipOutcome(job.name, "failed", error=told, seconds=time.monotonic() - start)


def _in_process(job: str, environment: dict[str, str]) -> tuple[int, str, str]:
    """Exit code, output and messages of a process of this module that is given a job.

    Its standard input stays open as long as this process lives, and it ends when that is closed (see `_main`): were this
    one killed, the next batch would find the clip's folder in use.
    """
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "epipose.pipeline.clip_job"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        given, process.stdin = process.stdin, None  # so that `communicate` does not close it
        assert given is not None  # a pipe
        try:
            with suppress(BrokenPipeError):  # it has ended already, and says why
                given.write(f"{job}\n")
                given.flush()
            output, messages = process.communicate()
        finally:
            with suppress(BrokenPipeError):
                given.close()
    return process.returncode, output, messages


def _main() -> None:
    """Carry out the job in the first line of standard input; the outcome is the last line of standard output.

    At the end of standard input this process ends at once, whatever it does.
    """
    job = from_json(ClipJob, json.loads(sys.stdin.readline()), "standard input")
    end_with_input()
    print(json.dumps(as_json(run_clip(job))))


if __name__ == "__main__":
    _main()
