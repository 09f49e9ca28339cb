"""Page of the viewer: videos, 3D scene, error over time and cameras on one timeline, as HTML that loads nothing."""

from __future__ import annotations

import base64
import html
from dataclasses import asdict, dataclass

from epipose.viz.page_assets import asset, json_in_html, scene_assets
from epipose.viz.scene import Scene
from epipose.viz.scene_data import SceneData
from epipose.viz.view_images import image_moments, jpegs

MAX_IMAGES, WIDTH = 160, 360  # in a file: images of all views, longer side in pixels


@dataclass(frozen=True)
class PageImages:
    """Where a page finds its images: as data URLs in ``data`` (by view and moment), or at ``url``.

    ``views``: the names of the views. ``moments``: the frames of the clip that have images; None where all have. In
    ``url`` stand VIEW for a name and FRAME for a frame.
    """

    views: tuple[str, ...]
    moments: tuple[int, ...] | None = None
    data: tuple[tuple[str, ...], ...] | None = None
    url: str | None = None


def embedded_images(scene: Scene, most: int = MAX_IMAGES, width: int = WIDTH) -> PageImages | None:
    """Images for a file, evenly spread; None where there are none, or no cameras that they belong to.

    At most ``most`` over all views, ``width`` pixels on the longer side. Raises as `Clip.read`.
    """
    clip, there = scene.clip, frames_with_images(scene)
    if clip is None or not there:
        return None
    moments = image_moments(there, len(clip.views), most)
    data = tuple(tuple(map(_data_url, view)) for view in jpegs(clip, moments, width))
    return PageImages(clip.names, tuple(moments), data)


def frames_with_images(scene: Scene) -> range:
    """The frames of a scene that have images that can be shown; empty without videos or without cameras."""
    if scene.rig is None or scene.clip is None or not scene.clip.has_images:
        return range(0)
    return range(scene.frames.start, min(scene.frames.stop, scene.clip.frames))


def viewer_page(title: str, data: SceneData, images: PageImages | None = None) -> str:
    """The page of a scene, whole."""
    assets = f"{scene_assets()}<style>{asset('viewer.css')}</style><script>{asset('viewer.js')}</script>"
    content = {"scene": data.json(), "images": None if images is None else asdict(images)}
    heading = f"<h1>{html.escape(title)}</h1>" if title else ""
    block = (
        f'<div class="epipose-viewer"><script type="application/json">{json_in_html(content)}</script>{heading}'
        "<noscript>The viewer needs JavaScript.</noscript></div>"
        "<script>{const host = document.currentScript.previousElementSibling; "
        "EpiposeViewer.mount(host, JSON.parse(host.firstElementChild.textContent));}</script>"
    )
    page = asset("viewer.html").replace("{{title}}", html.escape(title)).replace("{{assets}}", assets)
    return page.replace("{{block}}", block)


def _data_url(data: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
