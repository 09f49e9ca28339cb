"""Live prediction from end to end: lines of JSON of one camera and of a rig, the same poses as predict and as the truth."""

import contextlib
import io
import json
import time

import numpy as np
import pytest
import torch

from benchmarks.network.blazepose_speed import people
from epipose.camera import Rig
from epipose.clip import Clip, View
from epipose.errors import InputError
from epipose.inference import live, rig_stream
from epipose.inference.live_options import LiveOptions
from epipose.inference.predict import predict
from epipose.inference.stream import FramePose, PoseStream
from epipose.io.live_source import PacedFile
from epipose.io.video import probe, write_video
from epipose.skeletons import H36M17
from tests.helpers.dot_videos import Dots, draw, small_rig, videos
from tests.helpers.landmark_models import landmark_model
from tests.helpers.live_streams import jpeg_server
from tests.helpers.synthetic import moving_skeleton
from tests.helpers.videos import moving_square_video

LATE = (0, 3, 1, 2)  # frames by which the videos start after the first


class ParallelDots(Dots):
    def another(self):
        return ParallelDots()


class FakeStream(PoseStream):
    """Takes its time, and finds nobody in the first image."""

    skeleton, metric, seconds = H36M17, True, 0.0

    def __init__(self, *given, **options):
        self.options = options

    def __call__(self, image, t):
        time.sleep(self.seconds)
        if t == 0:
            return None
        return FramePose(np.full((17, 3), t), np.ones(17), np.ones((17, 2)), np.ones(4), t)


def lines_of(text):
    header, *lines = [json.loads(line) for line in text.getvalue().splitlines()]
    return header, lines


def live_lines(source, monkeypatch, seconds=0.0, **options):
    monkeypatch.setattr(live, "PoseStream", FakeStream)
    monkeypatch.setattr(FakeStream, "seconds", seconds)
    out, told = io.StringIO(), []
    report = live.live_camera(str(source), out, None, LiveOptions(**options), told.append)
    header, lines = lines_of(out)
    assert report.lines == len(lines)
    return header, lines, told


def test_a_line_for_every_frame_there_is_time_for(tmp_path, monkeypatch):
    path = moving_square_video(tmp_path / "door.mp4", frames=8)
    before = time.time()
    header, lines, told = live_lines(path, monkeypatch)
    assert (header["format"], header["sources"], header["unit"]) == ("epipose-live-1", ["door"], "metre")
    assert header["joints"] == list(H36M17.joints)
    assert "relative to the joint pelvis" in header["axes"]
    assert [line["frame"] for line in lines] == list(range(8))
    assert lines[0]["xyz"] is None  # nobody there
    assert lines[3]["xyz"] == [[0.3] * 3] * 17
    assert lines[3]["t"] == pytest.approx(0.3)
    assert before < lines[0]["time"] < lines[-1]["time"] < time.time()
    assert all(0 <= line["latency_ms"] < 1000 for line in lines)
    assert told[-1].startswith("8 lines in 0.")


def test_frames_are_dropped_rather_than_queued(tmp_path, monkeypatch):
    path = moving_square_video(tmp_path / "door.mp4", frames=20)
    _, lines, told = live_lines(path, monkeypatch, seconds=0.35)
    numbers = [line["frame"] for line in lines]
    assert len(numbers) < 9
    assert numbers[-1] == 19  # the newest, not the next
    assert lines[-1]["dropped"] == 20 - len(numbers)
    assert max(line["latency_ms"] for line in lines) < 900  # of one image's time and its wait, however long it runs
    assert f"{20 - len(numbers)} frames dropped" in told[-1]


def test_every_frame_is_read_where_all_are_wanted(tmp_path, monkeypatch):
    path = moving_square_video(tmp_path / "door.mp4", frames=6)
    _, lines, _ = live_lines(path, monkeypatch, seconds=0.2, every_frame=True)
    assert [line["frame"] for line in lines] == list(range(6))


def test_it_ends_after_so_many_lines_or_seconds_and_reports_meanwhile(tmp_path, monkeypatch):
    path = moving_square_video(tmp_path / "door.mp4", frames=30)
    assert len(live_lines(path, monkeypatch, frames=3)[1]) == 3
    begun = time.monotonic()
    _, _, told = live_lines(path, monkeypatch, max_seconds=0.8, report_every=0.25)
    assert time.monotonic() - begun < 2
    assert len(told) >= 3
    assert "a second, latency" in told[0]


def test_the_stream_is_told_the_rate_of_the_source(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(live, "PoseStream", lambda *given, **options: made.append((given, options)) or FakeStream())
    path = moving_square_video(tmp_path / "door.mp4", frames=2)
    live.live_camera(str(path), io.StringIO(), "model", LiveOptions(temporal=True), lambda text: None)
    assert made == [(("model", None), {"temporal": True, "fps": 10.0, "detector": "auto"})]


def test_poses_are_those_of_predict_on_the_same_frames(tmp_path, monkeypatch):
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))
    model, path = landmark_model(tmp_path / "model", refiner=True), tmp_path / "person.mp4"
    write_video(path, (np.roll(people(240)[8], 2 * k, axis=1) for k in range(5)), 25.0)
    out = io.StringIO()
    live.live_camera(str(path), out, model, LiveOptions(every_frame=True), lambda text: None)
    expected = predict(path, model, temporal=False)
    _, lines = lines_of(out)
    np.testing.assert_allclose([line["xyz"] for line in lines], expected.xyz.numpy(), atol=2e-5)
    np.testing.assert_allclose([line["conf"] for line in lines], expected.conf.numpy(), atol=1e-4)
    np.testing.assert_allclose([line["uv"] for line in lines], expected.uv.numpy(), atol=0.02)


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """Four videos that start one after the other, and the folder of their clip with the rig."""
    folder = tmp_path_factory.mktemp("footage")
    paths = videos(folder / "videos", frames=20, late=LATE)
    small_rig().save(folder / "rig.json")
    views = []
    for path, late in zip(paths, LATE, strict=True):
        info = probe(path)
        views.append(View(path.stem, path, info.width, info.height, info.frames, info.fps, late / 10))
    Clip(tuple(views), 17, 10.0).save(folder)
    return folder, paths


def rig_lines(footage, monkeypatch, sources=None, **options):
    folder, paths = footage
    real = rig_stream.detector_named
    monkeypatch.setattr(
        rig_stream, "detector_named", lambda name, *given: ParallelDots() if name == "dots" else real(name, *given)
    )
    out, told = io.StringIO(), []
    given = [str(path) for path in paths] if sources is None else sources
    live.live_rig(given, folder / "rig.json", out, LiveOptions(detector="dots", **options), told.append)
    header, lines = lines_of(out)
    return header, lines, told


def errors(lines, late):
    """Distance of every line's joints from the truth at the moment that its frames show, in metres."""
    true, found = moving_skeleton(20).numpy(), []
    for line in lines:
        moments = {number + late[name] for name, number in line["frames"].items()}
        assert len(moments) == 1  # all show the same moment
        apart = np.linalg.norm(np.array(line["xyz"]) - true[moments.pop()], axis=-1)
        found.append(apart[np.array(line["conf"]) > 0].mean())
    return np.array(found)


def test_a_rig_of_files_that_started_one_after_the_other(footage, monkeypatch):
    header, lines, told = rig_lines(footage, monkeypatch, every_frame=True)
    names = small_rig().names
    assert header["sources"] == list(names)
    assert (header["unit"], header["axes"].partition(":")[0]) == ("unknown", "world")
    assert len(lines) == 17  # from the moment that all run
    assert lines[0]["t"] == pytest.approx(0.3)
    assert lines[0]["frames"] == dict(zip(names, (3, 0, 2, 1), strict=True))
    assert all(line["views"] == 4 and line["spread_ms"] < 1e-3 for line in lines)
    assert errors(lines, dict(zip(names, LATE, strict=True))).max() < 0.03
    assert len(lines[0]["joint_views"]) == 17
    assert told[-1].startswith("17 lines")


def test_a_rig_at_its_own_pace(footage, monkeypatch):
    names = small_rig().names
    _, lines, _ = rig_lines(footage, monkeypatch)
    assert len(lines) > 1
    assert all(line["spread_ms"] < 1e-3 for line in lines)
    assert errors(lines, dict(zip(names, LATE, strict=True))).max() < 0.03


def test_some_cameras_of_a_rig_by_name_with_offsets(footage, monkeypatch):
    _, paths = footage
    names = small_rig().names
    sources = [f"{names[2]}={paths[2]}", str(paths[0])]
    _, lines, _ = rig_lines(footage, monkeypatch, sources, offsets=(7.1, 7.0), every_frame=True)
    assert lines[0]["frames"] == {names[2]: 0, names[0]: 1}
    assert lines[0]["t"] == pytest.approx(7.1)
    assert errors(lines, dict(zip(names, LATE, strict=True))).max() < 0.1  # two cameras


def test_sources_that_fit_no_rig(footage, monkeypatch):
    _, paths = footage
    names = small_rig().names
    a, b = str(paths[0]), str(paths[1])
    for sources, message in (
        ([a], "needs two or more"),
        ([a, a], "Two sources are of one camera"),
        (["0", "1"], "Which source is which camera"),
        ([a, "nowhere.mp4"], "Which source is which camera"),
        ([a, f"{names[1]}=nowhere.mp4"], "There is no source nowhere"),
    ):
        with pytest.raises(InputError, match=message):
            rig_lines(footage, monkeypatch, sources)
    with pytest.raises(InputError, match="Got 1 offsets for 2 sources"):
        rig_lines(footage, monkeypatch, [a, b], offsets=(1.0,))


def test_cameras_with_offsets_hold_frames_for_each_other(footage):
    from epipose.inference.live_cameras import rig_sources

    folder, paths = footage
    rig = Rig.load(folder / "rig.json")
    given = rig_sources(["0", "rtsp://a/b?c=1", "2", str(paths[3])], rig, folder, (0.5, 0.2, 0.4, 3.0))
    assert [source.name for source in given.sources] == list(rig.names)
    assert [timing.offset for timing in given.timings] == pytest.approx([0.0, -0.3, -0.1, 3.0])
    assert [given.room(view) for view in range(4)] == [17, 8, 14, 8]  # at 30 frames a second
    assert isinstance(given.sources[3], PacedFile)


def test_lags_and_rates_of_the_clip_place_its_files(footage, tmp_path):
    from epipose.inference.live_cameras import rig_sources

    folder, paths = footage
    rig, clip = Rig.load(folder / "rig.json"), Clip.load(folder)
    rig = Rig(rig.names, rig.camera, lag=torch.tensor([0.0, 0.5, 0.0, 0.0], dtype=torch.float64))
    views = [clip.views[0], clip.views[1], View(**{**vars(clip.views[2]), "rate": 2.0}), clip.views[3]]
    Clip(tuple(views), clip.frames, clip.fps).save(tmp_path)
    given = rig_sources([str(path) for path in paths], rig, tmp_path)
    assert [timing.offset for timing in given.timings] == pytest.approx([0.0, 0.25, 0.1, 0.2])
    assert given.timings[2].rate == 2.0


@pytest.mark.parametrize(("cores", "threads"), [(1, "1"), (4, "1"), (9, "2")])
def test_cores_are_shared_among_the_views(cores, threads, monkeypatch):
    made = []
    monkeypatch.setattr(rig_stream, "usable_cores", lambda: cores)
    monkeypatch.setattr(rig_stream, "detector_named", lambda *given: made.append(given) or ParallelDots())
    rig_stream.RigStream(small_rig(), "rtmpose", ("device=cpu",)).close()
    assert made == [("rtmpose", ("device=cpu",), {"threads": threads})]


@pytest.mark.slow
def test_a_rig_of_real_streams_that_are_called_one_after_the_other(footage, monkeypatch):
    cameras, xyz = small_rig(), moving_skeleton(40 * 8)[::8]  # quick: neighbouring images differ clearly
    uv = cameras.camera.spread(2).project(xyz).numpy()
    with contextlib.ExitStack() as stack:
        urls = [
            stack.enter_context(jpeg_server(40, 1, fps=5, image_of=lambda k, view=view: draw(uv[view, k])))
            for view in range(3)
        ]
        sources = [f"{name}={url}" for name, url in zip(cameras.names, urls, strict=False)]
        _, lines, _ = rig_lines(footage, monkeypatch, sources, frames=8, max_spread=0.1)
    assert len(lines) == 8
    agreeing = [np.mean(np.array(line["joint_views"]) == 3) for line in lines[2:] if line["views"] == 3]
    assert np.median(agreeing) > 0.7  # three images of one moment, not of neighbouring ones
    assert all(line["spread_ms"] <= 100 for line in lines)


def test_a_rig_that_was_rejected_is_not_used_without_force(footage, monkeypatch):
    from unittest.mock import Mock

    from epipose.calibration.result import Calibration
    from epipose.calibration.verdict import Verdict
    from epipose.errors import RejectedError
    from epipose.inference import live_cameras

    folder, _ = footage
    rejected = Mock(spec=Calibration, verdict=Verdict("reject", ("Two views disagree.",)))
    monkeypatch.setattr(Calibration, "load", staticmethod(lambda folder: rejected))
    assert live_cameras.trusted_rig(folder / "rig.json").names == small_rig().names  # no calibration beside it
    (folder / "calibration.json").write_text("{}")
    with pytest.raises(RejectedError, match="Two views disagree"):
        rig_lines(footage, monkeypatch)
    assert live_cameras.trusted_rig(folder / "rig.json", force=True).names == small_rig().names
    (folder / "calibration.json").unlink()
