"""The scene of a clip folder: the world set upright and to size, and what is asked for of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from epipose.errors import EpiposeError
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17
from epipose.viz.scene import frame_range, load_scene, staged
from tests.helpers import synthetic
from tests.helpers.viewed_clip import FRAMES, moved_world


def test_the_stage_has_the_person_life_sized_on_the_floor_in_the_middle() -> None:
    _, poses = staged(*moved_world(scale=0.3)[:2], 25.0)
    assert poses is not None
    height = poses.xyz[..., 2].amax(-1) - poses.xyz[..., 2].amin(-1)
    assert 1.4 < float(height.median()) < 1.9
    assert 0.0 < float(poses.xyz[..., 2].min()) < 0.25
    assert float(poses.xyz[..., :2].flatten(0, 2).median(0).values.abs().max()) < 1e-4


def test_a_metric_world_keeps_its_metres() -> None:
    poses = Poses3D(synthetic.moving_skeleton(FRAMES).float()[:, None], torch.ones(FRAMES, 1, 17), H36M17, metric=True)
    _, shown = staged(None, poses, 25.0)
    assert shown is not None
    assert torch.allclose(torch.cdist(shown.xyz[0, 0], shown.xyz[0, 0]), torch.cdist(poses.xyz[0, 0], poses.xyz[0, 0]))


def test_a_world_that_is_upright_already_stays_where_it_is() -> None:
    rig, poses, _ = moved_world(scale=0.3)
    same, shown = staged(replace(rig, upright=True), poses, 25.0)
    assert same is not None
    assert shown is not None
    assert torch.equal(same.camera.t, rig.camera.t)
    assert torch.equal(shown.xyz, poses.xyz)


def test_staging_changes_no_projection() -> None:
    rig, poses, _ = moved_world(scale=0.3)
    shown_rig, shown = staged(rig, poses, 25.0)
    assert shown_rig is not None
    assert shown is not None
    before = rig.camera.spread(2).project(poses.xyz[:, 0].double())
    after = shown_rig.camera.spread(2).project(shown.xyz[:, 0].double())
    assert torch.allclose(before, after, atol=1e-2)


def test_missing_joints_do_not_move_the_stage() -> None:
    rig, poses, _ = moved_world(scale=1.0)
    xyz, conf = poses.xyz.clone(), poses.conf.clone()
    xyz[:, :, 16], conf[:, :, 16] = 1e3, 0
    wild = staged(rig, Poses3D(xyz, conf, H36M17), 25.0)[1]
    tame = staged(rig, Poses3D(poses.xyz, conf, H36M17), 25.0)[1]
    assert wild is not None
    assert tame is not None
    assert torch.equal(wild.xyz[:, :, :16], tame.xyz[:, :, :16])


@pytest.mark.parametrize(
    ("text", "first", "last"), [(":", 0, 9), ("3:", 3, 9), (":4", 0, 3), ("2:5", 2, 4), (" 7 : 8 ", 7, 7)]
)
def test_a_range_of_frames(text: str, first: int, last: int) -> None:
    chosen = frame_range(text, 10)
    assert (chosen[0], chosen[-1]) == (first, last)


@pytest.mark.parametrize("text", ["", "3", "5:5", "5:4", "0:11", "-3:", "a:b", "1:2:3", "1.5:3"])
def test_frames_that_there_are_not_are_refused(text: str) -> None:
    with pytest.raises(EpiposeError, match=r"--frames is .*expected A:B"):
        frame_range(text, 10)


def test_a_part_is_shown_where_it_lies(viewed: Path) -> None:
    whole, part = load_scene(viewed), load_scene(viewed, "3:7")
    assert whole.poses is not None
    assert part.poses is not None
    assert list(part.frames) == [3, 4, 5, 6]
    assert torch.equal(part.poses.xyz, whole.poses.xyz[3:7])


def test_nothing_to_show_is_an_error_that_says_what_to_do(viewed: Path, tmp_path: Path) -> None:
    with pytest.raises(EpiposeError, match="There is no folder"):
        load_scene(tmp_path / "absent")
    with pytest.raises(EpiposeError, match="epipose calibrate"):
        load_scene(tmp_path)
    poses = Poses3D.load(viewed / "poses3d.npz")
    Poses3D(poses.xyz, poses.conf, poses.skeleton, space="cam1").save(tmp_path / "poses3d.npz")
    with pytest.raises(EpiposeError, match="axes of 'cam1'"):
        load_scene(tmp_path)


def test_keypoints_are_the_subjects_of_the_frames_that_are_shown(viewed: Path) -> None:
    saved, scene = Poses2D.load(viewed / "poses2d.npz"), load_scene(viewed, "3:7")
    assert scene.keypoints is not None
    assert torch.equal(scene.keypoints.xy, saved.xy[:, 3:7, :1])


def test_keypoints_of_a_shorter_clip_are_not_shown(viewed: Path, tmp_path: Path) -> None:
    for name in ("rig.json", "poses3d.npz"):
        (tmp_path / name).write_bytes((viewed / name).read_bytes())
    saved = Poses2D.load(viewed / "poses2d.npz")
    replace(saved, xy=saved.xy[:, :4], conf=saved.conf[:, :4]).save(tmp_path / "poses2d.npz")
    assert load_scene(tmp_path).keypoints is None


def test_a_damaged_file_is_an_error_that_names_it(viewed: Path, tmp_path: Path) -> None:
    (tmp_path / "rig.json").write_bytes((viewed / "rig.json").read_bytes())
    (tmp_path / "calibration.json").write_text("{", encoding="utf-8")
    with pytest.raises(EpiposeError, match=r"calibration\.json"):
        load_scene(tmp_path)
