"""Viewer of a clip folder: live in a browser, as one HTML file that plays anywhere offline, or as a video.

The page is the same in both cases (`epipose.viz.viewer_page`). A file holds so many steps and images that it stays
small; a range of frames brings out the detail. A served page has every step of recordings of some minutes, and asks for
images when it shows them.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from epipose.io.files import AnyPath, replacing
from epipose.io.ranges import Factor, Port, check_value
from epipose.io.writable import check_file
from epipose.viz.scene import Scene, load_scene
from epipose.viz.scene_data import MAX_FPS, SceneData, scene_data
from epipose.viz.view_images import LiveImages
from epipose.viz.viewer_page import PageImages, embedded_images, frames_with_images, viewer_page
from epipose.viz.viewer_server import IMAGE_URL, ViewerServer

log = logging.getLogger("epipose")

MAX_LIVE_STEPS, LIVE_FPS = 12_000, 240.0
LIVE_WIDTH = 640  # longer side of an image, pixels


def view(
    folder: AnyPath,
    *,
    html: AnyPath | None = None,
    video: AnyPath | None = None,
    speed: float = 1.0,
    port: int = 8080,
    frames: str = ":",
) -> None:
    """Show a clip folder's cameras, videos and 3D skeletons: serve them, or write one file instead.

    ``html``: a page that needs no network. ``video``: all views with their skeletons beside the turning 3D scene, as
    .mp4 or .gif, at ``speed`` (0.5: half as fast). ``frames``: which of them, as A:B, from A to before B; either may be
    left out. Live it serves http://localhost:PORT, to this machine only, until interrupted. Raises InputError when
    there is nothing to show, for frames that there are not, for a video of another format, or when the port is taken.
    """
    from epipose.viz.view_video import check_video, write_view_video

    check_value("port", port, Port)
    check_value("speed", speed, Factor)
    if html is not None:
        check_file(html, "--html")
    if video is not None:
        check_video(video)
    scene = load_scene(folder, frames)
    if scene.clip is not None and not scene.clip.has_images:
        log.info("%s was made from 2D poses alone: cameras and people are shown without images.", folder)
    if html is not None:
        export_html(scene, html, _title(folder, scene))
        log.info("Wrote %s: open it in any browser, no network needed.", html)
    if video is not None:
        write_view_video(scene, video, speed=speed)
        log.info("Wrote %s.", video)
    if html is None and video is None:
        _serve(scene, port, _title(folder, scene))


def export_html(scene: Scene, path: AnyPath, title: str = "epipose") -> None:
    """Write the viewer with a scene as one self-contained HTML file. Raises as `Clip.read` for images."""
    data = scene_data(scene)
    _say_thinned(scene, data, "The file")
    page = viewer_page(title, data, embedded_images(scene))
    with replacing(Path(path)) as part:
        part.write_text(page, encoding="utf-8")


def _title(folder: AnyPath, scene: Scene) -> str:
    cameras = "" if scene.rig is None else f", {len(scene.rig.names)} cameras"
    frames = "" if scene.clip is None else f", {len(scene.frames)} frames at {scene.fps:g} fps"
    return f"{Path(folder).resolve().name}{cameras}{frames}"


def _serve(scene: Scene, port: int, title: str) -> None:
    """The page of a scene, until interrupted."""
    data = scene_data(scene, MAX_LIVE_STEPS, LIVE_FPS)
    _say_thinned(scene, data, "The page")
    images, clip = None, scene.clip
    if clip is not None and frames_with_images(scene):
        images = LiveImages(clip, LIVE_WIDTH)
    source = None if images is None else PageImages(images.clip.names, url=IMAGE_URL)
    with ViewerServer(port, viewer_page(title, data, source), images) as server, suppress(KeyboardInterrupt):
        log.info("Open http://localhost:%d in a browser. Stop with Ctrl-C.", port)
        server.serve_forever()


def _say_thinned(scene: Scene, data: SceneData, what: str) -> None:
    stride = data.frames.step
    if stride > 1 and scene.fps / stride < MAX_FPS / 2:
        text = "%s shows every %s of %d frames. --frames A:B shows a part of them in full."
        log.info(text, what, ordinal(stride), len(scene.frames))


def ordinal(number: int) -> str:
    """A number as 2nd, 3rd, 4th, ..."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
