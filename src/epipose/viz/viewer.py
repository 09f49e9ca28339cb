"""Viewer of a clip folder in 3D: live in a browser, or written as one HTML file that plays anywhere, offline.

Both ways draw the same viser scene, and a frame is shown by the same function, `_Drawing.show`: live it is called by
a clock and a slider, for the file it is called once per frame while viser records. The scene comes in stage axes
(`epipose.viz.scene`: z up, metres), so that every size below is a plain number of metres.
"""

from __future__ import annotations

import io
import logging
import math
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.errors import InputError
from epipose.io.files import AnyPath, replacing
from epipose.io.ranges import Port, check_value
from epipose.io.writable import check_file
from epipose.poses import Poses3D
from epipose.viz.plots import SIDE_COLORS, drawn_bones
from epipose.viz.scene import Scene, load_scene, quaternion_from_z, thumbnails

if TYPE_CHECKING:
    import viser

log = logging.getLogger("epipose")

MAX_LIVE_IMAGES, MAX_FILE_IMAGES = (
    400,
    100,
)  # over all cameras: bounds the memory of the server and the size of the file
LIVE_WIDTH, FILE_WIDTH = 320, 280  # longer side of an image, pixels
MAX_FILE_FPS, MAX_FILE_FRAMES = 30.0, 900  # frames beyond are thinned out evenly
FIELD_OF_VIEW = math.radians(42)
FLOOR, CELLS, METRES, PATH = (40, 43, 50), (52, 56, 64), (78, 84, 95), (255, 200, 60)


def view(folder: AnyPath, *, html: AnyPath | None = None, port: int = 8080) -> None:
    """Show a clip folder's cameras, images and 3D skeletons; with ``html`` write one file instead of serving.

    Live it serves http://localhost:PORT, to this machine only, until interrupted. Raises InputError when there is
    nothing to show or the port is taken.
    """
    check_value("port", port, Port)
    if html is not None:
        check_file(html, "--html")
    scene = load_scene(folder)
    if scene.clip is not None and not scene.clip.has_images:
        log.info("%s was made from 2D poses alone: cameras and people are shown without images.", folder)
    if html is not None:
        export_html(scene, html)
        log.info("Wrote %s: open it in any browser, no network needed.", html)
        return
    if not _is_free(port):
        raise InputError(f"Port {port} is in use. Close the other viewer, or choose another: --port {port + 1}")
    with _serving(port) as server, suppress(KeyboardInterrupt):
        drawing = _Drawing(server, scene, MAX_LIVE_IMAGES, LIVE_WIDTH)
        log.info("Open http://localhost:%d in a browser. Stop with Ctrl-C.", port)
        _play(server, drawing)


def export_html(scene: Scene, path: AnyPath) -> None:
    """Record the scene and write it, with the viewer itself, as one self-contained HTML file."""
    stride = max(1, round(scene.fps / MAX_FILE_FPS), math.ceil(scene.frames / MAX_FILE_FRAMES))
    with _serving(_free_port()) as server:
        drawing = _Drawing(server, scene, MAX_FILE_IMAGES, FILE_WIDTH)
        recording = server.get_scene_serializer()
        for frame in range(0, scene.frames, stride):
            drawing.show(frame)
            if scene.frames > 1:
                recording.insert_sleep(stride / scene.fps)
        text = recording.as_html(dark_mode=True)
    with replacing(Path(path)) as part:
        part.write_text(text, encoding="utf-8")


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
    scene = drawing.scene
    if scene.frames == 1:
        server.sleep_forever()
    slider = server.gui.add_slider("Frame", min=0, max=scene.frames - 1, step=1, initial_value=0)
    playing = server.gui.add_checkbox("Play", initial_value=True)
    speed = server.gui.add_dropdown("Speed", ("0.1x", "0.25x", "0.5x", "1x", "2x"), initial_value="1x")
    shown, then = 0.0, time.monotonic()
    while True:
        time.sleep(1 / 60)
        now = time.monotonic()
        slider.disabled = playing.value  # pause, then move it
        if playing.value:
            shown = (shown + (now - then) * scene.fps * float(speed.value[:-1])) % scene.frames
            slider.value = int(shown)
        else:
            shown = float(slider.value)
        then = now
        drawing.show(int(shown))


@dataclass(frozen=True)
class _Limbs:
    """Moving parts: per frame the position, rotation and size of every bone, and position and size of every joint."""

    bone_positions: Float[np.ndarray, "frame bone 3"]
    bone_wxyzs: Float[np.ndarray, "frame bone 4"]
    bone_scales: Float[np.ndarray, "frame bone 3"]
    joint_positions: Float[np.ndarray, "frame joint 3"]
    joint_scales: Float[np.ndarray, "frame joint"]
    colors: UInt8[np.ndarray, "bone 3"]


def _limbs(poses: Poses3D) -> _Limbs:
    """Bones of their own length and of median thickness; joints of confidence 0 shrink to nothing."""
    bones = drawn_bones(poses.skeleton)
    parent, child = [bone[0] for bone in bones], [bone[1] for bone in bones]
    start, along = poses.xyz[:, :, parent], poses.xyz[:, :, child] - poses.xyz[:, :, parent]
    seen = (poses.conf > 0).float()
    length = along.norm(dim=-1) * seen[:, :, parent] * seen[:, :, child]
    known = torch.where(length > 0, length, torch.nan).flatten(0, 1)
    radius = (0.16 * known.nanmedian(0).values.nan_to_num(0.05)).clamp(0.008, 0.055).expand(length.shape)
    visible = (length > 0).float()
    thickness = torch.zeros(len(poses.skeleton.joints))
    for index in range(len(bones)):
        for joint in bones[index][:2]:
            thickness[joint] = max(float(thickness[joint]), 0.85 * float(radius[0, 0, index]))
    # The viewer's lights wash colours out: hand it deeper ones.
    colors = np.array([SIDE_COLORS[bone[2]] for bone in bones]) / 255
    colors = np.tile((255 * colors**2).round().astype(np.uint8), (poses.xyz.shape[1], 1))

    def flat(tensor: Tensor) -> Any:
        return tensor.flatten(1, 2).float().numpy()

    return _Limbs(
        flat(start),
        flat(quaternion_from_z(along)),
        flat(torch.stack([radius * visible, radius * visible, length], -1)),
        flat(poses.xyz),
        flat(thickness * seen),
        colors,
    )


class _Drawing:
    """The scene on a server; `show` puts one frame of it there."""

    def __init__(self, server: viser.ViserServer, scene: Scene, images: int, width: int) -> None:
        self.server, self.scene = server, scene
        self._limbs = _limbs(scene.poses) if scene.poses is not None else None
        self._moments: list[int] = []
        self._images: list[Any] = []
        self._shown_moment = -1
        if scene.rig is not None and scene.clip is not None and scene.clip.has_images:
            stride = max(1, math.ceil(scene.frames * len(scene.clip.views) / images))
            self._moments = list(range(0, min(scene.frames, scene.clip.frames), stride))
            self._images = thumbnails(scene.clip, self._moments, width)
        server.scene.set_up_direction("+z")
        server.scene.world_axes.visible = False
        self._floor()
        self._frusta = self._cameras() if scene.rig is not None else {}
        if self._limbs is not None:
            self._people(self._limbs)
        self._viewpoint()
        self.show(0)

    def show(self, frame: int) -> None:
        """Put frame number ``frame`` on the server."""
        with self.server.atomic():
            if self._limbs is not None:
                limbs = self._limbs
                self._bones.batched_positions = limbs.bone_positions[frame]
                self._bones.batched_wxyzs = limbs.bone_wxyzs[frame]
                self._bones.batched_scales = limbs.bone_scales[frame]
                self._joints.batched_positions = limbs.joint_positions[frame]
                self._joints.batched_scales = limbs.joint_scales[frame]
            moment = int(np.searchsorted(self._moments, frame, side="right")) - 1
            if moment >= 0 and moment != self._shown_moment and self.scene.clip is not None:
                self._shown_moment = moment
                for name, images in zip(self.scene.clip.names, self._images, strict=True):
                    if name in self._frusta:
                        self._frusta[name].image = images[moment]

    def _people(self, limbs: _Limbs) -> None:
        add = self.server.scene.add_batched_meshes_simple
        vertices, faces = _lathe(((0.0, 0.0), (0.03, 0.55), (0.2, 1.0), (0.8, 0.7), (0.97, 0.45), (1.0, 0.0)))
        self._bones = add(
            "/person/bones", vertices, faces, limbs.bone_wxyzs[0], limbs.bone_positions[0],
            batched_scales=limbs.bone_scales[0], batched_colors=limbs.colors, lod="off",
        )  # fmt: skip
        ball = [(-math.cos(math.pi * i / 8), math.sin(math.pi * i / 8)) for i in range(9)]
        vertices, faces = _lathe(tuple(ball))
        turns = np.tile(np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32), (len(limbs.joint_positions[0]), 1))
        self._joints = add(
            "/person/joints", vertices, faces, turns, limbs.joint_positions[0],
            batched_scales=limbs.joint_scales[0], batched_colors=(235, 236, 240), lod="off",
        )  # fmt: skip
        path = _ground_path(self.scene)
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


def _lathe(profile: tuple[tuple[float, float], ...], sides: int = 12) -> tuple[Float[np.ndarray, "vertex 3"], Any]:
    """Turn (height, radius) pairs about z into a closed mesh: vertices and triangles."""
    angle = 2 * np.pi * np.arange(sides) / sides
    height, radius = np.array(profile).T[:, :, None]
    vertices = np.stack([radius * np.cos(angle), radius * np.sin(angle), height + 0 * angle], -1).reshape(-1, 3)
    ring = sides * np.arange(len(profile) - 1)[:, None]
    a, b = ring + np.arange(sides), ring + (np.arange(sides) + 1) % sides
    faces = np.stack([np.stack([a, b, b + sides], -1), np.stack([a, b + sides, a + sides], -1)]).reshape(-1, 3)
    return vertices, faces


def _ground_path(scene: Scene) -> Float[np.ndarray, "step 2 3"]:
    """The path of the first person's hips over the floor, as segments between successive frames that have it."""
    assert scene.poses is not None
    xyz, seen = scene.poses.xyz[:, 0], scene.poses.conf[:, 0] > 0
    hips = [i for i, name in enumerate(scene.poses.skeleton.joints) if name.endswith("hip")] or [0]
    points = xyz[:, hips].mean(1)
    points[:, 2] = 0.01
    both = seen[:, hips].all(-1)
    keep = both[1:] & both[:-1]
    return torch.stack([points[:-1], points[1:]], 1)[keep].numpy()
