"""Start-up messages of other libraries, kept out of standard error, where they bury what epipose says.

Most libraries read an environment variable; those that the user has set stay. ONNX Runtime has none for what it says
while it is imported, below Python, so its import is muted.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

VARIABLES: dict[str, str] = {
    "TF_CPP_MIN_LOG_LEVEL": "3",  # TensorFlow and LiteRT
    "GLOG_minloglevel": "3",  # absl and glog
    "OPENCV_LOG_LEVEL": "ERROR",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "EGL_LOG_LEVEL": "fatal",  # libEGL, on machines without a graphics card
    "MESA_LOG_LEVEL": "error",
    "KMP_WARNINGS": "0",  # Intel's OpenMP
}


def quiet_libraries() -> None:
    """For the process of a command line: no start-up messages and no warnings to programmers, of this or its workers."""
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def onnx_runtime() -> ModuleType:
    """The package onnxruntime; ImportError where it is missing."""
    if sys.modules.get("onnxruntime") is not None:
        return sys.modules["onnxruntime"]
    with muted():
        return importlib.import_module("onnxruntime")


@contextmanager
def muted() -> Iterator[None]:
    """Hold back what is written to standard error below Python; on an exception it is written after all."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
