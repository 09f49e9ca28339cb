"""Messages of other libraries: held back below Python, but not lost where something goes wrong."""

import os
import subprocess
import sys

import pytest

from epipose.io.quiet import VARIABLES, muted, onnx_runtime


def test_what_is_written_below_python_is_held_back(capfd: pytest.CaptureFixture[str]) -> None:
    with muted():
        os.write(2, b"chatter\n")
    os.write(2, b"said\n")
    assert capfd.readouterr().err == "said\n"


def test_it_is_told_where_something_goes_wrong(capfd: pytest.CaptureFixture[str]) -> None:
    def imported() -> None:
        with muted():
            os.write(2, b"a library is missing\n")
            raise ImportError

    with pytest.raises(ImportError):
        imported()
    os.write(2, b"said\n")
    assert capfd.readouterr().err == "a library is missing\nsaid\n"


def test_the_runtime_is_imported_once() -> None:
    pytest.importorskip("onnxruntime")
    assert onnx_runtime() is onnx_runtime()


def test_what_the_user_has_set_stays() -> None:
    name = "OPENCV_LOG_LEVEL"
    code = f"import os; from epipose.io.quiet import quiet_libraries; quiet_libraries(); print(os.environ['{name}'])"
    for given in ({}, {name: "DEBUG"}):
        environment = {key: value for key, value in os.environ.items() if key not in VARIABLES} | given
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        assert done.stdout.strip() == given.get(name, VARIABLES[name])
