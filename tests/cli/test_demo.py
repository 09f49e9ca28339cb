"""The demo: the sample and the run in one command, and where the results are."""

import pytest

from epipose.cli.main import main
from epipose.clip import Clip
from tests.helpers.dot_videos import Dots, small_rig, videos


@pytest.mark.slow
def test_the_sample_is_fetched_and_run(monkeypatch, tmp_path, capsys):
    asked = []

    def sample(out, wheel):
        asked.append((out, wheel))
        videos(out / "videos")
        small_rig().save(out / "intrinsics.json", intrinsics_only=True)

    monkeypatch.setattr("epipose.datasets.sample.sample", sample)
    monkeypatch.setattr("epipose.pipeline.detect.detector_named", lambda *_, **__: Dots())
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--wheel", "pose2sim.whl"]) == 0
    assert [(str(folder), str(wheel)) for folder, wheel in asked] == [(str(out / "sample"), "pose2sim.whl")]
    assert Clip.load(out).frames == 20
    printed = capsys.readouterr().out
    assert "verdict: " in printed
    for name in ("report.html", "view.html"):
        assert (out / name).exists()
        assert str(out / name) in printed
    assert not (out / "model").exists()
