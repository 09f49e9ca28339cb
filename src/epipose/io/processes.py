"""Worker processes: started anew, ended with the process that started them, and plain words where they die.

A new process imports the script that the user runs; one that starts processes outside ``if __name__ == "__main__":``
would start them in every worker again, which Python refuses. Nobody sees that in the worker, so it is said here.
"""

from __future__ import annotations

import ast
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from epipose.errors import EpiposeError, InputError
from epipose.io.parent_process import end_with_parent


@contextmanager
def worker_pool(workers: int, prepare: Callable[[], None] | None = None) -> Iterator[ProcessPoolExecutor]:
    """A pool of new processes, each of which calls ``prepare`` first; on an error or interrupt they are ended at once.

    Raises EpiposeError that says why, as far as that is known, where a worker died.
    """
    spawn = multiprocessing.get_context("spawn")  # neither OpenGL nor torch survives a fork
    pool = ProcessPoolExecutor(workers, spawn, _begin, (prepare,))
    try:
        yield pool
    except BrokenProcessPool as error:
        raise worker_lost() from error
    except BaseException:
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(prepare: Callable[[], None] | None) -> None:
    follow_parent()
    if prepare is not None:
        prepare()


def follow_parent() -> None:
    """In a worker: Ctrl-C is for the process that started it, which ends its workers; if it is killed, they end, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def worker_lost(exit_code: int | None = None) -> EpiposeError:
    """The error for a worker that died; ``exit_code`` as `multiprocessing` has it, None where it is not known."""
    script = script_without_guard()
    if script is not None:
        return InputError(
            f"The worker processes ended at once: each imports {script}, which begins the work again, because it calls "
            'epipose outside of `if __name__ == "__main__":`. Put what the script does below that line, or ask for one '
            "worker."
        )
    if exit_code is None or exit_code == -getattr(signal, "SIGKILL", 9):
        how = "was killed" if exit_code else "ended"
        return EpiposeError(f"A worker process {how}; memory may have run out. Use fewer workers.")
    how = f"by signal {-exit_code}" if exit_code < 0 else f"with exit code {exit_code}"
    return EpiposeError(f"A worker process ended {how}; what it printed says why. Use fewer workers if it was memory.")


def script_without_guard() -> Path | None:
    """The script that this process runs, where nothing in it asks for ``__name__``; None for all else."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if file is None or not Path(file).is_file():
        return None
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (SyntaxError, ValueError, OSError):
        return None
    asked = any(
        isinstance(node, ast.Name) and node.id == "__name__"
        for statement in tree.body
        if isinstance(statement, ast.If)
        for node in ast.walk(statement.test)
    )
    return None if asked else Path(file)
