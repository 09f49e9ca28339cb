"""A disk that refuses is said in one sentence, whatever library wrote, and what was there before stays."""

import errno
import os
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from epipose.cli.main import main
from epipose.errors import InputError, WriteError
from epipose.io.files import replacing, write_json, write_npz, write_tensors
from epipose.io.images import write_image
from epipose.io.video import write_video
from epipose.io.write_errors import writing_to
from epipose.pipeline.export import export
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from epipose.training.checkpoint import Checkpoint, TrainingState, save_checkpoint
from tests.helpers.file_faults import faults, no_file_larger_than

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits on the size of files")
NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
STATE = TrainingState({"w": torch.zeros(10_000)}, {}, torch.zeros(2))
WRITERS = {
    "json": lambda folder: write_json(folder / "a.json", ["x" * 1000]),
    "npz": lambda folder: write_npz(folder / "a.npz", a=NOISE),
    "safetensors": lambda folder: write_tensors(folder / "a.safetensors", {"w": torch.zeros(1000)}),
    "checkpoint": lambda folder: save_checkpoint(folder, Checkpoint(1, 0.0, 0.0, STATE)),
    "png": lambda folder: write_image(folder / "a.png", NOISE),
    "jpg": lambda folder: write_image(folder / "a.jpg", NOISE),
    "mp4": lambda folder: write_video(folder / "a.mp4", iter([NOISE] * 5), 10.0),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_may_not_grow_is_named_and_the_old_one_stays(tmp_path: Path, kind: str) -> None:
    WRITERS[kind](tmp_path)
    (before,) = tmp_path.iterdir()
    content = before.read_bytes()
    with (
        no_file_larger_than(500),
        pytest.raises(WriteError, match=rf"{before.name} was not written \(File too large\)"),
    ):
        WRITERS[kind](tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [before.name]
    assert before.read_bytes() == content


@pytest.mark.parametrize("size", [2_000, 60_000, 250_000])
def test_a_checkpoint_that_stops_anywhere_says_what_the_system_said(tmp_path: Path, size: int) -> None:
    """torch.save then raises an error of its own, which speaks of positions in the file."""
    state = TrainingState({str(k): torch.rand(10_000) for k in range(8)}, {}, torch.zeros(2))
    with no_file_larger_than(size), pytest.raises(WriteError, match=r"was not written \(File too large\)"):
        save_checkpoint(tmp_path, Checkpoint(1, 0.0, 0.0, state))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 10, 600, 6000, 12_300, 12_799])
def test_a_library_that_does_not_notice_a_full_disk_is_checked(tmp_path: Path, size: int) -> None:
    pytest.importorskip("ezc3d")
    poses = Poses3D(torch.rand(40, 1, 17, 3), torch.ones(40, 1, 17), H36M17, "world", True, torch.arange(40) / 50)
    export(poses, tmp_path / "a.c3d")
    content = (tmp_path / "a.c3d").read_bytes()
    assert len(content) == 12_800
    tried = mock.patch("epipose.io.writable._TRIED_BYTES", 0)
    with tried, no_file_larger_than(size), pytest.raises(WriteError, match=r"a\.c3d was not written"):
        export(poses, tmp_path / "a.c3d")
    assert [path.name for path in tmp_path.iterdir()] == ["a.c3d"]
    assert (tmp_path / "a.c3d").read_bytes() == content


def test_a_full_disk_is_said_with_what_to_do(tmp_path: Path) -> None:
    with (
        faults(tmp_path, 1),
        pytest.raises(WriteError, match=r"No space left.*as it was.*make room, then give the same"),
    ):
        write_json(tmp_path / "a.json", {})


def test_the_command_line_says_it_without_a_traceback(tmp_path: Path, capsys) -> None:
    (tmp_path / "a file").write_text("")
    poses = tmp_path / "poses.npz"
    write_npz(poses, a=np.zeros(1))
    assert main(["detect", "--poses", str(poses), "--out", str(tmp_path / "a file" / "clip")]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), FileNotFoundError(2, "gone", "b.json"), InputError("x")])
def test_other_errors_pass_as_they_are(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, writing_to(tmp_path / "a.json"):
        raise error
    assert caught.value is error


def test_what_is_forbidden_elsewhere_is_no_error_of_writing_here(tmp_path: Path) -> None:
    def read() -> None:
        with replacing(tmp_path / "a.json"):
            raise PermissionError(errno.EACCES, "Permission denied", "/somewhere/else")

    with pytest.raises(PermissionError):
        read()
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_system_in_the_words_of_another_language_is_known(tmp_path: Path) -> None:
    text = 'Error while serializing: IoError(Os { code: 28, kind: StorageFull, message: "No space left on device" })'
    with pytest.raises(WriteError, match="No space left on device"), writing_to(tmp_path / "a.safetensors"):
        raise RuntimeError(text)
