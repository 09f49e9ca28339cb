"""The viewer: a page that holds what the clip folder holds, as a file and served."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.poses import Poses3D
from epipose.viz.page_assets import asset, json_in_html, scene_assets, scene_block
from epipose.viz.scene import load_scene
from epipose.viz.scene_data import scene_data
from epipose.viz.view_images import LiveImages, image_moments, jpegs
from epipose.viz.viewer import ordinal, view
from epipose.viz.viewer_server import ViewerServer
from tests.helpers import synthetic
from tests.helpers.live_streams import free_port
from tests.helpers.viewed_clip import FRAMES, decoded, page_in


def as_image(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@contextmanager
def served(page: str, images: LiveImages | None) -> Iterator[ViewerServer]:
    with ViewerServer(0, page, images) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def answer(server: ViewerServer, path: str, host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    try:
        connection.request("GET", path, headers={} if host is None else {"Host": host})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def test_the_file_holds_the_cameras_the_images_and_every_frame(viewed: Path, tmp_path: Path) -> None:
    out = tmp_path / "walk.html"
    view(viewed, html=out)
    assert list(tmp_path.iterdir()) == [out]
    html = out.read_text(encoding="utf-8")
    assert not re.findall(r"https?://|<link|src=\"(?!data:)", html)  # it loads nothing
    page = page_in(html)
    assert [camera["name"] for camera in page["scene"]["cameras"]] == list(synthetic.rig().names)
    assert page["scene"]["steps"] == FRAMES
    assert decoded(page["scene"]["xyz"], FRAMES, 1, 17, 3).any()
    assert page["images"]["moments"] == list(range(FRAMES))
    assert [len(images) for images in page["images"]["data"]] == [FRAMES] * 4
    assert all(abs(error - 3) < 0.3 for errors in page["scene"]["error_px"] for error in errors)


def test_a_file_of_a_part_holds_its_frames(viewed: Path, tmp_path: Path) -> None:
    view(viewed, html=tmp_path / "out.html", frames="3:7")
    page = page_in((tmp_path / "out.html").read_text(encoding="utf-8"))
    assert (page["scene"]["first"], page["scene"]["steps"]) == (3, 4)
    assert page["images"]["moments"] == [3, 4, 5, 6]


def test_long_recordings_are_thinned_and_said_to_be(
    viewed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("epipose.viz.viewer.scene_data", lambda scene: scene_data(scene, most_steps=3))
    with caplog.at_level("INFO", logger="epipose"):
        view(viewed, html=tmp_path / "out.html")
    assert page_in((tmp_path / "out.html").read_text(encoding="utf-8"))["scene"]["steps"] == 3
    assert "every 4th of 10 frames" in caplog.text
    assert [ordinal(number) for number in (2, 3, 11, 21, 112)] == ["2nd", "3rd", "11th", "21st", "112th"]


def test_cameras_alone_can_be_shown(viewed: Path, tmp_path: Path) -> None:
    (tmp_path / "rig.json").write_bytes((viewed / "rig.json").read_bytes())
    view(tmp_path, html=tmp_path / "out.html")
    page = page_in((tmp_path / "out.html").read_text(encoding="utf-8"))
    assert len(page["scene"]["cameras"]) == 4
    assert page["scene"]["people"] == []
    assert page["images"] is None


def test_poses_alone_can_be_shown(viewed: Path, tmp_path: Path) -> None:
    poses = Poses3D.load(viewed / "poses3d.npz")
    poses.conf[3:] = 0
    poses.save(tmp_path / "poses3d.npz")
    view(tmp_path, html=tmp_path / "out.html")
    scene = page_in((tmp_path / "out.html").read_text(encoding="utf-8"))["scene"]
    assert (scene["steps"], scene["cameras"], scene["uv"]) == (FRAMES, [], "")


def test_no_text_can_end_the_script_that_it_stands_in(viewed: Path, tmp_path: Path) -> None:
    assert "<" not in json_in_html({"name": "</script><script>alert(1)</script>"})
    folder = tmp_path / "<img src=x>"
    shutil.copytree(viewed, folder)
    view(folder, html=tmp_path / "out.html", frames="0:2")
    assert "<img src=x>" not in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_a_scene_may_stand_among_other_content(viewed: Path) -> None:
    block = scene_block(scene_data(load_scene(viewed)), autoplay=False)
    assert "Epipose.mount(host, JSON.parse(host.firstElementChild.textContent), false)" in block
    assert "const Epipose" in scene_assets()


def test_images_are_small_and_of_the_moments_asked_for(viewed: Path) -> None:
    clip = Clip.load(viewed)
    images = jpegs(clip, [0, 4, 9], 50)
    assert [len(view_images) for view_images in images] == [3] * 4
    brightness = [float(np.median(as_image(data))) for data in images[0]]
    assert as_image(images[0][0]).shape == (50, 50, 3)
    assert brightness == pytest.approx([90, 130, 180], abs=4)


def test_images_are_spread_over_the_frames_that_are_shown() -> None:
    assert image_moments(range(10), 4, 400) == list(range(10))
    assert image_moments(range(100, 300), 4, 400) == list(range(100, 300, 2))
    moments = image_moments(range(10_000), 4, 400)
    assert len(moments) == 100
    assert moments[:2] == [0, 100]


def test_single_images_come_in_any_order_and_stay(viewed: Path) -> None:
    images = LiveImages(Clip.load(viewed), 100)
    for frame in (3, 4, 7, 1, 9, 0, 8):
        assert float(np.median(as_image(images.jpeg(2, frame)))) == pytest.approx(90 + 10 * frame, abs=4)
    assert images.jpeg(2, 3) is images.jpeg(2, 3)


def test_a_served_page_has_its_images(viewed: Path) -> None:
    clip = Clip.load(viewed)
    with served("<html>page</html>", LiveImages(clip, 100)) as server:
        assert answer(server, "/") == (200, b"<html>page</html>")
        status, data = answer(server, f"/image/{clip.names[1]}/6.jpg")
        assert status == 200
        assert as_image(data).shape == (100, 100, 3)
        for wrong in (f"/image/{clip.names[1]}/10.jpg", "/image/none/1.jpg", "/image/x/-1.jpg", "/../rig.json", "/x"):
            assert answer(server, wrong)[0] == 404
        assert answer(server, "/", "evil.example:80")[0] == 403
        assert answer(server, "/", f"localhost:{server.server_port}")[0] == 200


def test_a_video_that_breaks_off_leaves_the_page_running(
    viewed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = Clip.load(viewed)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    broken = replace(clip, views=(replace(clip.views[0], video=tmp_path / "broken.mp4"), *clip.views[1:]))
    with served("page", LiveImages(broken, 100)) as server:
        for _ in range(2):
            assert answer(server, f"/image/{clip.names[0]}/3.jpg")[0] == 404
        assert answer(server, f"/image/{clip.names[1]}/3.jpg")[0] == 200
    assert caplog.text.count(f"Images of {clip.names[0]} are missing") == 1


def test_live_it_serves_every_frame_until_interrupted(
    viewed: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pages = []

    def visit_then_leave(server: ViewerServer) -> None:
        pages.append(page_in(server.page.decode()))
        raise KeyboardInterrupt

    monkeypatch.setattr(ViewerServer, "serve_forever", visit_then_leave)
    port = free_port()
    with caplog.at_level("INFO", logger="epipose"):
        view(viewed, port=port)
    assert f"http://localhost:{port}" in caplog.text
    assert pages[0]["scene"]["steps"] == FRAMES
    assert pages[0]["images"]["url"] == "image/VIEW/FRAME.jpg"
    assert pages[0]["images"]["data"] is None


def test_a_taken_port_is_an_error_that_names_another(viewed: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(EpiposeError, match=r"in use.*--port"):
            view(viewed, port=taken.getsockname()[1])


@pytest.mark.parametrize("name", ["scene.js", "viewer.js"])
def test_the_scripts_are_sound(name: str, tmp_path: Path) -> None:
    text = asset(name)
    for opening, closing in ("()", "[]", "{}"):
        assert text.count(opening) == text.count(closing)
    if (node := shutil.which("node")) is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
        subprocess.run([node, "--check", str(tmp_path / name)], check=True)
