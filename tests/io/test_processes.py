"""Worker processes: what a script without a main guard is told, and the end of all of them with their pool."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from epipose.errors import EpiposeError, InputError
from epipose.io.processes import script_without_guard, worker_lost, worker_pool

SCRIPT = """
from epipose.io.processes import worker_pool
def work():
    with worker_pool(2) as pool:
        print(sum(pool.map(abs, [-1, 2, -3])))
"""


def ran(path: Path, code: str) -> subprocess.CompletedProcess[str]:
    path.write_text(code)
    return subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    done = ran(tmp_path / "script.py", f"{SCRIPT}\nwork()\n")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert f"each imports {tmp_path / 'script.py'}" in last
    assert 'outside of `if __name__ == "__main__":`' in last
    assert "memory" not in last


@pytest.mark.slow
def test_a_script_with_a_guard_works(tmp_path: Path) -> None:
    done = ran(tmp_path / "script.py", f"{SCRIPT}\nif __name__ == '__main__':\n    work()\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "6\n", "")


def test_what_is_said_of_a_lost_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os\nif 1:\n    print(3)\n")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    assert script_without_guard() == script
    assert isinstance(worker_lost(1), InputError)
    script.write_text("import os\nif 'x' and __name__ == '__main__':\n    print(3)\n")
    assert script_without_guard() is None
    assert "was killed; memory may have run out" in str(worker_lost(-9))
    assert "ended by signal 11" in str(worker_lost(-11))
    assert "ended with exit code 3" in str(worker_lost(3))
    assert "memory may have run out" in str(worker_lost())
    script.write_text("if (")
    assert script_without_guard() is None


def end() -> None:
    os._exit(1)


@pytest.mark.slow
def test_a_worker_that_dies_is_an_error_in_words() -> None:
    with pytest.raises(EpiposeError, match="A worker process ended"), worker_pool(1) as pool:
        pool.submit(end).result()


@pytest.mark.slow
def test_workers_end_at_once_with_an_error_in_the_pool() -> None:
    began = time.monotonic()

    def interrupted() -> None:
        with worker_pool(1) as pool:
            pool.submit(int).result()
            pool.submit(time.sleep, 300)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - began < 100
