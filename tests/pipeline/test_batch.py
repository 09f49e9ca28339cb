"""Many clips: outcomes, summary, what is redone, and the same in processes and on a cluster."""

import csv
import json
import shutil
import sys
import time
from pathlib import Path

import pytest
import torch

from epipose.camera import Rig
from epipose.cli.main import main
from epipose.errors import InputError, MissingExtraError
from epipose.io.files import read_json
from epipose.pipeline import clip_job
from epipose.pipeline.batch import batch
from epipose.pipeline.clip_job import ClipJob, ClipOutcome, run_apart
from epipose.pipeline.clip_search import FoundClip
from epipose.pipeline.options import RunOptions
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17
from tests.helpers.dot_videos import small_rig, videos
from tests.helpers.synthetic import detections, moving_skeleton

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of one rig and one that cannot be read, the rig, and 2D poses for each."""
    folder = tmp_path_factory.mktemp("footage")
    cameras = small_rig()
    cameras.save(folder / "rig.json")
    for name, seed in (("monday/walk", 0), ("tuesday", 1)):
        videos(folder / "clips" / name, seed=seed)
        uv, conf = detections(cameras, moving_skeleton(20, seed), pixels=0.5)
        Poses2D(uv[:, :, None], conf[:, :, None], H36M17, cameras.names).save(folder / "poses" / f"{name}.npz")
    (folder / "clips" / "broken").mkdir()
    for name in cameras.names:
        (folder / "clips" / "broken" / f"{name}.mp4").write_text("no video")
    return folder


def options(footage: Path) -> dict[str, object]:
    return {"known_rig": footage / "rig.json", "poses": footage / "poses", "sync": "none", "height": 1.7}


@pytest.fixture(scope="module")
def done(footage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a batch that ran."""
    out = tmp_path_factory.mktemp("batch")
    outcomes = batch(footage / "clips", out, **options(footage))
    assert [(outcome.clip, outcome.status) for outcome in outcomes] == [
        ("broken", "failed"),
        ("monday/walk", "done"),
        ("tuesday", "done"),
    ]
    return out


def test_a_clip_that_fails_stops_no_other_and_is_listed(done: Path) -> None:
    with (done / "summary.csv").open(newline="") as file:
        rows = {row["clip"]: row for row in csv.DictReader(file)}
    assert rows["broken"]["status"] == "failed"
    assert "cannot be read" in rows["broken"]["error"]
    for name in ("monday/walk", "tuesday"):
        assert float(rows[name]["labelled"]) > 0.9
        assert rows[name]["verdict"] in ("trust", "check")
        assert (rows[name]["views"], rows[name]["frames"]) == ("4", "20")
        labels = Poses3D.load(done / name / "poses3d.npz")
        assert labels.metric
    page = (done / "summary.html").read_text()
    assert '<a href="monday/walk/report.html">monday/walk</a>' in page
    assert page.count("report.html") == 2, "a clip that failed has no report"
    assert "no video" not in page
    assert "cannot be read" in page


def test_clips_of_a_known_rig_have_its_cameras(done: Path) -> None:
    for name in ("monday/walk", "tuesday"):
        found = Rig.load(done / name / "rig.json")
        torch.testing.assert_close(found.camera.R, small_rig().camera.R)


def test_what_is_done_is_not_redone_and_what_failed_is(footage: Path, done: Path, tmp_path: Path, monkeypatch) -> None:
    out, asked = tmp_path / "out", []
    shutil.copytree(done, out)
    monkeypatch.setattr("epipose.pipeline.run.run", lambda sources, out, options: asked.append(out.name))
    monkeypatch.setattr(clip_job, "_described", lambda job, *_: ClipOutcome(job.name, "done"))
    written = clip_job._results
    monkeypatch.setattr(clip_job, "_results", lambda job, of: [] if job.name == "broken" else written(job, of))
    outcomes = batch(footage / "clips", out, **options(footage))
    assert asked == ["broken"]
    assert [outcome.status for outcome in outcomes] == ["done", "done", "done"]
    batch(footage / "clips", out, **{**options(footage), "people": "subject"})
    assert asked == ["broken", "broken", "walk", "tuesday"], "other options are another job"


@pytest.mark.parametrize("content", ["{", "[]", '{"outcome": {"clip": "walk", "status": "odd"}}'])
def test_a_damaged_record_is_none(footage: Path, done: Path, tmp_path: Path, monkeypatch, content: str) -> None:
    out, asked = tmp_path / "out", []
    shutil.copytree(done, out)
    (out / "monday" / "walk" / "batch.json").write_text(content)
    monkeypatch.setattr("epipose.pipeline.run.run", lambda sources, out, options: asked.append(out.name))
    monkeypatch.setattr(clip_job, "_described", lambda job, *_: ClipOutcome(job.name, "done"))
    written = clip_job._results
    monkeypatch.setattr(clip_job, "_results", lambda job, of: [] if job.name == "broken" else written(job, of))
    outcomes = batch(footage / "clips", out, **options(footage))
    assert asked == ["broken", "walk"]
    assert len(outcomes) == 3


def test_the_exit_code_tells_and_the_log_is_kept(footage: Path, done: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    shutil.copytree(done, out)
    given = ["--known-rig", footage / "rig.json", "--poses", footage / "poses", "--sync", "none", "--height", 1.7]
    command = [str(part) for part in ("batch", footage / "clips", "--out", out, *given)]
    assert main(command) == 4
    printed = capsys.readouterr()
    assert "[3/3] tuesday: " in printed.out
    assert "1 of 3 clips gave no labels: broken" in printed.err
    assert "cannot be read" in (out / "broken" / "batch.log").read_text()


def test_rejected_cameras_are_an_outcome_of_their_own(footage: Path, tmp_path: Path) -> None:
    """A rig that was moved: every second camera looks elsewhere."""
    turned = small_rig()
    R = turned.camera.R.clone()
    R[::2] = R[::2].flip(0)
    Rig(turned.names, turned.camera.with_pose(R, turned.camera.t)).save(tmp_path / "moved.json")
    clips = tmp_path / "clips"
    shutil.copytree(footage / "clips" / "tuesday", clips / "tuesday")
    given = {**options(footage), "known_rig": tmp_path / "moved.json", "height": None}
    (outcome,) = batch(clips, tmp_path / "out", **given)
    assert (outcome.status, outcome.verdict, outcome.labelled) == ("rejected", "reject", None)
    assert outcome.reasons
    assert "report.html" in (tmp_path / "out" / "summary.html").read_text()
    assert batch(clips, tmp_path / "out", **given) == (outcome,)


def test_side_by_side_gives_the_same(footage: Path, done: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(done / "tuesday", out / "tuesday")
    outcomes = batch(footage / "clips", out, jobs=2, **options(footage))
    assert [outcome.status for outcome in outcomes] == ["failed", "done", "done"]
    one, other = (Poses3D.load(folder / "monday/walk" / "poses3d.npz") for folder in (out, done))
    torch.testing.assert_close(one.xyz, other.xyz)


def test_the_cores_are_divided_among_the_processes(footage: Path, tmp_path: Path, monkeypatch) -> None:
    threads = []

    def asked(job: ClipJob, given: int | None) -> ClipOutcome:
        threads.append(given)
        return ClipOutcome(job.name, "done")

    monkeypatch.setattr("epipose.pipeline.batch.run_apart", asked)
    monkeypatch.setattr("os.cpu_count", lambda: 12)
    for jobs, each in ((2, 6), (3, 4), (50, 4)):  # there are three clips
        threads.clear()
        batch(footage / "clips", tmp_path / "out", jobs=jobs)
        assert threads == [each] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
def test_a_process_that_dies_is_an_outcome(footage: Path, tmp_path: Path, monkeypatch) -> None:
    dying = tmp_path / "sitecustomize.py"  # as if the system had run out of memory
    dying.write_text(
        "import os, sys\nif 'epipose.pipeline.clip_job' in ' '.join(sys.orig_argv):\n    os.kill(os.getpid(), 9)"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    outcome = run_apart(ClipJob("a", (footage / "clips" / "tuesday",), tmp_path / "out", RunOptions()))
    assert outcome.status == "failed"
    assert "ended by signal 9; out of memory?" in outcome.error


def test_a_cluster_gives_the_same(footage: Path, done: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    out = tmp_path / "out"
    shutil.copytree(done, out)
    shutil.rmtree(out / "monday")
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=tmp_path / "dask"
    )
    with cluster:
        outcomes = batch(footage / "clips", out, scheduler=cluster.scheduler_address, **options(footage))
    assert [outcome.status for outcome in outcomes] == ["failed", "done", "done"]
    assert json.dumps(read_json(out / "tuesday" / "batch.json")) == json.dumps(
        read_json(done / "tuesday" / "batch.json")
    )
    assert (out / "monday" / "walk" / "poses3d.npz").exists()


def test_options_that_cannot_be_are_named(footage: Path, tmp_path: Path, monkeypatch) -> None:
    clips, out = footage / "clips", tmp_path / "out"
    with pytest.raises(InputError, match="'jobs' is 0"):
        batch(clips, out, jobs=0)
    with pytest.raises(InputError, match=r"no file .*nosuch\.json"):
        batch(clips, out, known_rig=footage / "nosuch.json")
    assert not out.exists(), "nothing was detected before"
    with pytest.raises(InputError, match="is the folder of the recordings itself"):
        batch(clips, clips)
    with pytest.raises(InputError, match=r"rig\.json is no folder"):
        batch(clips, out, poses=footage / "rig.json")
    with pytest.raises(InputError, match="no scheduler of dask"):
        batch(clips, out, scheduler="nonsense://1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"epipose\[cluster\]"):
        batch(clips, out, scheduler="tcp://127.0.0.1:1")


def test_the_summary_of_very_many_clips_takes_little_of_their_time(tmp_path: Path, monkeypatch) -> None:
    written: list[int] = []

    def slow(outcomes, clips, out) -> None:
        written.append(len(outcomes))
        time.sleep(0.01)

    jobs = [FoundClip(f"{number:03d}", ()) for number in range(300)]
    monkeypatch.setattr("epipose.pipeline.batch.write_summary", slow)
    monkeypatch.setattr("epipose.pipeline.batch.clips_in", lambda folder, out: jobs)
    monkeypatch.setattr("epipose.pipeline.batch.run_clip", lambda job: ClipOutcome(job.name, "done"))
    outcomes = batch(tmp_path / "clips", tmp_path / "out")
    assert len(outcomes) == 300
    assert written[0] == 1
    assert written[-1] == 300
    assert len(written) < 30


def test_an_interrupt_leaves_the_summary_of_what_was_done(tmp_path: Path, monkeypatch) -> None:
    written: list[int] = []

    def interrupted(job):
        if job.name == "5":
            raise KeyboardInterrupt
        return ClipOutcome(job.name, "done")

    monkeypatch.setattr("epipose.pipeline.batch._SUMMARY_REST", 1e9)
    monkeypatch.setattr(
        "epipose.pipeline.batch.write_summary", lambda outcomes, clips, out: written.append(len(outcomes))
    )
    monkeypatch.setattr(
        "epipose.pipeline.batch.clips_in", lambda folder, out: [FoundClip(str(n), ()) for n in range(9)]
    )
    monkeypatch.setattr("epipose.pipeline.batch.run_clip", interrupted)
    with pytest.raises(KeyboardInterrupt):
        batch(tmp_path / "clips", tmp_path / "out")
    assert written == [1, 5]
