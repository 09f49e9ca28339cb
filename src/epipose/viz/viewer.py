"""Viewer of a clip folder in 3D: live in a browser, or written as one HTML file that plays anywhere, offline.

Both ways draw the same viser scene, and a frame is shown by the same function, `_Drawing.show`: live it is called by
a clock and a slider, for the file it is called once per frame while viser records. The scene comes in stage axes
(`epipose.viz.scene`: z up, metres), so that every size below is a plain number of metres. Of a long recording a file
holds so many steps that it stays small, and both show so many images; a range of frames brings out the detail.
"""

from __future__ import annotations

import io
import logging
import math
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from epipose.errors import InputError
from epipose.io.files import AnyPath, replacing
from epipose.io.ranges import Port, check_value
from epipose.io.writable import check_file
from epipose.viz.limbs import Limbs, ball, lathe
from epipose.viz.scene import Scene, load_scene
from epipose.viz.view_images import ViewImages, image_moments

if TYPE_CHECKING:
    import viser

log = logging.getLogger("epipose")

MAX_LIVE_IMAGES, MAX_FILE_IMAGES = 400, 100  # of all views: bounds the server's memory, and the size of the file
LIVE_WIDTH, FILE_WIDTH = 320, 280  # longer side of an image, pixels
MAX_FILE_FPS, MAX_FILE_STEPS = 30.0, 6000  # steps beyond are thinned out evenly
FIELD_OF_VIEW = math.radians(42)
FLOOR, CELLS, METRES, PATH = (40, 43, 50), (52, 56, 64), (78, 84, 95), (255, 200, 60)


def view(folder: AnyPath, *, html: AnyPath | None = None, port: int = 8080, frames: str = ":") -> None:
    """Show a clip folder's cameras, images and 3D skeletons; with ``html`` write one file instead of serving.

    ``frames``: which of them, as A:B, from A to before B; either may be left out. Live it serves
    http://localhost:PORT, to this machine only, until interrupted. Raises InputError when there is nothing to show, for
    frames that there are not, or when the port is taken.
    """
    check_value("port", port, Port)
    if html is not None:
        check_file(html, "--html")
    scene = load_scene(folder, frames)
    if scene.clip is not None and not scene.clip.has_images:
        log.info("%s was made from 2D poses alone: cameras and people are shown without images.", folder)
    if html is not None:
        export_html(scene, html)
        log.info("Wrote %s: open it in any browser, no network needed.", html)
        return
    if not _is_free(port):
        raise InputError(f"Port {port} is in use. Close the other viewer, or choose another: --port {port + 1}")
    with _serving(port) as server, suppress(KeyboardInterrupt):
        drawing = _Drawing(server, scene, _images(scene, MAX_LIVE_IMAGES, LIVE_WIDTH))
        log.info("Open http://localhost:%d in a browser. Stop with Ctrl-C.", port)
        with drawing.reading_images():
            _play(server, drawing)


def export_html(scene: Scene, path: AnyPath) -> None:
    """Record the scene and write it, with the viewer itself, as one self-contained HTML file."""
    stride = max(1, round(scene.fps / MAX_FILE_FPS), math.ceil(len(scene.frames) / MAX_FILE_STEPS))
    if scene.fps / stride < MAX_FILE_FPS / 2 and stride > 1:
        log.info(
            "The file shows every %dth of %d frames. --frames A:B writes a part of them in full.",
            stride,
            len(scene.frames),
        )
    images = _images(scene, MAX_FILE_IMAGES, FILE_WIDTH)
    if images is not None:
        images.read()
    with _serving(_free_port()) as server:
        drawing = _Drawing(server, scene, images)
        recording = server.get_scene_serializer()
        for frame in scene.frames[::stride]:
            drawing.show(frame)
            if len(scene.frames) > 1:
                recording.insert_sleep(stride / scene.fps)
        text = recording.as_html(dark_mode=True)
    with replacing(Path(path)) as part:
        part.write_text(text, encoding="utf-8")


def _images(scene: Scene, most: int, width: int) -> ViewImages | None:
    """The images to be shown; None where there are none, or no cameras to show them at."""
    clip = scene.clip
    if scene.rig is None or clip is None or not clip.has_images:
        return None
    there = range(scene.frames.start, min(scene.frames.stop, clip.frames))
    return ViewImages(clip, image_moments(there, len(clip.views), most), width)


@contextmanager
def _serving(port: int) -> Iterator[viser.ViserServer]:
    """A server on this machine only, stopped at the end, without viser's own banners."""
    import viser

    with redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host="127.0.0.1", port=port, label="epipose", verbose=False)
    try:
        server.gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False)
        yield server
    finally:
        with redirect_stdout(io.StringIO()):
            server.stop()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _play(server: viser.ViserServer, drawing: _Drawing) -> None:
    """Controls and the clock of the live view; runs until interrupted."""
    scene, frames = drawing.scene, drawing.scene.frames
    if len(frames) == 1:
        server.sleep_forever()
    slider = server.gui.add_slider("Frame", min=frames[0], max=frames[-1], step=1, initial_value=frames[0])
    playing = server.gui.add_checkbox("Play", initial_value=True)
    speed = server.gui.add_dropdown("Speed", ("0.1x", "0.25x", "0.5x", "1x", "2x"), initial_value="1x")
    shown, then = 0.0, time.monotonic()
    while True:
        time.sleep(1 / 60)
        now = time.monotonic()
        slider.disabled = playing.value  # pause, then move it
        if playing.value:
            shown = (shown + (now - then) * scene.fps * float(speed.value[:-1])) % len(frames)
            slider.value = frames[int(shown)]
        else:
            shown = float(slider.value - frames[0])
        then = now
        drawing.show(frames[int(shown)])


class _Drawing:
    """The scene on a server; `show` puts one frame of it there."""

    def __init__(self, server: viser.ViserServer, scene: Scene, images: ViewImages | None) -> None:
        self.server, self.scene, self._images = server, scene, images
        self._limbs = None if scene.poses is None else Limbs(scene.poses)
        self._shown, self._shown_images = -1, -1
        server.scene.set_up_direction("+z")
        server.scene.world_axes.visible = False
        self._floor()
        self._frusta = self._cameras() if scene.rig is not None else {}
        if self._limbs is not None:
            self._people(self._limbs)
        self._viewpoint()
        self.show(scene.frames[0])

    @contextmanager
    def reading_images(self) -> Iterator[None]:
        """Read the images in the background in the meantime."""
        if self._images is not None:
            self._images.read_in_background()
        try:
            yield
        finally:
            if self._images is not None:
                self._images.stop()

    def show(self, frame: int) -> None:
        """Put frame number ``frame`` of the clip on the server, and the images as far as they are read."""
        with self.server.atomic():
            if self._limbs is not None and frame != self._shown:
                placed = self._limbs.at(frame - self.scene.frames.start)
                self._bones.batched_positions = placed.bone_positions
                self._bones.batched_wxyzs = placed.bone_wxyzs
                self._bones.batched_scales = placed.bone_scales
                self._joints.batched_positions = placed.joint_positions
                self._joints.batched_scales = placed.joint_scales
                self._shown = frame
            there = None if self._images is None else self._images.at(frame)
            if there is not None and there[0] != self._shown_images and self.scene.clip is not None:
                self._shown_images = there[0]
                for name, image in zip(self.scene.clip.names, there[1], strict=True):
                    if name in self._frusta:
                        self._frusta[name].image = image

    def _people(self, limbs: Limbs) -> None:
        add, first = self.server.scene.add_batched_meshes_simple, limbs.at(0)
        vertices, faces = lathe(((0.0, 0.0), (0.03, 0.55), (0.2, 1.0), (0.8, 0.7), (0.97, 0.45), (1.0, 0.0)))
        self._bones = add(
            "/person/bones", vertices, faces, first.bone_wxyzs, first.bone_positions,
            batched_scales=first.bone_scales, batched_colors=limbs.colors, lod="off",
        )  # fmt: skip
        turns = np.tile(np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32), (len(first.joint_positions), 1))
        self._joints = add(
            "/person/joints", *ball(), turns, first.joint_positions,
            batched_scales=first.joint_scales, batched_colors=(235, 236, 240), lod="off",
        )  # fmt: skip
        path = limbs.ground_path()
        if len(path):
            self.server.scene.add_line_segments("/person/path", path, PATH, thickness=0.025)

    def _cameras(self) -> dict[str, viser.CameraFrustumHandle]:
        from viser.transforms import SO3

        rig = self.scene.rig
        assert rig is not None
        camera, center = rig.camera, rig.camera.center
        reach = max(1.0, float((center - center.mean(0)).norm(dim=-1).median()))
        frusta = {}
        for index, name in enumerate(rig.names):
            width, height = (camera.size[index].double() / camera.K[index].diagonal()[:2]).tolist()
            position = center[index].numpy()
            frusta[name] = self.server.scene.add_camera_frustum(
                f"/cameras/{name}", fov=2 * math.atan(height / 2), aspect=width / height, scale=0.17 * reach,
                thickness=0.012, color=(150, 156, 168), position=position, cast_shadow=False,
                wxyz=SO3.from_matrix(camera.R[index].T.numpy()).wxyz, jpeg_quality=75, format="jpeg",
            )  # fmt: skip
            above = position + np.array([0.0, 0.0, 0.05 * reach])
            self.server.scene.add_label(f"/names/{name}", name, position=above, anchor="bottom-center")
        return frusta

    def _floor(self) -> None:
        if self.scene.poses is not None:
            self.server.scene.add_grid(
                "/floor", infinite_grid=True, cell_color=CELLS, section_color=METRES, cell_size=0.5, section_size=1.0,
                fade_distance=30.0, fade_from="origin", shadow_opacity=0.5, plane_color=FLOOR, plane_opacity=1.0,
            )  # fmt: skip

    def _viewpoint(self) -> None:
        """Look from the widest gap between the cameras, from above, far enough to have all of them in the image."""
        target = np.array([0.0, 0.0, 1.2])
        azimuth, radius = math.radians(-60), 2.0
        if self.scene.rig is not None:
            offset = self.scene.rig.camera.center.numpy() - target
            angles = np.sort(np.arctan2(offset[:, 1], offset[:, 0]))
            gaps = np.diff(np.append(angles, angles[0] + 2 * math.pi))
            azimuth = float(angles[gaps.argmax()] + gaps.max() / 2)
            radius = max(radius, float(np.linalg.norm(offset[:, :2], axis=1).max()))
        tilt, distance = math.radians(22), 0.72 * radius / math.sin(FIELD_OF_VIEW / 2)
        direction = [math.cos(tilt) * math.cos(azimuth), math.cos(tilt) * math.sin(azimuth), math.sin(tilt)]
        camera = self.server.initial_camera
        camera.position, camera.look_at = target + distance * np.array(direction), target
        camera.up, camera.fov = np.array([0.0, 0.0, 1.0]), FIELD_OF_VIEW
