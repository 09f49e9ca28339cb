"""Measure the first result of a new user: seconds from `epipose sample` to view.html, in a fresh environment.

A wheel of this checkout is installed into a new virtual environment, which is not measured, and removed in the end. Its
cache folder is new as well; the packages that hold what epipose downloads are put into it where this machine's has them, so
that the number is of the program and not of the network. Without them the files are downloaded, and that is measured too.

Writes first_result_seconds, and the processor's seconds of both commands, into benchmarks/results/docs.json.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from epipose.io.fetch import cache_folder
from epipose.io.files import read_json, write_json
from epipose.io.sources import MEDIAPIPE, POSE2SIM

_ROOT = Path(__file__).resolve().parents[2]
_RESULT = _ROOT / "benchmarks" / "results" / "docs.json"


def main() -> int:
    """Make the environment, measure, and put the numbers beside those of the other parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--installed", action="store_true", help="use this Python's epipose; make no environment")
    parser.add_argument(
        "--work", type=Path, help="folder for the environment and the results; default: a temporary one"
    )
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        work = Path(folder)
        python = Path(sys.executable) if options.installed else fresh_environment(work)
        numbers = first_result(python, work)
    before = dict(read_json(options.out)) if options.out.exists() else {}
    write_json(options.out, dict(sorted({**before, **numbers}.items())))
    for name, number in numbers.items():
        print(f"{name}: {number:g}")
    return 0


def fresh_environment(work: Path) -> Path:
    """The Python of a new virtual environment with a wheel of this checkout and what that needs."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", work / "wheel", _ROOT], check=True
    )
    venv.create(work / "venv", with_pip=True)
    python = work / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    (wheel,) = (work / "wheel").glob("epipose-*.whl")
    constraint = ["--constraint", _ROOT / "constraints.txt"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-cache-dir", *constraint, wheel], check=True)
    return python


def first_result(python: Path, work: Path) -> dict[str, float]:
    """Seconds until view.html is there, on the wall and of the processor, with the archives of this machine's cache."""
    cache = work / "cache"
    cache.mkdir()
    for package in (POSE2SIM, MEDIAPIPE):
        for archive in cache_folder().glob(package.file):
            shutil.copy(archive, cache)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["EPIPOSE_CACHE"] = str(cache)
    commands = ("sample --out sample", "run sample/videos --out walk --network none")
    start, before = time.time(), _processor_seconds()
    for command in commands:
        subprocess.run([python, "-m", "epipose", *command.split()], cwd=work, env=environment, check=True)
    seen = (work / "walk" / "view.html").stat().st_mtime  # what comes after it, report.html, is not waited for
    return {
        "first_result_seconds": round(seen - start, 1),
        "first_result_processor_seconds": round(_processor_seconds() - before, 1),
    }


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
