"""Top of a report: the person in 3D among the cameras, beside the images of the views with the joints projected.

A page must stay small enough to be mailed, so it shows a part of a long clip: the seconds that show the subject most.
The images are of a few moments of these; they follow the 3D scene. Where there are no labels yet, the joints are
triangulated here, so that wrong cameras are seen, too.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from epipose.calibration.result import Calibration
from epipose.camera import Rig
from epipose.clip import Clip, View
from epipose.errors import EpiposeError
from epipose.geometry.observation_source import ObservationSource
from epipose.poses import Poses2D, Poses3D
from epipose.reconstruction.label import triangulated
from epipose.viz.html_report import Report
from epipose.viz.page_assets import asset, json_in_html
from epipose.viz.plots import draw_skeleton
from epipose.viz.scene import Scene, staged
from epipose.viz.scene_data import scene_data

SECONDS, MOST_FPS = 10.0, 30.0  # of the clip that are shown in 3D, steps a second
MOST_IMAGES, MOST_MOMENTS = 96, 24  # of all views together; of one view
IMAGE_SIDE = 320  # longer side of an image, pixels
_ALL_STEPS = 1 << 30  # for `scene_data`: they are thinned out here


@dataclass(frozen=True)
class Excerpt:
    """The part of a clip that is shown, with the poses of these frames in the world of the rig."""

    frames: range
    poses: Poses3D


@dataclass(frozen=True)
class MovingImages:
    """Images of the views at some moments of the clip, JPEG as base64 by view and moment; width and height by view."""

    moments: tuple[int, ...]
    jpegs: tuple[tuple[str, ...], ...]
    sizes: tuple[tuple[int, int], ...]


def top_section(
    report: Report, calibration: Calibration, clip: Clip, keypoints: Poses2D, labels: Poses3D | None, *, images: bool
) -> None:
    """The 3D scene, and with ``images`` the images of the views beside it.

    Videos that cannot be read any more leave the images out; the page says so.
    """
    rig = calibration.rig
    excerpt = excerpt_of(rig, clip, keypoints, labels)
    moving, unread = None, False
    if images and clip.has_images:
        try:
            moving = moving_images(clip, rig, excerpt)
        except EpiposeError:
            unread = True
    stage_rig, poses = staged(rig, excerpt.poses, clip.fps)
    data = scene_data(Scene(stage_rig, poses, clip, excerpt.frames, None, calibration.cameras), _ALL_STEPS, math.inf)
    content = {
        "scene": {**data.json(), "uv": "", "error_px": []},  # the skeletons are in the images already
        "start": start_step(excerpt),
        "moments": moving.moments if moving else (),
        "jpegs": moving.jpegs if moving else (),
    }
    views = "" if moving is None else _views(clip, moving, moving.moments.index(excerpt.frames[start_step(excerpt)]))
    columns, wide = (1, 0) if moving is None else image_grid(moving.sizes)
    report.moving(
        f'<div class="top{"" if views else " single"}" style="--columns:{columns};--wide:{wide}px">{_STAGE}{views}</div>'
        f'<p class="top-note">{html.escape(_note(excerpt, clip, moving, unread))}</p>'
        f'<script type="application/json" id="top-data">{json_in_html(content)}</script>',
        [asset("scene.css")],
        [asset("scene.js"), asset("report.js")],
    )


_STAGE = (
    '<div class="stage" id="scene"><noscript>The 3D scene needs scripts: open this page in a browser.</noscript></div>'
)


def excerpt_of(rig: Rig, clip: Clip, keypoints: Poses2D, labels: Poses3D | None) -> Excerpt:
    """The `SECONDS` that show the subject most, at `MOST_FPS`, with the labels, or else with joints triangulated here."""
    source = ObservationSource.of(keypoints, rig)
    stride = max(1, round(clip.fps / MOST_FPS))
    chosen = source.seen().busiest(max(1, round(SECONDS * clip.fps)))[::stride].contiguous()
    frames = range(int(chosen[0]), int(chosen[-1]) + 1, stride)
    if labels is not None:
        times = None if labels.times is None else labels.times[chosen]
        return Excerpt(frames, replace(labels, xyz=labels.xyz[chosen], conf=labels.conf[chosen], times=times))
    xyz, conf = triangulated(source.at(chosen, velocity=False), rig, keypoints.skeleton)
    return Excerpt(frames, Poses3D(xyz[:, None].float(), conf[:, None].float(), keypoints.skeleton, metric=rig.metric))


def start_step(excerpt: Excerpt) -> int:
    """The step that shows most joints of all people, the earliest of these."""
    return int((excerpt.poses.conf > 0).sum((1, 2)).argmax())


def moving_images(clip: Clip, rig: Rig, excerpt: Excerpt) -> MovingImages:
    """Images at moments evenly spread over an excerpt, small, with the joints projected into them.

    Among the moments is that of `start_step`. Raises InputError for a video that is missing, DamagedFileError for one
    that ends early.
    """
    each = min(MOST_MOMENTS, max(1, MOST_IMAGES // len(clip.views)))
    stride = math.ceil(len(excerpt.frames) / each)
    steps = range(start_step(excerpt) % stride, len(excerpt.frames), stride)
    jpegs, sizes = [], []
    for view in clip.views:
        small = list(_drawn(clip, view, rig, excerpt, steps))
        sizes.append((small[0].shape[1], small[0].shape[0]))
        jpegs.append(tuple(_jpeg(image) for image in small))
    return MovingImages(tuple(excerpt.frames[step] for step in steps), tuple(jpegs), tuple(sizes))


def _drawn(
    clip: Clip, view: View, rig: Rig, excerpt: Excerpt, steps: Sequence[int]
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    import cv2

    camera = rig.camera[rig.names.index(view.name)].to(torch.float64)
    shrink = IMAGE_SIDE / max(view.width, view.height)
    size = (max(1, round(view.width * shrink)), max(1, round(view.height * shrink)))
    images = clip.read(view, [excerpt.frames[step] for step in steps])
    for step, image in zip(steps, images, strict=True):
        drawn = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        for xyz, conf in zip(excerpt.poses.xyz[step].double(), excerpt.poses.conf[step], strict=True):
            in_front = camera.into_frame(xyz)[:, 2] > 0
            uv = (camera.project(xyz) + 0.5) * shrink - 0.5
            drawn = draw_skeleton(drawn, uv.float(), conf * in_front, excerpt.poses.skeleton)
        yield drawn


def _jpeg(image: UInt8[np.ndarray, "height width 3"]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(
        buffer, "JPEG", quality=72, subsampling=0, optimize=True
    )  # thin lines keep their colours
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _note(excerpt: Excerpt, clip: Clip, moving: MovingImages | None, unread: bool) -> str:
    first, last, total = excerpt.frames[0], excerpt.frames[-1], clip.frames
    part = f"all {total} frames" if last - first + excerpt.frames.step >= total else f"frames {first}-{last} of {total}"
    one = excerpt.poses.xyz.shape[1] == 1
    texts = [
        f"Shown: {part}. Drag to turn, wheel or two fingers to zoom, space to stop.",
        "Left is blue, right is orange." if one else "Every person in a colour of their own.",
        "Red rings and cones: two standard deviations of a camera's position and direction.",
        "In the images: the 3D joints, projected. They must lie on the person in every view." if moving else "",
        "The videos could not be read any more, so there are no images." if unread else "",
    ]
    return " ".join(text for text in texts if text)


def image_grid(sizes: Sequence[tuple[int, int]], height: int = 485, most: int = 520, gap: int = 8) -> tuple[int, int]:
    """Columns of the images beside the scene, and their width altogether, in pixels: as large as they can be.

    ``sizes``: width and height of each image; ``height``: of the scene, which they are not to exceed, nor the width
    ``most``.
    """
    views, aspect = len(sizes), sum(width for width, _ in sizes) / sum(height for _, height in sizes)

    def side(columns: int) -> float:
        rows = math.ceil(views / columns)
        return min((most + gap) / columns - gap, ((height + gap) / rows - gap) * aspect)

    columns = max(range(1, views + 1), key=side)
    return columns, round(columns * (side(columns) + gap) - gap)


def _views(clip: Clip, moving: MovingImages, first: int) -> str:
    """The images of the views at one of the moments."""
    shown = zip(clip.names, moving.jpegs, moving.sizes, strict=True)
    figures = "".join(_view(name, jpegs[first], size) for name, jpegs, size in shown)
    return f'<div class="views">{figures}</div>'


def _view(name: str, jpeg: str, size: tuple[int, int]) -> str:
    name = html.escape(name)
    return (
        f'<figure><img src="data:image/jpeg;base64,{jpeg}" width="{size[0]}" height="{size[1]}" alt="{name}">'
        f"<figcaption>{name}</figcaption></figure>"
    )
