"""The record of one clip of a batch: what it notices, and that nothing of it is an exception."""

from dataclasses import replace

import pytest

from epipose.pipeline import clip_job
from epipose.pipeline.clip_job import ClipJob, ClipOutcome, run_clip
from epipose.pipeline.options import RunOptions


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job whose work is to leave the files that the record asks for."""

    def carried_out(job):
        for name in ("report.html", "poses3d.npz"):
            (job.out / name).touch()
        return ClipOutcome(job.name, "done", error=f"run {next(runs)}")

    runs = iter(range(9))
    monkeypatch.setattr(clip_job, "_carried_out", carried_out)
    files = {name: tmp_path / name for name in ("map.toml", "extri.yml", "intri.yml", "net.onnx", "poses")}
    for path in files.values():
        path.write_text("%YAML:1.0\n---\nnames:\n  - a\nK_a: 1\n" if path.suffix == ".yml" else "1")
    options = RunOptions(
        poses=files["poses"], joints=str(files["map.toml"]), known_rig=files["extri.yml"],
        detector=f"rtmpose:{files['net.onnx']}",
    )  # fmt: skip
    return ClipJob("walk", (), tmp_path / "out", options)


@pytest.mark.parametrize("changed", ["map.toml", "intri.yml", "net.onnx"])
def test_changed_files_of_the_options_are_noticed(job, changed):
    assert run_clip(job).error == run_clip(job).error == "run 0"
    path = job.out.parent / changed
    path.write_text(path.read_text() + "\n")
    assert run_clip(job).error == "run 1"


def test_a_clip_whose_record_cannot_be_read_is_done_again(job):
    run_clip(job)
    (job.out / "batch.json").write_text("{")
    assert [run_clip(job).error, run_clip(job).error] == ["run 1", "run 1"]
    assert run_clip(replace(job, options=replace(job.options, overwrite=True))).error == "run 2"


def test_options_that_cannot_be_read_are_an_outcome(job):
    outcome = run_clip(replace(job, options=replace(job.options, detector_option=("threads",))))
    assert outcome.status == "failed"
    assert "expected KEY=VALUE" in outcome.error
