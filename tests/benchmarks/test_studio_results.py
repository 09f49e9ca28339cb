"""Results of several scripts in one JSON, and the tables made from them."""

from pathlib import Path

import pytest
import torch

from benchmarks.docs import demo_tables, studio_tables, tables
from benchmarks.network.inference import rates, summary
from benchmarks.network.studio_results import merge_results
from epipose.errors import EpiposeError
from epipose.io.files import read_json


def test_what_others_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / "results" / "studio.json"
    merge_results(path, {"a": 1, "b": 2.5})
    assert merge_results(path, {"b": 3, "c": "x"}) == {"a": 1, "b": 3, "c": "x"} == read_json(path)
    with pytest.raises(ValueError, match="JSON"):
        merge_results(path, {"b": float("nan")})
    assert read_json(path)["b"] == 3
    assert [file.name for file in path.parent.iterdir()] == ["studio.json"], "nothing half written is left"
    path.write_text("{")
    with pytest.raises(EpiposeError, match="cannot be read as JSON"):
        merge_results(path, {"a": 1})


class Reader:
    """Says nothing, and notes who was asked and with how much."""

    skeleton = bone_lengths = metric = margin = None

    def __init__(self, name: str, size: int, calls: list) -> None:
        self.name, self.input_size, self.calls = name, size, calls

    def read(self, crops: torch.Tensor, device: torch.device) -> None:
        self.calls.append((self.name, tuple(crops.shape), str(crops.dtype)))


def test_readers_take_turns() -> None:
    calls: list = []
    readers = {name: Reader(name, size, calls) for name, size in (("torch", 64), ("resnet50_torch", 96))}
    found = rates(readers, 3, rounds=2, seconds=0.0)  # type: ignore[arg-type]
    assert [name for name, _, _ in calls] == ["torch", "resnet50_torch"] * 3, "once to warm up, then two rounds"
    assert calls[1][1:] == ((3, 96, 96, 3), "torch.uint8")
    assert all(len(each) == 2 and min(each) > 0 for each in found.values())


def test_ratios_are_of_the_same_round() -> None:
    ours, theirs = [10.0, 40.0, 30.0], [1.0, 8.0, 2.0]
    found = summary({"heavy_torch": ours, "heavy_onnx": theirs, "resnet50_torch": theirs, "resnet50_onnx": theirs})
    assert found["heavy_torch"] == {"per_s": 30, "over_resnet50": 10}
    assert found["resnet50_torch"] == {"per_s": 2}
    assert found["heavy_onnx"] == {"per_s": 2, "over_resnet50": 1}


def test_tables_hold_the_figures_and_a_dash_for_what_is_missing() -> None:
    assert "(`detector_found_share`) | - | >= 0.95 |" in studio_tables.footage({})
    assert "(`studio_images_per_s`) | 93.1 | >= 60 |" in studio_tables.footage({"studio_images_per_s": 93.1})
    row = {"pmpjpe_mm": 61.4, "nmpjpe_mm": 80.0, "mpjpe_mm": 81.6}
    new = {"held_out_camera": {"camera": "cam04", "new_frames": {"adapted": row}, "all_frames": {}}}
    assert "| the same, adapted to this footage | 61 | 80 | 82 | - | - | - |" in demo_tables.held_out({"network": new})
    four = {"four_cameras": {"pretrained": row}}
    assert "| the pretrained network | 61 | 80 | 82 |" in demo_tables.network({"network": four})


def test_a_page_gets_its_tables(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tables, "_RESULTS", tmp_path)
    page = "before\n<!-- table: studio_footage -->\nold\n<!-- end -->\nafter\n"
    new, missing = tables.with_tables(page)
    assert not missing
    assert "old" not in new
    assert studio_tables.footage({}) in new
    merge_results(tmp_path / "studio.json", {"studio_images_per_s": 44.0})
    assert "| 44.0 |" in tables.with_tables(new)[0]
    unknown = page.replace("studio_footage", "nothing")
    assert tables.with_tables(unknown)[0] == unknown
    assert "no table 'nothing'" in tables.with_tables(unknown)[1][0]
