"""Gaps and filters of exported 3D paths, and joints of the feet on their way from keypoints to a file of markers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import epipose
from epipose.cli.main import main
from epipose.clip import Clip, View
from epipose.errors import EpiposeError
from epipose.exporters.base import Recording
from epipose.exporters.options import ExportOptions
from epipose.formats.trc import WORLD_FROM_TRC, read_trc
from epipose.pipeline.detect import DetectedClip
from epipose.pipeline.export import export, smoothed
from epipose.poses import Poses2D, Poses3D
from epipose.skeleton import Skeleton
from epipose.skeletons import BLAZEPOSE33, BODY25, HALPE26
from tests.helpers.synthetic import rig
from tests.helpers.walker import FPS, walker


def walk(noise: float = 0.0) -> Poses3D:
    """A walk with Gaussian errors (m); the right heel is missing in frames 30 to 33 and 60 to 69."""
    xyz, conf = walker(100, BODY25)
    xyz = xyz + noise * torch.randn(xyz.shape, generator=torch.Generator().manual_seed(4), dtype=xyz.dtype)
    conf[30:34, BODY25.index("right_heel")] = 0
    conf[60:70, BODY25.index("right_heel")] = 0
    times = torch.arange(100, dtype=torch.float64) / FPS
    return Poses3D(xyz[:, None].float(), conf[:, None].float(), BODY25, "world", True, times)


def test_paths_are_filled_and_filtered_in_the_file_alone(tmp_path: Path, capsys) -> None:
    poses, truth = walk(noise=0.01), walk()
    poses.save(tmp_path / "poses3d.npz")
    before = (tmp_path / "poses3d.npz").read_bytes()
    command = ["export", str(tmp_path / "poses3d.npz"), "--out"]
    assert main([*command, str(tmp_path / "raw.trc")]) == 0
    assert main([*command, str(tmp_path / "smooth.trc"), "--fill", "5", "--filter", "butterworth:8"]) == 0
    assert "4 joint positions (0.2%) are filled in, over gaps of up to 5 frames; their confidence is 0.01." in (
        capsys.readouterr().out
    )
    assert (tmp_path / "poses3d.npz").read_bytes() == before
    heel = BODY25.index("right_heel")
    expected = truth.xyz[:, 0].double().numpy()
    errors = {}
    for name in ("raw", "smooth"):
        found = read_trc(tmp_path / f"{name}.trc").xyz[..., list(WORLD_FROM_TRC)]
        missing = np.isnan(found[:, heel, 0]).nonzero()[0].tolist()
        assert missing == [*(range(30, 34) if name == "raw" else ()), *range(60, 70)]
        errors[name] = np.nanmean(np.linalg.norm(found - expected, axis=-1))
    assert errors["smooth"] < 0.7 * errors["raw"]


def test_a_clip_folder_is_exported_without_its_videos_at_the_frame_rate_of_the_clip(tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    Clip((View("cam1", tmp_path / "gone.mp4", 1000, 1000, 100, 25.0),), 100, 25.0).save(folder)
    replace(walk(), times=None).save(folder / "poses3d.npz")
    export(folder, tmp_path / "walk.trc")
    assert (tmp_path / "walk.trc").read_text().splitlines()[2].startswith("25\t25\t100\t25\tm")
    for ending in ("csv", "nc"):
        export(folder, tmp_path / f"walk.{ending}", filter="butterworth:6")
    assert (tmp_path / "walk.csv").read_text().splitlines()[-1].startswith("3.960000,99,0,right_heel,")


def test_nothing_changes_without_the_options() -> None:
    recording = Recording("walk", poses=walk())
    assert smoothed(recording, ExportOptions()) == (recording, ())
    found, notes = smoothed(recording, ExportOptions(fill=3))
    assert notes == ()
    assert torch.equal(found.need_poses().conf, walk().conf)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filter": "kalman"}, "Unknown filter 'kalman'"),
        ({"filter": "butterworth:25"}, "not below half the frame rate, 25 Hz"),
        ({"fill": -2}, "'fill' is -2"),
        ({"fill": 2.5}, "'fill' is 2.5; expected a whole number"),
    ],
)
def test_options_that_cannot_be_are_said_and_nothing_is_written(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(EpiposeError, match=message):
        export(walk(), tmp_path / "walk.trc", **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_filter_needs_poses_and_their_rate(tmp_path: Path) -> None:
    with pytest.raises(EpiposeError, match="rig holds no 3D poses"):
        export(rig(), tmp_path / "rig.trc", filter="median")
    with pytest.raises(EpiposeError, match="says no frame rate"):
        export(replace(walk(), times=None), tmp_path / "walk.csv", filter="median")


@pytest.mark.parametrize("skeleton", [BLAZEPOSE33, BODY25, HALPE26], ids=lambda skeleton: skeleton.name)
def test_heels_and_toes_reach_the_trc_as_accurate_as_ankles(tmp_path: Path, skeleton: Skeleton) -> None:
    frames, cameras = 60, rig()
    truth, conf = walker(frames, skeleton)
    noise = 3 * torch.randn(4, *truth.shape[:2], 2, generator=torch.Generator().manual_seed(5), dtype=truth.dtype)
    xy = cameras.camera.spread(2).project(truth) + noise
    keypoints = Poses2D(xy[:, :, None].float(), conf.expand(4, -1, -1)[:, :, None].float(), skeleton, cameras.names)
    views = tuple(View(name, tmp_path / f"{name}.mp4", 1000, 1000, frames, FPS) for name in cameras.names)
    clip = Clip(views, frames, FPS)
    labels = epipose.label(DetectedClip(clip, keypoints), cameras)
    assert labels.skeleton == skeleton
    export(labels, tmp_path / "walk.trc", markers="pose2sim")
    found = read_trc(tmp_path / "walk.trc")
    joints = {name: found.xyz[:, found.names.index(name), list(WORLD_FROM_TRC)] for name in found.names}
    error = {}
    for marker, joint in (("Ankle", "ankle"), ("Heel", "heel"), ("BigToe", "big_toe")):
        for side, word in (("L", "left"), ("R", "right")):
            true = truth[:, skeleton.index(f"{word}_{joint}")].numpy()
            off = np.linalg.norm(joints[side + marker] - true, axis=-1)
            assert np.isfinite(off).all()
            error.setdefault(joint, []).append(off)
    mean = {joint: float(np.mean(off)) for joint, off in error.items()}
    assert mean["ankle"] < 0.015
    assert mean["heel"] < 1.25 * mean["ankle"], mean
    assert mean["big_toe"] < 1.25 * mean["ankle"], mean
    print(skeleton.name, mean)
