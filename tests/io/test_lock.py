"""Locks on folders: one process at a time, the other's name, and no trace of those that were killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from epipose.errors import BusyError, WriteError
from epipose.io import lock
from epipose.io.lock import LOCK, folder_lock
from epipose.io.temporary import temporary
from tests.helpers.dead_process import dead_process

HOLDER = """
import sys, time
from epipose.io.lock import folder_lock
with folder_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path, holder) -> None:
    with (
        pytest.raises(BusyError, match=f"in use by another run: process {holder.pid} on .+, since 20"),
        folder_lock(tmp_path),
    ):
        pytest.fail("two held it")
    holder.stdin.close()
    holder.wait()
    with folder_lock(tmp_path):
        assert (tmp_path / LOCK).exists()
    assert not list(tmp_path.iterdir())


def test_a_process_that_waits_gets_the_folder_when_it_is_free(tmp_path: Path, holder) -> None:
    threading.Timer(0.3, holder.stdin.close).start()
    with folder_lock(tmp_path, wait_s=30.0):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9")
def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, holder) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with folder_lock(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_thread_may_take_its_lock_again_and_another_thread_may_not(tmp_path: Path) -> None:
    refused = []

    def other() -> None:
        try:
            with folder_lock(tmp_path):
                pass
        except BusyError as error:
            refused.append(str(error))

    with folder_lock(tmp_path):
        with folder_lock(tmp_path / ".." / tmp_path.name):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert f"process {os.getpid()}" in refused[0]
    other()
    assert len(refused) == 1


def test_of_many_threads_one_at_a_time_is_in(tmp_path: Path) -> None:
    inside, most = [], []

    def enter() -> None:
        for _ in range(20):
            with folder_lock(tmp_path, wait_s=60.0):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 120
    assert max(most) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    ready, go = os.pipe()
    with folder_lock(tmp_path):
        child = os.fork()
        if child == 0:
            os.read(ready, 1)  # lives on after its parent gave the lock back
            os._exit(0)
    try:
        with folder_lock(tmp_path):
            pass
    finally:
        os.write(go, b"x")
        os.waitpid(child, 0)


def test_temporary_files_of_dead_processes_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    ended = dead_process()
    host = temporary(tmp_path / "x").name.split(".")[2].split("-")[1]
    dead = [f".rig.{ended}-{host}-1.part.json", f".set.{ended}-{host}-2.part", f".x.{ended}.part.npz"]
    alive = [f".rig.{os.getppid()}-{host}-1.part.json", f".rig.{ended}-0a0b0c-1.part.json"]
    others = [f"rig.{ended}.part.json", ".rig.part.json", ".part", "rig.json"]
    for name in (*dead, *alive, *others):
        (tmp_path / name).write_text("x")
    (tmp_path / dead[1]).unlink()
    (tmp_path / dead[1]).mkdir()
    (tmp_path / dead[1] / "rig.json").write_text("x")
    with folder_lock(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*alive, *others])


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(WriteError, match=r"was not written \(Permission denied\)"), folder_lock(tmp_path):
            pytest.fail("it cannot be written")
    finally:
        tmp_path.chmod(0o700)


def test_a_file_system_without_locks_is_used_without(tmp_path: Path, monkeypatch, caplog) -> None:
    def none(_: int) -> bool:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(lock, "_locked", none)
    with folder_lock(tmp_path):
        (tmp_path / "x").write_text("x")
    assert "no locks" in caplog.text


def test_what_a_worker_left_that_died_after_the_run_began_is_removed_at_its_end(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        litter = tmp_path / f".clip.{dead_process()}.part.mp4"
        litter.touch()
    assert not litter.exists()
