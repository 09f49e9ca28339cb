"""The experiments of the benchmark: which networks they train, and what they leave at the top of other JSON files."""

import sys
from pathlib import Path

import pytest

from benchmarks.network import benches
from benchmarks.network.headline import supervision
from epipose.experiments.result import ExperimentResult
from epipose.io.files import read_json

_RESULTS = Path(benches.__file__).parents[1] / "results"


def test_experiments_without_a_pretraining_run_alone(tmp_path: Path, monkeypatch, capsys) -> None:
    asked = []

    def bench(name, work, out, **how):
        asked.append((name, out.name, how["network"], how["init"]))
        return ExperimentResult.load(_RESULTS / f"bench_{name}.json")

    monkeypatch.setattr(benches, "bench", bench)
    monkeypatch.setattr(benches, "STUDIO", tmp_path / "studio.json")
    monkeypatch.setattr(benches, "NETWORK", tmp_path / "network.json")
    monkeypatch.setattr(
        sys, "argv", ["benches", "--mocap", "m", "--work", str(tmp_path), "--only", "self", "self_landmarks"]
    )
    benches.main()
    assert asked == [("self", "bench_self_landmarks.json", "landmarks", None)]
    assert "left out for want of --nets: self\n" in capsys.readouterr().out
    assert not (tmp_path / "studio.json").exists()
    assert set(read_json(tmp_path / "network.json")) == {"full_pmpjpe_mm", "ratio_self_full"}
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--nets", str(tmp_path)])
    benches.main()
    assert asked[1] == ("self", "bench_self.json", "small", tmp_path / "pretrained")
    assert set(read_json(tmp_path / "studio.json")) == {"ratio_self_full", "ratio_self_selfrig"}


def test_the_headline_is_the_row_of_ground_truth_and_the_ratio() -> None:
    result = ExperimentResult.load(_RESULTS / "bench_self.json")
    rows = result.network_rows
    numbers = supervision(result)
    assert numbers["full_pmpjpe_mm"] == pytest.approx(rows["full"].pmpjpe_mm, abs=0.01)
    assert numbers["ratio_self_full"] == rows["self"].ratio_to_full
