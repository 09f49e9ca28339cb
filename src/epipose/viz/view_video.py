"""Video of a clip: a grid of all views with their skeletons, and the turning 3D scene beside, as .mp4 or .gif.

It plays in a loop without a jump: over ten seconds and more the scene turns round once or several times, in a shorter
one it swings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from epipose.errors import InputError
from epipose.io.files import AnyPath, replacing
from epipose.io.progress import progress
from epipose.io.ranges import Factor, Range, check_value
from epipose.io.video import write_video
from epipose.io.writable import check_file
from epipose.viz.scene import Scene
from epipose.viz.scene_data import SceneData, scene_data
from epipose.viz.scene_drawing import BACKGROUND, draw_scene, draw_skeletons
from epipose.viz.viewer_page import frames_with_images

MP4_WIDTH, GIF_WIDTH = 1280, 640  # pixels
_MP4_FPS, _GIF_FPS = 30.0, 15.0
_MOST_GIF_FRAMES = 400
_SECONDS_A_TURN = 12.0
_SWING = math.radians(40)  # a second, at most
_GAP = 4  # pixels between images
_SCENE, _LOWEST, _TALLEST = 0.4, 0.4, 0.62  # width of the scene at least, height from and to; of the whole width
_STILL = 10  # levels by which a pixel of a GIF's images may differ and stay as it was: noise would triple the file
_WIDTHS = Range(least=160, most=7680, unit="pixels")
_SUFFIXES = (".mp4", ".gif")


def check_video(path: AnyPath) -> None:
    """Raise InputError unless a video can be written at a path and its name says mp4 or gif."""
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise InputError(f"--video {path} has the ending '{Path(path).suffix}'; expected .mp4 or .gif.")
    check_file(path, "--video")


def write_view_video(scene: Scene, path: AnyPath, *, width: int | None = None, speed: float = 1.0) -> None:
    """Write all views with their skeletons beside the turning 3D scene as .mp4 or .gif, by the path's ending.

    ``scene``: from `load_scene`. ``width``: of the video in pixels; by default 1280, of a GIF 640. ``speed``: below 1 is
    slow motion. Raises InputError for another ending, a speed or width that is none, and for a GIF of more than 400
    frames; for images it raises as `Clip.read`.
    """
    check_video(path)
    gif = Path(path).suffix.lower() == ".gif"
    width = width or (GIF_WIDTH if gif else MP4_WIDTH)
    check_value("speed", speed, Factor)
    check_value("width", width, Annotated[int, _WIDTHS])
    data = scene_data(scene, len(scene.frames), (_GIF_FPS if gif else _MP4_FPS) / speed)
    fps = data.fps / data.frames.step * speed
    if gif and data.steps > _MOST_GIF_FRAMES:
        raise InputError(
            f"The GIF would have {data.steps} frames, {_MOST_GIF_FRAMES} at most are written. Choose a part with "
            "--frames A:B, or write an .mp4."
        )
    images = iter(progress(_drawn(scene, data, width, fps, calm=gif), desc="video", total=data.steps, unit="frame"))
    if gif:
        _write_gif(Path(path), images, fps)
    else:
        write_video(path, images, fps)


def drawn_frame(
    scene: Scene, *, width: int = MP4_WIDTH, frame: int | None = None
) -> UInt8[np.ndarray, "height width 3"]:
    """One frame of `write_view_video` as an RGB image; the first one unless ``frame`` (of the clip) is given.

    Raises InputError for a frame that is not shown.
    """
    wanted = scene.frames.start if frame is None else frame
    data = scene_data(scene, len(scene.frames), math.inf)
    if wanted not in data.frames:
        raise InputError(f"There is no frame {wanted}; frames {scene.frames.start} to {scene.frames[-1]} are shown.")
    step = data.frames.index(wanted)
    return next(_drawn(scene, data, width, scene.fps, range(step, step + 1)))


def _drawn(
    scene: Scene, data: SceneData, width: int, fps: float, steps: range | None = None, *, calm: bool = False
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """The frames of the video, one after the other."""
    steps = range(data.steps) if steps is None else steps
    shown = data.cameras if data.uv.numel() or frames_with_images(scene) else ()
    shapes = [camera.size[0] / camera.size[1] for camera in shown]
    columns, tile, height = _grid(shapes, width)
    left, width = columns * (tile + _GAP), width // 2 * 2
    readers = [_images_of(scene, data, index, steps, tile, calm) for index in range(len(shown))]
    for step in steps:
        whole = np.full((height, width, 3), BACKGROUND, np.uint8)
        whole[:, left:] = draw_scene(data, step, _azimuth(data, step, fps), width - left, height)
        for index, reader in enumerate(readers):
            _place(whole, draw_skeletons(next(reader), data, index, step), index, columns, tile, shapes)
        yield whole


def _grid(shapes: list[float], width: int) -> tuple[int, int, int]:
    """Columns, width of an image and height of the whole, for the largest images of these shapes (width over height)."""
    best = (0, 0, round(width * _LOWEST / 2) * 2)
    for columns in range(1, len(shapes) + 1):
        rows = math.ceil(len(shapes) / columns)
        across = ((1 - _SCENE) * width - columns * _GAP) / columns
        down = (_TALLEST * width - (rows - 1) * _GAP) / rows * min(shapes)
        tile = max(1, int(min(across, down)))
        if tile > best[1]:
            tall = rows * round(tile / min(shapes)) + (rows - 1) * _GAP
            best = (columns, tile, max(tall, round(width * _LOWEST)) // 2 * 2)
    return best


def _place(whole: np.ndarray, image: np.ndarray, index: int, columns: int, tile: int, shapes: list[float]) -> None:
    """Put an image into the grid, which stands in the middle of the height."""
    rows, tall = math.ceil(len(shapes) / columns), round(tile / min(shapes))
    top = (whole.shape[0] - rows * tall - (rows - 1) * _GAP) // 2
    row, column = divmod(index, columns)
    y, x = max(0, top) + row * (tall + _GAP), column * (tile + _GAP)
    part = image[: whole.shape[0] - y, : whole.shape[1] - x]
    whole[y : y + part.shape[0], x : x + part.shape[1]] = part


def _images_of(scene: Scene, data: SceneData, camera: int, steps: range, tile: int, calm: bool) -> Iterator[np.ndarray]:
    """The images of a camera at some steps, so wide; grey ones in the place of those that there are not.

    ``calm``: pixels that hardly change stay as they are.
    """
    there, clip, name, size = (
        frames_with_images(scene),
        scene.clip,
        data.cameras[camera].name,
        data.cameras[camera].size,
    )
    tall = max(1, round(tile * size[1] / size[0]))
    wanted = [frame for frame in (data.frames[step] for step in steps) if frame in there]
    before = np.full((tall, tile, 3), 40, np.uint8)
    if clip is not None and name in clip.names and wanted:
        for image in clip.read(clip.views[clip.names.index(name)], wanted):
            small = cv2.resize(image, (tile, tall), interpolation=cv2.INTER_AREA)
            if calm:
                still = np.abs(small.astype(np.int16) - before).max(-1, keepdims=True) < _STILL
                small = np.where(still, before, small)
            before = small
            yield small
    yield from repeat(np.full((tall, tile, 3), 40, np.uint8))


def _azimuth(data: SceneData, step: int, fps: float) -> float:
    seconds, share = data.steps / fps, step / data.steps
    turns = math.floor(seconds / _SECONDS_A_TURN + 0.2)
    if turns:
        return data.viewpoint.azimuth + 2 * math.pi * turns * share
    swing = min(math.radians(50), _SWING * seconds / (2 * math.pi))
    return data.viewpoint.azimuth + swing * math.sin(2 * math.pi * share)


def _write_gif(path: Path, images: Iterable[UInt8[np.ndarray, "height width 3"]], fps: float) -> None:
    """All frames in the colours of the first."""
    coloured = (Image.fromarray(image) for image in images)
    first = next(coloured)
    palette = first.quantize(256, method=Image.Quantize.MEDIANCUT)
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in chain([first], coloured)]
    with replacing(path) as part:
        milliseconds = max(20, round(100 / fps) * 10)
        frames[0].save(part, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)
