"""Videos of a clip: every view with its skeleton, and the 3D scene beside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.io.video import probe, read_frames
from epipose.viz.scene import load_scene
from epipose.viz.scene_data import UV_UNIT, scene_data
from epipose.viz.scene_drawing import BACKGROUND, draw_scene, draw_skeletons
from epipose.viz.view_video import drawn_frame, write_view_video
from epipose.viz.viewer import view
from tests.helpers.viewed_clip import FRAMES


def test_a_video_has_every_frame_and_the_rate_of_the_clip(viewed: Path, tmp_path: Path) -> None:
    view(viewed, video=tmp_path / "out.mp4")
    info = probe(tmp_path / "out.mp4")
    assert (info.width, info.frames, info.fps) == (1280, FRAMES, 25.0)
    assert info.height % 2 == 0
    images = list(read_frames(tmp_path / "out.mp4"))
    corners = [float(np.median(image[:30, :30])) for image in images]
    assert corners == pytest.approx([90 + 10 * frame for frame in range(FRAMES)], abs=6)


def test_slow_motion_takes_longer(viewed: Path, tmp_path: Path) -> None:
    view(viewed, video=tmp_path / "out.mp4", speed=0.5, frames="2:6")
    info = probe(tmp_path / "out.mp4")
    assert (info.frames, info.fps) == (4, 12.5)


def test_a_gif_plays_in_a_loop(viewed: Path, tmp_path: Path) -> None:
    write_view_video(load_scene(viewed), tmp_path / "out.gif", width=320)
    with Image.open(tmp_path / "out.gif") as made:
        assert made.n_frames == FRAMES // 2  # 25 frames a second are thinned to 12.5
        assert made.size[0] == 320
        assert made.info["loop"] == 0
        assert made.info["duration"] == 80


@pytest.mark.parametrize("name", ["out.avi", "out", "out.gif.txt"])
def test_other_endings_are_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(EpiposeError, match=r"expected \.mp4 or \.gif"):
        view(tmp_path / "absent", video=tmp_path / name)


def test_impossible_speeds_and_sizes_are_refused(viewed: Path, tmp_path: Path) -> None:
    scene = load_scene(viewed)
    for wrong in ({"speed": 0.0}, {"speed": float("nan")}, {"width": 10}):
        with pytest.raises(EpiposeError, match="expected"):
            write_view_video(scene, tmp_path / "out.mp4", **wrong)
    assert not list(tmp_path.iterdir())


def test_a_gif_of_minutes_is_refused(viewed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epipose.viz.view_video._MOST_GIF_FRAMES", 3)
    with pytest.raises(EpiposeError, match=r"5 frames.*--frames A:B"):
        view(viewed, video=tmp_path / "out.gif")


def test_a_single_picture_is_the_frame_of_the_video(viewed: Path) -> None:
    scene = load_scene(viewed)
    picture = drawn_frame(scene, width=640, frame=7)
    assert picture.shape[1] == 640
    assert float(np.median(picture[:20, :20])) == pytest.approx(160, abs=5)
    with pytest.raises(EpiposeError, match="frames 0 to 9"):
        drawn_frame(scene, frame=10)


def test_skeletons_are_drawn_where_the_joints_are(viewed: Path) -> None:
    data = scene_data(load_scene(viewed))
    blank = np.full((500, 500, 3), 128, np.uint8)
    drawn = draw_skeletons(blank, data, 1, 4)
    changed = (drawn != 128).any(-1)
    for u, v in (data.uv[1, 4, 0].numpy() / UV_UNIT * 500 - 0.5).round().astype(int):
        assert changed[v - 2 : v + 3, u - 2 : u + 3].any()
    assert 0.001 < changed.mean() < 0.1
    assert (blank == 128).all()


def test_the_person_stands_in_the_middle_of_the_scene(viewed: Path) -> None:
    data = scene_data(load_scene(viewed))
    with_person = draw_scene(data, 0, 0.3, 400, 300)
    without = draw_scene(replace(data, people=()), 0, 0.3, 400, 300)
    there = np.argwhere((with_person != without).any(-1))
    assert abs(there[:, 1].mean() - 200) < 120
    assert 60 < np.ptp(there[:, 0]) < 280
    assert (np.asarray(BACKGROUND) == with_person[0, 0]).all()


def test_cameras_and_poses_without_videos_are_drawn_too(viewed: Path, tmp_path: Path) -> None:
    for name in ("rig.json", "poses3d.npz"):
        (tmp_path / name).write_bytes((viewed / name).read_bytes())
    write_view_video(load_scene(tmp_path, "0:2"), tmp_path / "out.mp4", width=320)
    assert probe(tmp_path / "out.mp4").frames == 2
    alone = replace(load_scene(viewed, "0:2"), rig=None, keypoints=None)
    write_view_video(alone, tmp_path / "poses.mp4", width=320)
    assert probe(tmp_path / "poses.mp4").width == 320


def test_a_clip_that_is_shorter_than_its_labels_ends_in_grey(viewed: Path) -> None:
    scene = load_scene(viewed)
    clip = Clip.load(viewed)
    picture = drawn_frame(replace(scene, clip=replace(clip, frames=5)), width=640, frame=7)
    assert float(np.median(picture[:20, :20])) == pytest.approx(40, abs=1)
