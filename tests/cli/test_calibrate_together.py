"""The verb `calibrate` on several clip folders: together as clips of one rig, or each by itself."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from epipose.calibration.result import Calibration
from epipose.camera import Rig
from epipose.cli.main import main
from epipose.clip import Clip
from epipose.geometry.rotation import angle_between, exp
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.dot_videos import small_rig, videos
from tests.helpers.synthetic import detections, moving_skeleton

CAMERAS = ("rig.json", "calibration.json", "calibration.html", "calibrate.json")


def run(*arguments):
    return main([str(argument) for argument in arguments])


def poses(rig, seed, size=1.0, frames=20):
    uv, conf = detections(rig, size * moving_skeleton(frames, seed), pixels=0.5, seed=seed)
    return Poses2D(uv[:, :, None], conf[:, :, None], H36M17, rig.names)


def turned(degrees, view=1):
    """The small rig after somebody knocked against a camera."""
    camera = small_rig().camera
    R, t = camera.R.clone(), camera.t.clone()
    R[view] = exp(torch.deg2rad(torch.tensor([0.0, degrees, 0.0], dtype=torch.float64))) @ R[view]
    t[view] = -R[view] @ camera.center[view]
    return replace(small_rig(), camera=camera.with_pose(R, t))


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """Clip folders a, b and c of one rig, and d of after a camera was turned."""
    folder = tmp_path_factory.mktemp("footage")
    videos(folder / "videos")
    small_rig().save(folder / "intrinsics.json", intrinsics_only=True)
    poses(small_rig(), 0).save(folder / "poses.npz")
    assert run("detect", folder / "videos", "--out", folder / "a", "--poses", folder / "poses.npz") == 0
    for name, rig, seed, size in (("b", small_rig(), 1, 0.9), ("c", small_rig(), 6, 1.1), ("d", turned(4), 10, 1.0)):
        shutil.copytree(folder / "a", folder / name)
        Clip.load(folder / "a").save(folder / name)
        poses(rig, seed, size).save(folder / name / "poses2d.npz")
    return folder


@pytest.fixture
def clips(footage, tmp_path):
    """Clip folders of one's own."""
    for name in "abcd":
        shutil.copytree(footage / name, tmp_path / name)
        Clip.load(footage / name).save(tmp_path / name)
    return tmp_path


def worst_degrees(found, true):
    between = [rig.camera.R[:, None] @ rig.camera.R[None].mT for rig in (found, true)]
    return float(torch.rad2deg(angle_between(*between)).max())


@pytest.mark.slow
def test_one_rig_in_every_folder_and_the_clip_with_a_moved_camera_by_itself(footage, clips, capsys):
    folders = [clips / name for name in "abcd"]
    command = ("calibrate", *folders, "--same-cameras", "--intrinsics", footage / "intrinsics.json", "--height", "1.7")
    assert run(*command) == 0
    said = capsys.readouterr().out
    assert "The cameras are from 3 clips together: a, b, c." in said
    assert f"{small_rig().names[1]} was turned by" in said
    rigs = [Rig.load(folder / "rig.json") for folder in folders]
    for rig in rigs[:3]:
        assert torch.equal(rig.camera.R, rigs[0].camera.R)
        assert torch.equal(rig.camera.t, rigs[0].camera.t)
        assert rig.metric
        assert rig.upright
    assert worst_degrees(rigs[0], small_rig()) < 0.3
    assert worst_degrees(rigs[3], turned(4)) < 1.5 < 3 < worst_degrees(rigs[3], small_rig())
    baseline = [float((rig.camera.center[1] - rig.camera.center[0]).norm()) for rig in (rigs[0], small_rig())]
    assert baseline[0] == pytest.approx(baseline[1], rel=0.08)  # the height is of the first clip's person
    remarks = [Calibration.load(folder).remarks[0] for folder in folders]
    assert remarks[0] == remarks[1] == remarks[2]
    assert "Left out of the clips calibrated together (a, b, c)" in remarks[3]
    record = json.loads((clips / "b" / "calibrate.json").read_text())
    assert [clip["clip"] for clip in record["options"]["same_cameras"]] == ["a", "b", "c", "d"]
    assert run(*command) == 0
    assert "is there already" in capsys.readouterr().out
    poses(small_rig(), 5).save(clips / "c" / "poses2d.npz")
    assert run(*command) == 0
    assert "is there already" not in capsys.readouterr().out


@pytest.mark.slow
def test_nothing_is_written_before_all_is_computed(footage, clips, monkeypatch):
    def die(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("epipose.calibration.pooled.assess", die)
    folders = [clips / name for name in "ab"]
    for folder in folders:
        (folder / "rig.json").write_text("before")
    assert run("calibrate", *folders, "--same-cameras", "--intrinsics", footage / "intrinsics.json") == 130
    assert all((folder / "rig.json").read_text() == "before" for folder in folders)
    assert not any((folder / name).exists() for folder in folders for name in CAMERAS[1:])


def test_without_the_flag_each_clip_is_by_itself(footage, clips, capsys):
    small_rig().save(clips / "known.json")
    assert run("calibrate", clips / "a", clips / "b", "--known-rig", clips / "known.json") == 0
    said = capsys.readouterr().out
    assert f"{clips / 'a'}:" in said
    assert f"{clips / 'b'}:" in said
    assert all((clips / clip / name).exists() for clip in "ab" for name in CAMERAS)
    assert "clips together" not in said


def test_what_does_not_belong_together_is_refused(clips, capsys):
    together = ("calibrate", clips / "a", clips / "b", "--same-cameras")
    assert run(*together, "--known-rig", clips / "known.json") == 2
    assert "Give either" in capsys.readouterr().err
    assert run("calibrate", clips / "a", clips / "a", "--same-cameras") == 2
    assert "given twice" in capsys.readouterr().err
    small_rig().save(clips / "a" / "intrinsics.json", intrinsics_only=True)
    camera = small_rig().camera
    other = replace(small_rig(), camera=replace(camera, K=camera.K * torch.tensor([[1.1], [1.1], [1.0]])))
    other.save(clips / "b" / "intrinsics.json", intrinsics_only=True)
    assert run(*together) == 2
    assert "differs from" in capsys.readouterr().err
    (clips / "b" / "intrinsics.json").unlink()
    clip = Clip.load(clips / "b")
    replace(clip, views=(replace(clip.views[0], width=640), *clip.views[1:])).save(clips / "b")
    assert run(*together) == 2
    assert f"View '{clip.views[0].name}' has 640x" in capsys.readouterr().err
    replace(clip, views=clip.views[::-1]).save(clips / "b")
    assert run(*together) == 2
    assert "same views in the same order" in capsys.readouterr().err
    assert run("calibrate") == 2
    assert "No clip folder" in capsys.readouterr().err
