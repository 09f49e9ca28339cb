"""The viewer: the world set upright and to size, and one HTML file that holds what the clip folder holds."""

from __future__ import annotations

import base64
import re
import socket
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest
import torch
import zstandard

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.geometry.rotation import exp
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from epipose.viz.limbs import Limbs
from epipose.viz.plots import draw_skeleton
from epipose.viz.scene import frame_range, load_scene, quaternion_from_z, staged
from epipose.viz.view_images import ViewImages, image_moments
from epipose.viz.viewer import view
from tests.helpers import synthetic
from tests.helpers.live_streams import free_port

FRAMES = 10


def moved_world(scale: float) -> tuple[Rig, Poses3D, torch.Tensor]:
    """The synthetic person and rig in a tilted world of another scale, and what is up there."""
    rig = synthetic.rig()
    turn, shift = exp(torch.tensor([1.1, -0.7, 0.4], dtype=torch.float64)), torch.tensor([3.0, -2.0, 5.0]).double()
    R = rig.camera.R @ turn.T
    moved = rig.camera.with_pose(R, scale * rig.camera.t - R @ shift)
    xyz = (scale * synthetic.moving_skeleton(FRAMES) @ turn.T + shift).float()[:, None]
    poses = Poses3D(xyz, torch.ones(FRAMES, 1, 17), H36M17)
    return Rig(rig.names, moved), poses, turn[:, 2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip folder: four drawn videos, a rig and poses in a world without scale."""
    path = tmp_path_factory.mktemp("clip")
    rig, poses, _ = moved_world(scale=0.3)
    uv = rig.camera.spread(2).project(poses.xyz[:, 0].double()).float() * 0.25
    for view_index, name in enumerate(rig.names):
        with av.open(str(path / f"{name}.mp4"), "w") as container:
            stream: Any = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 250, 250, "yuv420p"
            for frame in range(FRAMES):
                grey = np.full((250, 250, 3), 90, dtype=np.uint8)
                drawn = draw_skeleton(grey, uv[view_index, frame], torch.ones(17), H36M17)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(drawn, format="rgb24")))
            container.mux(stream.encode())
    Clip.from_videos([path / f"{name}.mp4" for name in rig.names]).save(path)
    rig.save(path / "rig.json")
    poses.save(path / "poses3d.npz")
    return path


def recording_in(path: Path) -> dict[str, Any]:
    """What viser recorded into an HTML file: duration and messages."""
    found = re.search(r'__VISER_EMBED_DATA__="([^"]+)"', path.read_text(encoding="utf-8"))
    assert found is not None
    payload = zstandard.ZstdDecompressor().decompressobj().decompress(base64.b64decode(found[1])[8:])
    length = int.from_bytes(payload[:8], "little")
    return msgspec.msgpack.decode(payload[8 : 8 + length])


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


def test_quaternions_turn_z_to_the_direction() -> None:
    towards = torch.nn.functional.normalize(torch.tensor([[1.0, 2, 3], [0, 0, 5], [0, 0, -2], [-1, 0, 0.1]]), dim=-1)
    w, x, y, z = quaternion_from_z(2 * towards).unbind(-1)
    third_column = torch.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], -1)
    assert torch.allclose(third_column, towards, atol=1e-6)


def test_images_are_small_and_of_the_moments_asked_for(folder: Path) -> None:
    images = ViewImages(Clip.load(folder), [0, 4, 9], 50)
    assert images.at(9) is None
    images.read()
    shown = [images.at(frame) for frame in (0, 3, 4, 8, 9)]
    assert [of[0] for of in shown if of is not None] == [0, 0, 1, 1, 2]
    assert all([image.shape for image in of[1]] == [(50, 50, 3)] * 4 for of in shown if of is not None)
    first, last = shown[0], shown[-1]
    assert first is not None
    assert last is not None
    assert not np.array_equal(first[1][0], last[1][0])


def test_images_are_spread_over_the_frames_that_are_shown() -> None:
    assert image_moments(range(10), 4, 400) == list(range(10))
    assert image_moments(range(100, 300), 4, 400) == list(range(100, 300, 2))
    moments = image_moments(range(10_000), 4, 400)
    assert len(moments) == 100
    assert moments[:2] == [0, 100]


def test_images_that_are_read_in_the_background_appear_one_after_the_other(folder: Path) -> None:
    images = ViewImages(Clip.load(folder), range(FRAMES), 50)
    images.read_in_background()
    for _ in range(500):
        if (there := images.at(FRAMES - 1)) is not None and there[0] == FRAMES - 1:
            break
        time.sleep(0.02)
    else:
        pytest.fail("the last image never came")
    stopped = ViewImages(Clip.load(folder), range(FRAMES), 50)
    stopped.stop()
    stopped.read_in_background()
    time.sleep(0.1)
    assert stopped.at(FRAMES - 1) is None


def test_a_video_that_breaks_off_leaves_the_viewer_running(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = Clip.load(folder)
    images = ViewImages(replace(clip, views=tuple(replace(view, width=90) for view in clip.views)), [0], 50)
    monkeypatch.setattr("threading.Thread.start", lambda thread: thread.run())
    with caplog.at_level("WARNING", logger="epipose"):
        images.read_in_background()
    assert images.at(0) is None
    assert "No further images are shown" in caplog.text


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


def test_a_part_is_shown_where_it_lies(folder: Path) -> None:
    whole, part = load_scene(folder), load_scene(folder, "3:7")
    assert whole.poses is not None
    assert part.poses is not None
    assert list(part.frames) == [3, 4, 5, 6]
    assert torch.equal(part.poses.xyz, whole.poses.xyz[3:7])


def test_a_file_of_a_part_holds_its_frames(folder: Path, tmp_path: Path) -> None:
    view(folder, html=tmp_path / "out.html", frames="3:7")
    recording = recording_in(tmp_path / "out.html")
    assert recording["durationSeconds"] == pytest.approx(4 / 25)
    assert len({t for t, m in recording["messages"] if "batched_wxyzs" in m.get("updates", {})}) == 3
    assert len([m for _, m in recording["messages"] if "_image_data" in m.get("updates", {})]) == 4 * 4


def test_long_recordings_are_thinned_and_said_to_be(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("epipose.viz.viewer.MAX_FILE_STEPS", 3)
    with caplog.at_level("INFO", logger="epipose"):
        view(folder, html=tmp_path / "out.html")
    recording = recording_in(tmp_path / "out.html")
    assert len({t for t, m in recording["messages"] if "batched_wxyzs" in m.get("updates", {})}) == 2
    assert "every 4th of 10 frames" in caplog.text


def test_limbs_of_a_frame_stand_where_the_joints_do() -> None:
    poses = Poses3D(synthetic.moving_skeleton(FRAMES).float()[:, None], torch.ones(FRAMES, 1, 17), H36M17)
    poses.conf[4, 0, 3] = 0
    limbs = Limbs(poses)
    placed = limbs.at(4)
    assert np.allclose(placed.joint_positions, poses.xyz[4, 0].numpy(), atol=1e-3)
    assert placed.joint_scales[3] == 0
    assert (placed.joint_scales > 0).sum() == 16
    assert (placed.bone_scales[:, 2] == 0).sum() == 1  # the bone to the missing joint
    assert len(limbs.ground_path()) == FRAMES - 1


def test_the_file_holds_the_cameras_the_images_and_every_frame(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "walk.html"
    view(folder, html=out)
    assert 300_000 < out.stat().st_size < 3_000_000
    assert list(tmp_path.iterdir()) == [out]
    # The one address is the name of the SVG language, which no browser loads.
    assert set(re.findall(r'https?://[^\s"\'`<)]+', out.read_text(encoding="utf-8"))) <= {"http://www.w3.org/2000/svg"}
    recording = recording_in(out)
    assert recording["durationSeconds"] == pytest.approx(FRAMES / 25)
    named = {message.get("name") for _, message in recording["messages"]}
    assert {"/person/bones", "/person/joints", *(f"/cameras/{name}" for name in synthetic.rig().names)} <= named
    moves = [(t, m) for t, m in recording["messages"] if "batched_wxyzs" in m.get("updates", {})]
    assert len({time for time, _ in moves}) == FRAMES - 1  # the first frame is in the scene from the start
    images = [m for _, m in recording["messages"] if "_image_data" in m.get("updates", {})]
    assert len(images) == 4 * FRAMES


def test_cameras_alone_can_be_shown(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "rig.json").write_bytes((folder / "rig.json").read_bytes())
    view(tmp_path, html=tmp_path / "out.html")
    named = {message.get("name") for _, message in recording_in(tmp_path / "out.html")["messages"]}
    assert f"/cameras/{synthetic.rig().names[0]}" in named
    assert "/person/bones" not in named


def test_poses_alone_can_be_shown_and_missing_joints_vanish(folder: Path, tmp_path: Path) -> None:
    poses = Poses3D.load(folder / "poses3d.npz")
    poses.conf[3:] = 0
    poses.save(tmp_path / "poses3d.npz")
    view(tmp_path, html=tmp_path / "out.html")
    assert recording_in(tmp_path / "out.html")["durationSeconds"] == pytest.approx(FRAMES / 25)


def test_live_it_serves_the_viewer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = []

    def visit_then_leave(server: Any, drawing: Any) -> None:
        drawing.show(7)
        with urllib.request.urlopen(f"http://127.0.0.1:{server.get_port()}/") as answer:
            served.append(answer.read(200_000))
        raise KeyboardInterrupt

    monkeypatch.setattr("epipose.viz.viewer._play", visit_then_leave)
    view(folder, port=free_port())
    assert b"<html" in served[0]


def test_a_taken_port_is_an_error_that_names_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epipose.viz.viewer._play", lambda server, drawing: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(EpiposeError, match=r"in use.*--port"):
            view(folder, port=taken.getsockname()[1])


def test_nothing_to_show_is_an_error_that_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EpiposeError, match="There is no folder"):
        load_scene(tmp_path / "absent")
    with pytest.raises(EpiposeError, match="epipose calibrate"):
        load_scene(tmp_path)
    poses = Poses3D.load(folder / "poses3d.npz")
    Poses3D(poses.xyz, poses.conf, poses.skeleton, space="cam1").save(tmp_path / "poses3d.npz")
    with pytest.raises(EpiposeError, match="axes of 'cam1'"):
        load_scene(tmp_path)
