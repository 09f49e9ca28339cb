"""Workers end with their parent, however that ends; a parent that lives keeps them."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing to be killed with")

_POOL = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from epipose.io.processes import worker_pool

def plain(workers):
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))

if __name__ == "__main__":
    with {pool}(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 60)
        time.sleep(60)
"""
_CHILD = (
    "import os, time; from epipose.io.parent_process import *; end_with_input(); print(os.getpid(), flush=True); {then}"
)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # the dead that nobody has asked for are there, too
        return file.read().rpartition(")")[2].split()[0] != "Z"


def _ends(pid: int, within_s: float) -> bool:
    until = time.monotonic() + within_s
    while _alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not _alive(pid)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
@pytest.mark.parametrize(("pool", "ends"), [("worker_pool", True), ("plain", False)])
def test_a_worker_of_a_killed_process_ends_in_the_middle_of_its_work(tmp_path, pool, ends):
    script = tmp_path / "pool.py"
    script.write_text(_POOL.format(pool=pool), encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert _alive(worker)
        parent.kill()
        parent.wait()
        assert _ends(worker, 5.0 if ends else 0.5) == ends, "without it, workers do stay: the test can see them"
        if not ends:
            os.kill(worker, signal.SIGKILL)


def test_a_child_ends_when_its_input_is_closed_and_not_before():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", _CHILD.format(then="time.sleep(60)")]
    with subprocess.Popen(command, **pipes) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.3)
        child.stdin.close()
        assert child.wait(5) == 143


def test_a_child_that_is_done_ends_by_itself():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", _CHILD.format(then="")], **pipes) as child:
        assert child.wait(20) == 0
        assert child.stdin is not None
