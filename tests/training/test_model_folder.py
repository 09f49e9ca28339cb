"""Folders of training runs: a model that is there stays in use until the one that replaces it is whole."""

import json
from pathlib import Path
from unittest import mock

import pytest

from epipose.errors import InputError
from epipose.io.files import read_json, write_record
from epipose.training.model_folder import claimed, finished
from tests.helpers.writing_models import train

OPTIONS, OTHER = {"seed": 1}, {"seed": 2}


def model(folder: Path) -> Path:
    """A finished model of OPTIONS."""
    for name in ("model.safetensors", "config.json", "log.jsonl"):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    write_record(folder / "train.json", OPTIONS, "inputs")
    return folder


def test_a_finished_run_is_known_and_another_is_refused(tmp_path: Path) -> None:
    out = model(tmp_path)
    assert finished(out, OPTIONS, "inputs")
    with pytest.raises(InputError, match=r"seed 1 \(now 2\).*--overwrite"):
        finished(out, OTHER, "inputs")
    with pytest.raises(InputError, match="labels or the initial weights"):
        finished(out, OPTIONS, "others")


def test_a_new_run_goes_on_in_the_folder_itself(tmp_path: Path) -> None:
    out = tmp_path / "model"
    assert not finished(out, OPTIONS, "inputs")
    assert claimed(out, OPTIONS, "inputs", overwrite=False) == out
    assert claimed(out, OPTIONS, "inputs", overwrite=False) == out, "resumed"
    assert not finished(out, OPTIONS, "inputs")


def test_to_overwrite_a_run_that_was_cut_off_begins_it_anew(tmp_path: Path) -> None:
    claimed(tmp_path, OPTIONS, "inputs", overwrite=False)
    (tmp_path / "checkpoint.pt").write_text("old")
    assert claimed(tmp_path, OTHER, "inputs", overwrite=True) == tmp_path
    assert not (tmp_path / "checkpoint.pt").exists()
    assert read_json(tmp_path / "train.json")["options"] == OTHER


def test_to_overwrite_a_model_leaves_it_until_the_end(tmp_path: Path) -> None:
    out = model(tmp_path)
    work = claimed(out, OTHER, "inputs", overwrite=True)
    assert work == out / "retraining"
    assert finished(out, OPTIONS, "inputs"), "the old model is in use"
    assert not finished(out, OTHER, "inputs"), "and what replaces it goes on, with --overwrite or without"
    (work / "checkpoint.pt").write_text("half way")
    assert claimed(out, OTHER, "inputs", overwrite=True) == work
    assert (work / "checkpoint.pt").exists()
    assert claimed(out, {"seed": 3}, "inputs", overwrite=True) == work
    assert not (work / "checkpoint.pt").exists(), "it was another run's"


def test_what_a_run_left_that_was_killed_after_it_finished_goes(tmp_path: Path) -> None:
    out = model(tmp_path)
    write_record(out / "retraining" / "train.json", OPTIONS, "inputs")
    assert finished(out, OPTIONS, "inputs")
    assert not (out / "retraining").exists()


def test_a_training_that_fails_half_way_leaves_the_old_model_and_then_takes_its_place(tmp_path: Path) -> None:
    train(tmp_path, 1)
    (tmp_path / "refiner.safetensors").write_text("of the old model")
    with (
        mock.patch("epipose.training.model_folder.staged", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        train(tmp_path, 2)
    assert (tmp_path / "model.safetensors").read_bytes()[:1] == bytes([1])
    assert (tmp_path / "refiner.safetensors").exists()
    assert (tmp_path / "retraining" / "checkpoint.pt").exists()
    train(tmp_path, 2)
    assert (tmp_path / "model.safetensors").read_bytes()[:1] == bytes([2])
    assert read_json(tmp_path / "train.json")["options"]["seed"] == 2
    assert json.loads((tmp_path / "log.jsonl").read_text())["seed"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json", "log.jsonl", "model.safetensors", "train.json",
    ]  # fmt: skip
