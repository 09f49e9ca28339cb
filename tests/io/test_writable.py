"""Places to write: tried before the work, without a trace."""

import errno
import tempfile
from pathlib import Path

import pytest

from epipose.errors import InputError
from epipose.io.writable import check_file, check_folder


def test_folders_that_are_there_or_can_be_made(tmp_path: Path) -> None:
    check_folder(tmp_path)
    check_folder(tmp_path / "a" / "b" / "c")
    check_file(tmp_path / "a" / "page.html")
    check_file("evaluation.json")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "walk").write_text("mine")
    with pytest.raises(InputError, match=r"--out .*walk is a file; give a folder"):
        check_folder(tmp_path / "walk")
    with pytest.raises(InputError, match=r"cannot be made: .*walk is a file"):
        check_folder(tmp_path / "walk" / "deeper" / "still")
    with pytest.raises(InputError, match=r"--html .*is a folder; give the name of a file"):
        check_file(tmp_path, "--html")
    with pytest.raises(InputError, match="walk is a file"):
        check_file(tmp_path / "walk" / "page.html")
    assert (tmp_path / "walk").read_text() == "mine"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        check_folder(tmp_path / name)
    with pytest.raises(InputError):
        check_file(tmp_path / name / "page.html")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a file system of Linux")
def test_a_disk_that_takes_nothing() -> None:
    with pytest.raises(InputError, match=r"--out /proc/results cannot be written"):
        check_folder("/proc/results")


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, content: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: Full())
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        check_folder(tmp_path)
