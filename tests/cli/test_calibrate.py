"""The verb `calibrate` on a clip folder: its files, and the effect of its verdict on later verbs."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from epipose.calibration.verdict import Verdict
from epipose.camera import Rig
from epipose.cli.main import main
from epipose.clip import Clip
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.dot_videos import small_rig, videos
from tests.helpers.synthetic import detections, moving_skeleton


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """Videos, their intrinsics and cameras, the joints to be seen in them, and the clip folder made of them."""
    folder = tmp_path_factory.mktemp("footage")
    videos(folder / "videos")
    rig = small_rig()
    rig.save(folder / "intrinsics.json", intrinsics_only=True)
    rig.save(folder / "known.json")
    uv, conf = detections(rig, moving_skeleton(20), pixels=0.5)
    Poses2D(uv[:, :, None], conf[:, :, None], H36M17, rig.names).save(folder / "poses.npz")
    assert run("detect", folder / "videos", "--out", folder / "walk", "--poses", folder / "poses.npz") == 0
    return folder


@pytest.fixture
def walk(footage, tmp_path):
    """A clip folder of one's own."""
    shutil.copytree(footage / "walk", tmp_path / "walk")
    Clip.load(footage / "walk").save(tmp_path / "walk")
    return tmp_path / "walk"


@pytest.fixture
def rejected(monkeypatch):
    """Whatever the cameras are like, they are rejected."""
    verdict = Verdict("reject", ("The sky is green.",))
    monkeypatch.setattr("epipose.calibration.assess.judge", lambda *_, **__: verdict)


@pytest.mark.slow
def test_without_intrinsics_a_lens_is_assumed_and_said(footage, tmp_path, capsys):
    walk, two = tmp_path / "walk", small_rig().names[:2]  # two, because six lenses are tried on every pair of views
    poses = Poses2D.load(footage / "poses.npz")
    Poses2D(poses.xy[:2], poses.conf[:2], poses.skeleton, two).save(tmp_path / "two.npz")
    sources = [footage / "videos" / f"{name}.mp4" for name in two]
    assert run("detect", *sources, "--out", walk, "--poses", tmp_path / "two.npz") == 0
    run("calibrate", walk)
    assert "an ordinary lens was assumed" in capsys.readouterr().out
    report = json.loads((walk / "calibration.json").read_text())
    assert "ordinary lens" in report["notes"][0]
    assert all("estimated" in camera["lens"] for camera in report["cameras"])
    assert "ordinary lens" in (walk / "calibration.html").read_text()


def test_known_cameras_are_taken_as_they_are(footage, walk):
    assert run("calibrate", walk, "--known-rig", footage / "known.json") == 0
    assert torch.allclose(Rig.load(walk / "rig.json").camera.R, small_rig().camera.R)
    assert "The cameras were given" in (walk / "calibration.html").read_text()


def test_a_known_rig_and_intrinsics_at_once_are_refused(footage, walk, capsys):
    both = ["--known-rig", footage / "known.json", "--intrinsics", footage / "known.json"]
    assert run("calibrate", walk, *both) == 2
    assert "Give either" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["calibration.result.write_json", "pipeline.stages.calibration_page"])
def test_a_run_that_dies_between_two_outputs_leaves_the_old_ones(footage, walk, victim, monkeypatch):
    """Cameras of one run beside the report of another must never pass for a finished calibration."""

    def outputs() -> list[bytes]:
        return [(walk / name).read_bytes() for name in ("rig.json", "calibration.json", "calibration.html")]

    other = ("--intrinsics", footage / "intrinsics.json", "--no-constant-bones")
    assert run("calibrate", walk, "--known-rig", footage / "known.json") == 0
    first = outputs()

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"epipose.{victim}", die)
        assert run("calibrate", walk, *other) == 130
    assert outputs() == first
    assert run("calibrate", walk, *other) == 0
    assert all(new != old for new, old in zip(outputs(), first, strict=True))


def test_the_page_is_an_output_of_the_verb(footage, walk, capsys):
    command = ("calibrate", walk, "--known-rig", footage / "known.json")
    assert run(*command) == 0
    (walk / "calibration.html").unlink()
    assert run(*command) == 0
    assert "is there already" not in capsys.readouterr().out
    assert run(*command) == 0
    said = capsys.readouterr().out
    assert "is there already" in said
    assert "calibration.html" in said


def test_other_videos_take_the_page_away(footage, walk):
    assert run("calibrate", walk, "--known-rig", footage / "known.json") == 0
    again = ("detect", footage / "videos", "--out", walk, "--poses", footage / "poses.npz", "--overwrite")
    assert run(*again) == 0
    assert not (walk / "calibration.html").exists()


@pytest.mark.slow
def test_what_rests_on_other_poses_or_cameras_is_taken_away(footage, walk):
    """Labels are by frame number: beside another timeline, or other cameras, training would take them for true."""
    known = ("calibrate", walk, "--known-rig", footage / "known.json")
    assert run(*known) == 0
    assert run("label", walk, "--force") == 0
    assert run(*known) == 0
    assert (walk / "poses3d.npz").exists()  # nothing changed
    assert run(*known, "--max-frames", "15") == 0
    assert not (walk / "poses3d.npz").exists()
    assert run("label", walk, "--force") == 0
    again = ("detect", footage / "videos", "--out", walk, "--poses", footage / "poses.npz")
    assert run(*again, "--offsets", "0", "0.1", "0", "0") == 0
    assert not any((walk / name).exists() for name in ("rig.json", "calibration.json", "poses3d.npz"))
    assert run("label", walk) == 2


def test_lengths_scale_known_cameras_that_are_not_metric_and_are_refused_for_others(footage, walk, tmp_path, capsys):
    assert run("calibrate", walk, "--known-rig", footage / "known.json", "--height", "1.8") == 0
    assert Rig.load(walk / "rig.json").metric
    replace(small_rig(), metric=True).save(tmp_path / "metric.json")
    assert run("calibrate", walk, "--known-rig", tmp_path / "metric.json", "--height", "1.8") == 2
    assert "Leave out --height" in capsys.readouterr().err
    assert run("calibrate", walk, "--known-rig", tmp_path / "metric.json") == 0


def test_rejected_cameras_are_written_but_not_used_unless_forced(footage, walk, rejected, capsys):
    for _ in range(2):  # the second time from the record: the exit code is the same
        assert run("calibrate", walk, "--known-rig", footage / "known.json") == 3
        said = capsys.readouterr()
        assert "verdict: reject" in said.out
        assert "The sky is green." in said.err
    page = (walk / "calibration.html").read_text()
    assert "Do not use these cameras" in page
    assert "The sky is green." in page
    assert run("label", walk) == 3
    assert f"({walk / 'calibration.html'} says more)" in capsys.readouterr().err
    assert not (walk / "poses3d.npz").exists()
    assert run("label", walk, "--force") == 0
    assert (walk / "poses3d.npz").exists()


@pytest.mark.slow
def test_run_reports_on_rejected_cameras_and_stops_unless_forced(footage, tmp_path, rejected, capsys):
    out = tmp_path / "all"
    whole = ("run", footage / "videos", "--out", out, "--intrinsics", footage / "intrinsics.json", "--network", "none")
    whole = (*whole, "--poses", footage / "poses.npz")
    assert run(*whole) == 3
    assert "--force" in capsys.readouterr().err
    page = (out / "report.html").read_text()
    assert "The sky is green." in page
    assert "Joints with a label" not in page
    assert not (out / "poses3d.npz").exists()
    assert run(*whole, "--force") == 0
    assert "verdict: reject" in capsys.readouterr().out
    page = (out / "report.html").read_text()
    assert "The sky is green." in page
    assert "Joints with a label" in page
