"""A person drawn as seventeen coloured dots, in videos, and a detector that really finds the dots in the images."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np

from epipose.camera import Rig
from epipose.detection.base import Detection
from epipose.io.video import write_video
from epipose.skeletons import H36M17
from tests.helpers.synthetic import moving_skeleton, rig

# The corners, edges and faces of the colour cube that compression cannot confuse; black is the background.
_COLOURS = np.array([c for c in itertools.product((0, 128, 255), repeat=3) if max(c) == 255][:17], np.float32)
SIZE = 500


class Dots:
    """Each joint is the median place of the pixels that have its colour; hidden ones have confidence 0."""

    skeleton = H36M17

    def reset(self) -> None:
        """Nothing is kept from frame to frame."""

    def __call__(self, image):
        rows, columns = np.nonzero(image.max(-1) > 150)
        if not len(rows):
            return []
        apart = np.linalg.norm(image[rows, columns, None].astype(np.float32) - _COLOURS, axis=-1)
        nearest, sure = apart.argmin(-1), apart.min(-1) < 60
        xy, conf = np.zeros((17, 2)), np.zeros(17)
        for joint in range(17):
            mine = (nearest == joint) & sure
            if mine.sum() >= 15:
                xy[joint], conf[joint] = (np.median(columns[mine]), np.median(rows[mine])), 1.0
        return [Detection(xy, conf, 1.0, None, 0)]


def small_rig() -> Rig:
    """The real rig with images of 500 x 500, so that videos stay small."""
    return Rig(rig().names, rig().camera.resized(SIZE, SIZE))


def draw(uv: np.ndarray) -> np.ndarray:
    """Dots at pixels (17, 2) on black; what lies under another dot is hidden."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    for colour, (x, y) in zip(_COLOURS, uv, strict=True):
        cv2.circle(image, (round(float(x)), round(float(y))), 4, tuple(int(c) for c in colour), -1)
    return image


def videos(
    folder: Path, frames: int = 20, fps: float = 10.0, seed: int = 0, late: tuple[int, ...] = (0, 0, 0, 0)
) -> list[Path]:
    """Videos of the moving skeleton from the four cameras, each without its first ``late`` frames."""
    cameras = small_rig()
    folder.mkdir(parents=True, exist_ok=True)
    uv = cameras.camera.spread(2).project(moving_skeleton(frames, seed)).numpy()
    paths = [folder / f"{name}.mp4" for name in cameras.names]
    for path, view, first in zip(paths, uv, late, strict=True):
        write_video(path, (draw(joints) for joints in view[first:]), fps)
    return paths
