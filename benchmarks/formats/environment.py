"""Environments of the programs that files are checked with: `make oracles` makes them, scripts run in them.

Two, since Blender's module needs another NumPy than the rest. The scripts in oracle_readers/ know nothing of this
library: what they say of a file is what those programs make of it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from epipose.errors import InputError

_SCRIPTS = Path(__file__).with_name("oracle_readers")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
PACKAGES = {
    "main": ("opensim", "pose2sim", "aniposelib", "caliscope", "pycolmap", "movement", "opencv-contrib-python"),
    "blender": ("bpy",),
}


class OracleError(InputError):
    """A program did not read a file, or gave no answer; the message ends with what it said."""


def python_of(environments: Path, name: str) -> Path:
    """The Python of an environment; InputError where it was not made."""
    python = environments / name / "bin" / "python"
    if not python.exists():
        raise InputError(f"There is no {python}. Make the environments with: make oracles")
    return python


def run_script(
    python: Path, script: str, arguments: Sequence[str | Path], timeout: float = 1800.0
) -> subprocess.CompletedProcess[str]:
    """Run a script of oracle_readers/ on one thread; OracleError with the end of what it said where it fails."""
    command = [str(python), "-W", "ignore", str(_SCRIPTS / f"{script}.py"), *map(str, arguments)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | _ONE_THREAD
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)
    except subprocess.TimeoutExpired as error:
        raise OracleError(f"{script}: not done after {timeout:.0f} s") from error
    if done.returncode:
        raise OracleError(f"{script}: {(done.stderr or done.stdout).strip()[-800:]}")
    return done


def answer_of(python: Path, script: str, arguments: Sequence[str | Path], timeout: float = 1800.0) -> dict[str, Any]:
    """The JSON on the last line that a script prints."""
    done = run_script(python, script, arguments, timeout)
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError) as error:
        raise OracleError(f"{script}: no answer; it said {done.stdout.strip()[-400:]!r}") from error


def versions(environments: Path) -> dict[str, str]:
    """Version of every package that takes part."""
    found = {}
    for name, packages in PACKAGES.items():
        code = f"import importlib.metadata as m, json; print(json.dumps({{p: m.version(p) for p in {packages!r}}}))"
        done = subprocess.run([str(python_of(environments, name)), "-c", code], capture_output=True, text=True)
        if done.returncode:
            raise InputError(f"{environments / name} is not whole: {done.stderr.strip()[-400:]} Run: make oracles")
        found |= json.loads(done.stdout)
    return found
