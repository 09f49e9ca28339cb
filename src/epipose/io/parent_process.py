"""The death of the parent process, with which its worker processes end.

A process that is killed cannot end its workers. They would go on writing into the folders in which the next run writes,
and wait for work for ever after.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import wait

_ORPHANED = 143  # exit code, as of a process that was told to end


def end_with_parent() -> None:
    """End this worker process, without any cleaning up, as soon as the one that started it through multiprocessing ends.

    Call it first in the worker. In a process that was not started so it does nothing.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        _then_end(lambda: wait([parent.sentinel]))


def end_with_input(descriptor: int = 0) -> None:
    """End this process as soon as the pipe ``descriptor`` ends, by default standard input, which the parent holds open.

    For a process started through subprocess. What is to be read from the pipe must have been read: this discards it.
    """

    def to_its_end() -> None:  # not through sys.stdin, whose lock a waiting thread would hold when Python ends
        while os.read(descriptor, 1 << 16):
            pass

    _then_end(to_its_end)


def _then_end(waiting: Callable[[], object]) -> None:
    def watch() -> None:
        waiting()
        os._exit(_ORPHANED)

    threading.Thread(target=watch, name="end with the parent", daemon=True).start()
