"""The command line from end to end on drawn videos, and every kind of bad input it must refuse in plain words."""

import json
import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import epipose
from epipose.camera import Rig
from epipose.cli.main import main
from epipose.clip import Clip
from epipose.detection import detect
from epipose.evaluation.metrics import pmpjpe_mm
from epipose.geometry.rotation import angle_between
from epipose.io.files import write_json
from epipose.io.video import read_frames
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17
from tests.helpers.dot_videos import Dots, small_rig, videos
from tests.helpers.synthetic import moving_skeleton


@pytest.fixture(autouse=True)
def dots(monkeypatch):
    real = detect.detector_named
    monkeypatch.setattr(detect, "detector_named", lambda name, *given: Dots() if name == "dots" else real(name, *given))
    monkeypatch.setattr("epipose.pipeline.detect.detector_named", detect.detector_named)
    monkeypatch.setattr("epipose.inference.predictor.detector_named", detect.detector_named)


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """Two seconds from four cameras, and the intrinsics beside them."""
    folder = tmp_path_factory.mktemp("footage")
    paths = videos(folder)
    small_rig().save(folder / "cameras.json", intrinsics_only=True)
    return paths


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.mark.slow
def test_videos_in_and_a_pose_from_a_single_image_out(footage, tmp_path, capsys):
    walk, model = tmp_path / "walk", tmp_path / "model"
    assert run("detect", *footage, "--out", walk, "--detector", "dots") == 0
    assert run("calibrate", walk, "--intrinsics", footage[0].parent / "cameras.json") == 0
    assert run("label", walk) == 0
    true = small_rig()
    found = Rig.load(walk / "rig.json")
    relative = [r.camera.R[:, None] @ r.camera.R[None].mT for r in (found, true)]
    assert float(torch.rad2deg(angle_between(*relative)).max()) < 1
    labels = Poses3D.load(walk / "poses3d.npz")
    errors = pmpjpe_mm(labels.xyz[:, 0].double(), moving_skeleton(20), (labels.conf[:, 0] > 0).double())
    assert float(errors.mean()) < 20

    tiny = ["--backbone", "resnet18", "--input-size", 64, "--depth-bins", 16, "--channels", 16, "--epochs", 2]
    assert run("train", walk, "--out", model, "--batch-size", 8, *tiny) == 0
    assert len((model / "log.jsonl").read_text().splitlines()) == 2
    photo = tmp_path / "photo.png"
    Image.fromarray(next(read_frames(footage[0]))).save(photo)
    assert run("predict", photo, "--model", model, "--out", tmp_path / "prediction", "--detector", "dots") == 0
    prediction = Poses3D.load(tmp_path / "prediction" / "predictions.npz")
    assert prediction.xyz.shape == (1, 1, 17, 3)
    assert bool(prediction.xyz.any())
    assert not prediction.metric  # the labels had no scale
    assert run("view", walk, "--html", tmp_path / "view.html") == 0
    assert (tmp_path / "view.html").stat().st_size > 100_000

    capsys.readouterr()
    before = (walk / "poses2d.npz").stat().st_mtime_ns
    assert run("detect", *footage, "--out", walk, "--detector", "dots") == 0
    assert run("calibrate", walk, "--intrinsics", footage[0].parent / "cameras.json") == 0
    assert run("label", walk) == 0
    assert run("train", walk, "--out", model, "--batch-size", 8, *tiny) == 0
    assert (walk / "poses2d.npz").stat().st_mtime_ns == before
    assert capsys.readouterr().out.count("is there already") == 3


@pytest.mark.slow
def test_run_does_it_all_and_writes_a_report(footage, tmp_path):
    out = tmp_path / "all"
    cameras = footage[0].parent / "cameras.json"
    assert run("run", *footage, "--out", out, "--intrinsics", cameras, "--detector", "dots", "--network", "none") == 0
    page = (out / "report.html").read_text()
    assert "reprojection error" in page
    assert page.index('id="scene"') < page.index('class="word"') < page.index("Joints with a label")
    assert page.index("Joints with a label") < page.index("Camera by camera")
    assert "cam54138969" in page
    assert (out / "view.html").exists()


@pytest.mark.slow
def test_run_takes_a_known_rig_and_the_height_gives_its_scale(footage, tmp_path, capsys):
    rig, out = tmp_path / "known.json", tmp_path / "all"
    small_rig().save(rig)
    command = ("run", *footage, "--out", out, "--known-rig", rig, "--detector", "dots", "--network", "none")
    assert run(*command) == 0
    assert torch.allclose(Rig.load(out / "rig.json").camera.t, small_rig().camera.t)
    assert "Give --height" in capsys.readouterr().out
    assert run(*command, "--height", 1.8) == 0
    assert Rig.load(out / "rig.json").metric
    assert Poses3D.load(out / "poses3d.npz").metric


def write_flat(path, frames=20, fps=10.0):
    from epipose.io.video import write_video

    write_video(path, (np.zeros((500, 500, 3), np.uint8) for _ in range(frames)), fps)
    return path


def refused(capsys, *arguments):
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("epipose: ")
    assert "Traceback" not in said
    return said


def test_a_missing_video(footage, tmp_path, capsys):
    said = refused(capsys, "detect", footage[0], tmp_path / "none.mp4", "--out", tmp_path / "walk")
    assert "There is no file or folder" in said
    assert "none.mp4" in said


def test_one_video_only(footage, tmp_path, capsys):
    assert "Two or more cameras" in refused(capsys, "detect", footage[0], "--out", tmp_path / "walk")


def test_a_file_that_is_no_video(footage, tmp_path, capsys):
    (tmp_path / "fake.mp4").write_text("no video")
    said = refused(capsys, "detect", footage[0], tmp_path / "fake.mp4", "--out", tmp_path / "walk")
    assert "fake.mp4 cannot be read as a video" in said


@pytest.mark.slow
def test_videos_that_start_at_other_moments_are_synchronised(tmp_path, capsys, monkeypatch):
    """Whole frames late, found by the motion; other starts need no new detection."""
    walk, paths = tmp_path / "walk", videos(tmp_path, frames=70, seed=1, late=(0, 12, 5, 0))
    assert run("detect", *paths, "--out", walk, "--detector", "dots") == 0
    clip = Clip.load(walk)
    assert [round(10 * view.start) for view in clip.views] == [0, 12, 5, 0]
    assert (clip.frames, Poses2D.load(walk / "poses2d.npz").xy.shape[1]) == (58, 58)
    assert Poses2D.load(walk / "detections.npz").xy.shape[1] == 70
    assert json.loads((walk / "detect.json").read_text())["sync"]["method"] == "motion"
    assert "started at  1.200 s, 58 frames at 10 fps" in capsys.readouterr().out

    monkeypatch.setattr("epipose.pipeline.detect.keypoints_with_notes", None)
    assert run("detect", *paths, "--out", walk, "--detector", "dots", "--offsets", 0, 1.2, -0.5, 0) == 0
    assert [round(view.start, 6) for view in Clip.load(walk).views] == [0.5, 1.7, 0.0, 0.5]
    assert run("detect", *paths, "--out", walk, "--detector", "dots", "--sync", "none") == 0
    assert Clip.load(walk).frames == 58
    assert {view.start for view in Clip.load(walk).views} == {0.0}


def test_starts_by_hand_that_cannot_be(footage, tmp_path, capsys):
    walk = tmp_path / "walk"
    said = refused(capsys, "detect", *footage, "--out", walk, "--detector", "dots", "--offsets", 0, 1)
    assert "--offsets has 2 times for 4 videos" in said
    said = refused(capsys, "detect", *footage, "--out", walk, "--detector", "dots", "--offsets", 0, 1.5, 0, 0)
    assert "have 5 frames in common" in said
    said = refused(capsys, "detect", *footage, "--out", walk, "--detector", "dots", "--sync", "audio")
    assert "--sync audio needs sound in every video" in said
    assert not (walk / "clip.json").exists()


def test_a_view_without_a_person(footage, tmp_path, capsys):
    empty = write_flat(tmp_path / "empty.mp4")
    said = refused(capsys, "detect", footage[0], empty, "--out", tmp_path / "walk", "--detector", "dots")
    assert "No person was found in view 'empty'" in said
    assert not (tmp_path / "walk" / "clip.json").exists()


@pytest.mark.slow
def test_the_folder_of_another_run_is_kept(footage, tmp_path, capsys):
    walk = tmp_path / "walk"
    assert run("detect", *footage[:2], "--out", walk, "--detector", "dots") == 0
    before = (walk / "poses2d.npz").read_bytes()
    said = refused(capsys, "detect", *footage, "--out", walk, "--detector", "dots")
    assert "holds another run" in said
    assert "--overwrite" in said
    assert (walk / "poses2d.npz").read_bytes() == before
    assert run("detect", *footage, "--out", walk, "--detector", "dots", "--overwrite") == 0
    assert len(Poses2D.load(walk / "poses2d.npz").views) == 4


@pytest.mark.slow
def test_other_videos_of_the_same_names_are_another_run(footage, tmp_path, capsys):
    walk = tmp_path / "walk"
    assert run("detect", *footage, "--out", walk, "--detector", "dots") == 0
    small_rig().save(tmp_path / "known.json")
    assert run("calibrate", walk, "--known-rig", tmp_path / "known.json") == 0
    others = videos(tmp_path / "others", seed=5)
    assert "of other videos" in refused(capsys, "detect", *others, "--out", walk, "--detector", "dots")
    assert run("detect", *others, "--out", walk, "--detector", "dots", "--overwrite") == 0
    assert not (walk / "rig.json").exists()  # cameras of the other videos must not serve these


@pytest.fixture(scope="module")
def detected(footage, tmp_path_factory):
    walk = tmp_path_factory.mktemp("detected")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("epipose.pipeline.detect.detector_named", lambda name, *_: Dots())
        assert run("detect", *footage, "--out", walk) == 0
    return walk


def test_intrinsics_for_the_wrong_number_of_cameras(detected, tmp_path, capsys):
    small_rig().select(small_rig().names[:3]).save(tmp_path / "three.json", intrinsics_only=True)
    said = refused(capsys, "calibrate", detected, "--intrinsics", tmp_path / "three.json")
    assert "3 cameras" in said
    assert "4 views" in said


def test_intrinsics_for_another_resolution(detected, tmp_path, capsys):
    other = small_rig()
    Rig(other.names, other.camera.resized(1000, 1000)).save(tmp_path / "large.json", intrinsics_only=True)
    said = refused(capsys, "calibrate", detected, "--intrinsics", tmp_path / "large.json")
    assert "1000x1000" in said
    assert "500x500" in said


def test_intrinsics_that_are_no_cameras(detected, tmp_path, capsys):
    write_json(tmp_path / "list.json", {"cameras": [1, 2]})
    assert "list.json has the name" in refused(capsys, "calibrate", detected, "--intrinsics", tmp_path / "list.json")


def test_verbs_on_what_is_no_clip_folder_say_how_to_make_one(tmp_path, capsys):
    assert "epipose detect" in refused(capsys, "calibrate", tmp_path)
    assert "epipose detect" in refused(capsys, "label", tmp_path)
    assert "epipose" in refused(capsys, "train", tmp_path, "--out", tmp_path / "model")
    assert "Traceback" not in refused(capsys, "view", tmp_path, "--html", tmp_path / "x.html")


@pytest.mark.slow
def test_an_unreadable_image(tmp_path, capsys):
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), False, 1.25).save(tmp_path / "model")
    (tmp_path / "photo.jpg").write_bytes(b"no image")
    said = refused(capsys, "predict", tmp_path / "photo.jpg", "--model", tmp_path / "model", "--detector", "dots")
    assert "photo.jpg cannot be read as an image" in said


def test_a_file_as_the_output_folder_is_refused_before_any_work(footage, tmp_path, capsys):
    (tmp_path / "walk").write_text("mine")
    assert "is a file" in refused(capsys, "detect", *footage, "--out", tmp_path / "walk", "--detector", "dots")
    assert (tmp_path / "walk").read_text() == "mine"


VERBS = (
    "sample weights detect calibrate label train refine predict export view run batch studio evaluate bench datasets"
)


@pytest.mark.parametrize("verb", ["", *VERBS.split()])
def test_every_verb_has_help(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        run(*verb.split(), "--help")
    assert stop.value.code == 0
    assert "usage: epipose" in capsys.readouterr().out


def test_importing_epipose_is_cheap():
    """Nothing heavy comes with the import (the time itself is noise on a busy machine)."""
    code = "import sys, epipose, epipose.cli.main; print([m for m in ('torch', 'cv2', 'av') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_version_is_that_of_the_package(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"epipose {epipose.__version__}\n"


def test_what_the_library_logs_is_printed_once(capsys):
    for _ in range(2):
        run("label", "no-such-folder")
    capsys.readouterr()
    logging.getLogger("epipose.somewhere").info("Frame %d.", 3)
    assert capsys.readouterr().out == "Frame 3.\n"


def test_python_m_epipose_is_the_command_line():
    out = subprocess.run([sys.executable, "-m", "epipose", "--version"], capture_output=True, text=True, check=True)
    assert out.stdout.startswith("epipose ")


def test_options_of_the_detector_are_passed_recorded_and_detect_anew(footage, tmp_path, monkeypatch, capsys):
    given = []

    class Configured(Dots):
        def __init__(self, *, threads: int = 2, device: str = "cpu"):
            given.append((threads, device))

    monkeypatch.setattr("epipose.detection.registry._factory", lambda kind: Configured)
    command = ["detect", *footage, "--out", tmp_path, "--detector", "mine", "--detector-option", "threads=4"]
    assert run(*command, "--detector-option", "device=cuda") == 0
    options = json.loads((tmp_path / "detect.json").read_text())["options"]
    assert options["detector_option"] == ["device=cuda", "threads=4"]
    assert run(*command[:-1], "device=cuda", "threads=4") == 0, "the order does not count"
    assert given == [(4, "cuda")]
    assert run(*command) == 0
    assert given == [(4, "cuda"), (4, "cpu")]
    assert run(*command, "--detector-option", "thread=1") == 2
    assert "no option 'thread'; did you mean threads? It takes threads (2), device (cpu)" in capsys.readouterr().err
