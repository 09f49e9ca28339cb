"""Sets of files: whole before and after, whatever fails; and what readers do with one that was cut off."""

import json
import os
from pathlib import Path

import pytest

from epipose.errors import DamagedFileError, InputError, WriteError
from epipose.io import commit as redo_log
from epipose.io.commit import COMMIT, roll_forward
from epipose.io.files import read_json, replacing, replacing_folder, write_json
from epipose.io.staged import settle, staged


def content(folder: Path) -> dict[str, str]:
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    shown = (path for path in files if path.parts[0][0] != ".")
    return {path.as_posix(): (folder / path).read_text() for path in shown}


def old_set(folder: Path) -> Path:
    for name in ("rig.json", "report.json", "stale.json", "other.txt"):
        write_json(folder / name, "old")
    return folder


def write_new(folder: Path) -> None:
    with staged(folder, removes=("stale.json", "rig.json", "none.json")) as stage:
        write_json(stage.path("rig.json"), "new")
        write_json(stage.path("report.json"), "new")
        (stage.folder / "truth").mkdir()
        write_json(stage.path("truth/rig.json"), "new")


OLD = dict.fromkeys(("rig.json", "report.json", "stale.json", "other.txt"), '"old"\n')
NEW = {**dict.fromkeys(("rig.json", "report.json", "truth/rig.json"), '"new"\n'), "other.txt": '"old"\n'}


def test_a_set_replaces_the_old_one_and_what_is_stale_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_new(old_set(tmp_path))
    assert content(tmp_path) == NEW
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_an_error_in_the_block_changes_nothing(tmp_path: Path) -> None:
    old_set(tmp_path)

    def fails() -> None:
        with staged(tmp_path, removes=("stale.json",)) as stage:
            write_json(stage.path("rig.json"), "new")
            write_json(stage.path("report.json"), float("nan"))

    with pytest.raises(ValueError, match="Out of range"):
        fails()
    assert content(tmp_path) == OLD
    assert len(list(tmp_path.iterdir())) == len(OLD)


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), staged(tmp_path / "a" / "b"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_place_of_a_file_is_named_before_anything_is_changed(tmp_path: Path) -> None:
    old_set(tmp_path)
    (tmp_path / "truth" / "rig.json").mkdir(parents=True)
    with pytest.raises(InputError, match=r"rig\.json is a folder"):
        write_new(tmp_path)
    assert content(tmp_path) == OLD


class Killed(BaseException):
    """The end of the process."""


def cut_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set in force of which one file alone is in its place, as a process leaves it that is killed there."""
    moved: list[str] = []
    replace = os.replace

    def killed(source, target):
        if Path(target).parent in (folder, folder / "truth"):
            if moved:
                raise Killed
            moved.append(str(target))
        replace(source, target)

    monkeypatch.setattr(redo_log.os, "replace", killed)
    with pytest.raises(Killed):
        write_new(folder)
    monkeypatch.undo()


@pytest.mark.parametrize("reader", ["settle", "read_json", "replacing", "staged"])
def test_whoever_comes_next_completes_a_set_that_is_in_force(tmp_path: Path, monkeypatch, reader: str) -> None:
    cut_off(old_set(tmp_path), monkeypatch)
    assert (tmp_path / COMMIT).is_dir()
    assert len(set(content(tmp_path).values())) == 2
    if reader == "settle":
        settle(tmp_path)
    elif reader == "read_json":
        assert read_json(tmp_path / "rig.json") == "new"
    elif reader == "replacing":
        with replacing(tmp_path / "other.txt") as part:
            part.write_text('"old"\n')
    else:
        with staged(tmp_path):
            assert content(tmp_path) == NEW
    assert content(tmp_path) == NEW
    assert not (tmp_path / COMMIT).exists()


def test_rolling_forward_twice_does_no_harm(tmp_path: Path, monkeypatch) -> None:
    cut_off(old_set(tmp_path), monkeypatch)
    roll_forward(tmp_path)
    roll_forward(tmp_path)
    assert content(tmp_path) == NEW


@pytest.mark.parametrize("name", ["../stolen", "/etc/stolen", "a/../../stolen", "C:\\stolen", "..\\stolen", ""])
@pytest.mark.parametrize("key", ["files", "removes"])
def test_a_list_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str, key: str) -> None:
    folder = tmp_path / "clip"
    (folder / COMMIT).mkdir(parents=True)
    (tmp_path / "stolen").write_text("mine")
    (folder / COMMIT / ".epipose.set.json").write_text(json.dumps({"files": [], "removes": [], key: [name]}))
    with pytest.raises(DamagedFileError, match=r"epipose\.set\.json"):
        read_json(folder / "rig.json")
    assert (tmp_path / "stolen").read_text() == "mine"


def test_a_disk_that_fails_once_while_files_are_moved_is_tried_again(tmp_path: Path, monkeypatch) -> None:
    old_set(tmp_path)
    replace, failures = os.replace, iter([OSError(5, "Input/output error")])

    def fails_once(source, target):
        if Path(target) == tmp_path / "rig.json":
            for error in failures:
                raise error
        replace(source, target)

    monkeypatch.setattr(redo_log.os, "replace", fails_once)
    write_new(tmp_path)
    assert content(tmp_path) == NEW


def test_a_disk_that_stays_broken_is_said_and_the_set_completed_later(tmp_path: Path, monkeypatch) -> None:
    old_set(tmp_path)

    def fails(source, target):
        raise OSError(5, "Input/output error")

    def write() -> None:
        with staged(tmp_path) as stage:
            stage.path("rig.json").write_text("new")

    monkeypatch.setattr(redo_log.os, "replace", fails)
    with pytest.raises(WriteError, match="are whole, but could not all be put"):
        write()
    monkeypatch.undo()
    assert read_json(tmp_path / "other.txt") == "old"
    assert (tmp_path / "rig.json").read_text() == "new"


def test_a_folder_of_files_keeps_none_of_its_own_files_that_are_not_written(tmp_path: Path) -> None:
    folder = tmp_path / "colmap"
    for names in (("a.txt", "b.txt"), ("b.txt",)):
        with replacing_folder(folder, ("a.txt", "b.txt")) as part:
            for name in names:
                (part / name).write_text(f"{len(names)}")
    assert content(folder) == {"b.txt": "1"}
