"""The clock that views share: other starts, other rates, frames that are missing."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from epipose import Clip, EpiposeError, Poses2D, View
from epipose.io.files import fingerprint
from epipose.io.images import frame_files
from epipose.io.video import probe, read_frames
from epipose.skeletons import COCO17
from epipose.sync.resample import on_timeline


def view(name, frames, fps, start=0.0, frame_times=None):
    return View(name, Path(f"{name}.mp4"), 64, 48, frames, fps, start, frame_times)


def grey_video(path, levels, fps, stamps=None):
    """Frames of one grey each; ``stamps`` in units of 1 / fps where frames were dropped."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k, level in enumerate(levels):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8))
            frame.pts = k if stamps is None else stamps[k]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_the_timeline_is_what_all_views_saw_at_the_lowest_rate():
    clip = Clip((view("a", 100, 25.0), view("b", 300, 60.0)), 0, 0.0).synchronised([1.0, 0.5])
    assert clip.fps == 25.0
    assert clip.moments[0] == 1.0
    assert clip.moments[-1] == pytest.approx(4.96)
    assert clip.frames == 100
    assert clip.frame_numbers(clip.views[0]).tolist() == list(range(100))
    numbers = clip.frame_numbers(clip.views[1])
    assert np.abs(clip.views[1].moments[numbers] - clip.moments).max() <= 0.5 / 60 + 1e-9
    assert numbers[0] == 30


def test_starts_that_are_whole_frames_keep_whole_frames():
    clip = Clip((view("a", 60, 50.0), view("b", 80, 50.0), view("c", 70, 50.0)), 0, 0.0)
    clip = clip.synchronised([7 / 50, 0.0, 13 / 50])
    assert clip.frames == 54
    assert [int(clip.frame_numbers(v)[0]) for v in clip.views] == [6, 13, 0]
    assert [int(clip.frame_numbers(v)[-1]) for v in clip.views] == [59, 66, 53]


def test_views_with_too_little_in_common_are_refused():
    clip = Clip((view("a", 100, 25.0), view("b", 100, 25.0)), 0, 0.0)
    assert clip.synchronised([0.0, 3.2]).frames == 20
    with pytest.raises(EpiposeError, match=r"have 15 frames in common \(a: 0.00 to 3.96 s at 25 fps; b: 3.40"):
        clip.synchronised([0.0, 3.4])
    with pytest.raises(EpiposeError, match="have 0 frames in common"):
        clip.synchronised([0.0, 9.0])


def test_videos_of_other_lengths_and_rates_make_a_clip_and_are_read_by_moment(tmp_path):
    slow = grey_video(tmp_path / "a.mp4", range(0, 240, 10), 25)
    fast = grey_video(tmp_path / "b.mp4", range(0, 240, 5), 50)
    clip = Clip.from_videos([slow, fast]).synchronised([0.0, 0.08])
    clip.save(tmp_path)
    clip = Clip.load(tmp_path)
    assert (clip.frames, clip.fps) == (22, 25.0)
    levels = [np.array([image.mean() for image in clip.read(v)]) for v in clip.views]
    np.testing.assert_allclose(levels[0], 10 * np.arange(2, 24), atol=4)
    np.testing.assert_allclose(levels[1], 10 * np.arange(22), atol=4)
    some = [image.mean() for image in clip.read(clip.views[1], [3, 10])]
    np.testing.assert_allclose(some, [30, 100], atol=3)


def test_dropped_frames_are_counted_and_shift_nothing(tmp_path):
    stamps = [*range(10), *range(13, 40)]
    holes = grey_video(tmp_path / "a.mp4", [6 * k for k in stamps], 25, stamps)
    whole = grey_video(tmp_path / "b.mp4", [6 * k for k in range(40)], 25)
    info = probe(holes)
    assert (info.frames, info.fps) == (37, 25.0)
    assert info.frame_times is not None
    assert probe(whole).frame_times is None
    clip = Clip.from_videos([holes, whole])
    assert clip.frames == 40
    ((when, count),) = clip.views[0].dropped()
    assert (when, count) == (pytest.approx(9 / 25), 3)
    assert clip.views[1].dropped() == []
    levels = np.array([image.mean() for image in clip.read(clip.views[0])])
    np.testing.assert_allclose(levels[stamps], 6 * np.array(stamps), atol=5)


def test_a_clip_of_another_version_says_so(tmp_path):
    (tmp_path / "clip.json").write_text('{"format": "epipose-clip-1", "views": []}')
    with pytest.raises(EpiposeError, match=r"format epipose-clip-1, expected epipose-clip-3. Make it again"):
        Clip.load(tmp_path)


def test_a_video_that_became_shorter_is_named(tmp_path):
    a, b = (grey_video(tmp_path / f"{name}.mp4", range(30), 25) for name in "ab")
    clip = Clip.from_videos([a, b])
    grey_video(b, range(20), 25)
    with pytest.raises(EpiposeError, match=r"b.mp4 ends before frame 20"):
        list(clip.read(clip.views[1]))


def test_frames_by_number_repeat_and_stop(tmp_path):
    path = grey_video(tmp_path / "a.mp4", range(0, 100, 10), 10)
    assert [round(float(p.mean()) / 10) for p in read_frames(path, [1, 1, 4])] == [1, 1, 4]
    assert list(read_frames(path, [])) == []


def poses(xy, conf):
    """Views of one person whose joints all lie at ``xy`` (view, frame)."""
    points = torch.tensor(xy, dtype=torch.float32)[:, :, None, None, None].expand(-1, -1, 1, 17, 2)
    return Poses2D(
        points.clone(), torch.tensor(conf)[:, :, None, None].expand(-1, -1, 1, 17).clone(), COCO17, ("a", "b")
    )


def test_detections_go_to_the_timeline_exactly_where_they_coincide_and_on_the_line_between():
    a, b = view("a", 40, 20.0), view("b", 60, 30.0)
    clip = Clip((a, b), 0, 0.0).synchronised([0.0, 0.0])
    xy = np.zeros((2, 60))
    xy[0, :40], xy[1] = 100 * a.moments, 100 * b.moments
    conf = np.zeros((2, 60), np.float32)
    conf[0, :40], conf[1], conf[1, 2] = 1, 0.9, 0.5
    moved = on_timeline(poses(xy, conf), clip)
    assert moved.xy.shape[:2] == (2, 40)
    for row in range(2):
        np.testing.assert_allclose(moved.xy[row, :, 0, 0, 0], 100 * clip.moments, atol=1e-3)
    assert moved.conf[0].min() == 1
    assert moved.conf[1, :4, 0, 0].tolist() == pytest.approx([0.9, 0.5, 0.9, 0.9])


def test_nothing_is_invented_where_nothing_was_seen():
    times = tuple(k / 20 for k in [*range(10), *range(16, 46)])
    a, b = view("a", 40, 20.0, 0.0, times), view("b", 50, 20.0)
    clip = Clip((a, b), 0, 0.0).synchronised([0.0, 0.0])
    conf = np.ones((2, 50), np.float32)
    conf[1, 20] = 0
    moved = on_timeline(poses(np.zeros((2, 50)), conf), clip)
    assert clip.frames == 46
    assert np.flatnonzero(moved.conf[0, :, 0, 0] == 0).tolist() == [10, 11, 12, 13, 14, 15]
    assert np.flatnonzero(moved.conf[1, :, 0, 0] == 0).tolist() == [20]


def test_a_video_on_another_drive_keeps_its_whole_path(tmp_path, monkeypatch):
    def no_way(*_):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    video, other = (grey_video(tmp_path / f"{name}.mp4", range(30), 25) for name in "ab")
    clip = Clip.from_videos([video, other])
    monkeypatch.setattr("os.path.relpath", no_way)
    clip.save(tmp_path / "clip")
    assert Clip.load(tmp_path / "clip").views[0].video == video.resolve()


def test_hidden_files_are_no_videos(tmp_path):
    """Some systems leave a ``._name.mp4`` beside every file on a foreign disk."""
    for name in ("a.mp4", "b.mp4"):
        grey_video(tmp_path / name, range(40), 25)
    (tmp_path / "._a.mp4").write_bytes(b"no video")
    assert Clip.from_videos([tmp_path]).names == ("a", "b")


def folder_of_grey(path, levels):
    path.mkdir(parents=True)
    for k, level in enumerate(levels):
        Image.new("RGB", (64, 48), (level,) * 3).save(path / f"img_{k:06d}.png")
    (path / "notes.txt").write_text("no image")
    return path


def test_folders_of_images_are_views(tmp_path):
    for name in ("left", "right"):
        folder_of_grey(tmp_path / "shots" / name, range(0, 240, 8))
    clip = Clip.from_videos([tmp_path / "shots"])
    assert clip.names == ("left", "right")
    assert (clip.frames, clip.fps) == (30, 25.0)
    assert [image[0, 0, 0] for image in clip.read(clip.views[1], [3, 3, 29])] == [24, 24, 232]
    before = fingerprint([tmp_path / "shots" / "left"])
    (tmp_path / "shots" / "left" / "img_000000.png").unlink()
    assert fingerprint([tmp_path / "shots" / "left"]) != before
    with pytest.raises(EpiposeError, match="ends before frame 29"):
        list(clip.read(clip.views[0]))


def test_a_view_may_take_every_other_frame_of_its_file(tmp_path):
    folder_of_grey(tmp_path / "a", range(0, 240, 4))
    whole = View("a", tmp_path / "a", 64, 48, 60, 50.0)
    half = replace(whole, frames=30, fps=25.0, stride=2)
    clip = Clip((half, replace(half, name="b")), 30, 25.0)
    clip.save(tmp_path)
    loaded = Clip.from_videos([tmp_path])
    assert (loaded.frames, loaded.fps, loaded.views[0].stride) == (30, 25.0, 2)
    assert [image[0, 0, 0] for image in loaded.read(loaded.views[0], [0, 1, 29])] == [0, 8, 232]


def test_numbers_without_leading_zeros_are_in_order(tmp_path):
    for number in (1, 2, 10, 11, 100):
        Image.new("RGB", (8, 8)).save(tmp_path / f"frame{number}.png")
    assert frame_files(tmp_path) == [f"frame{number}.png" for number in (1, 2, 10, 11, 100)]


def test_slow_motion_is_read_at_the_rate_at_which_it_was_filmed(tmp_path):
    """A file of 120 frames a second that plays at 30, beside one of 30: as late, but four times as dense."""
    clip = Clip((view("a", 100, 30.0), view("b", 400, 30.0)), 0, 0.0).synchronised([0.0, 1.0], [1.0, 4.0])
    assert clip.fps == 30.0
    assert clip.views[1].taken_fps == 120.0
    assert clip.views[1].moments[[0, 120]].tolist() == [1.0, 2.0]
    assert clip.frames == 70
    assert clip.frame_numbers(clip.views[1]).tolist() == list(range(0, 280, 4))
    for each in clip.views:
        (tmp_path / each.video).touch()
    placed = replace(clip, views=tuple(replace(each, video=tmp_path / each.video) for each in clip.views))
    placed.save(tmp_path)
    assert Clip.load(tmp_path) == placed
    assert Clip.from_videos([tmp_path]).views[1].rate == 1.0  # found again, as the start is


def test_a_fast_clock_moves_the_frames_of_long_videos():
    clip = Clip((view("a", 5400, 30.0), view("b", 5400, 30.0)), 0, 0.0).synchronised([0.0, 0.0], [1.0, 1.0005])
    assert clip.fps == 30.0
    assert int(clip.frame_numbers(clip.views[1])[-1]) - int(clip.frame_numbers(clip.views[0])[-1]) == 3


def test_videos_of_one_name_are_called_after_their_folders(tmp_path):
    for camera in ("Cam0", "Cam1"):
        (tmp_path / camera / "raw").mkdir(parents=True)
        grey_video(tmp_path / camera / "raw" / "trial.mp4", [9] * 25, 25)
    videos = [tmp_path / camera / "raw" / "trial.mp4" for camera in ("Cam0", "Cam1")]
    assert Clip.from_videos(videos).names == ("Cam0", "Cam1")
    other = grey_video(tmp_path / "side.mp4", [9] * 25, 25)
    assert Clip.from_videos([*videos, other]).names == ("Cam0", "Cam1", "side")
    with pytest.raises(EpiposeError, match="same name: trial, trial"):
        Clip.from_videos([videos[0], videos[0]])


def test_a_folder_with_one_video_in_each_folder_is_a_clip(tmp_path):
    for camera in ("Cam0", "Cam1"):
        (tmp_path / camera).mkdir()
        grey_video(tmp_path / camera / "trial.mp4", [9] * 25, 25)
    assert Clip.from_videos([tmp_path]).names == ("Cam0", "Cam1")
    (tmp_path / "Cam2").mkdir()
    for name in ("trial.mp4", "trial_old.mp4"):
        (tmp_path / "Cam2" / name).touch()
    with pytest.raises(EpiposeError, match=r"Cam2 holds 2 videos \(trial.mp4, trial_old.mp4\), and .*Cam0 one"):
        Clip.from_videos([tmp_path])


def test_a_clip_without_videos_is_kept_and_says_so_when_images_are_asked_for(tmp_path):
    clip = Clip((View("a", None, 64, 48, 30, 25.0), View("b", None, 64, 48, 30, 25.0)), 30, 25.0)
    clip.save(tmp_path)
    assert Clip.load(tmp_path) == clip
    assert not clip.has_images
    with pytest.raises(EpiposeError, match="View 'b' has no images: its clip was made from 2D poses alone"):
        next(clip.read(clip.views[1]))
