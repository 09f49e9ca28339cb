"""Drawings of predictions: the skeleton over the photo, the 3D pose from front and side, and contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.skeleton import Skeleton
from epipose.viz.plots import draw_skeleton

_BACKGROUND = (30, 32, 38)


def overlay(
    image: UInt8[np.ndarray, "height width 3"],
    uv: Float[Tensor, "joint 2"],
    xyz: Float[Tensor, "joint 3"],
    conf: Float[Tensor, " joint"],
    skeleton: Skeleton,
    height: int = 640,
) -> UInt8[np.ndarray, "out_height out_width 3"]:
    """The RGB image with the skeleton at pixels ``uv``, beside the pose ``xyz`` (camera frame) from front and side.

    Scaled to ``height`` (even, and so is the width). The side view looks from the camera's right: the camera stands to
    its left. Nothing is drawn for joints of ``conf`` 0.
    """
    return drawn_over(shrunk(image, height), image.shape[1::-1], uv, xyz, conf, skeleton)


def shrunk(
    image: UInt8[np.ndarray, "height width 3"], height: int = 640
) -> UInt8[np.ndarray, "out_height out_width 3"]:
    """An image scaled to ``height``, its width even."""
    factor = height / image.shape[0]
    width = max(round(image.shape[1] * factor / 2) * 2, 2)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)


def drawn_over(
    small: UInt8[np.ndarray, "height width 3"],
    size: tuple[int, int],
    uv: Float[Tensor, "joint 2"],
    xyz: Float[Tensor, "joint 3"],
    conf: Float[Tensor, " joint"],
    skeleton: Skeleton,
) -> UInt8[np.ndarray, "out_height out_width 3"]:
    """`overlay` of an image that is `shrunk` already and had this width and height before; ``uv`` are pixels of that."""
    height, width = small.shape[:2]
    scale = torch.tensor([width / size[0], height / size[1]])
    photo = draw_skeleton(small, (uv + 0.5) * scale - 0.5, conf, skeleton)
    panel = height // 2
    front = _view_of(xyz[:, [0, 1]], conf, skeleton, panel, "from the camera")
    side = _view_of(xyz[:, [2, 1]], conf, skeleton, height - panel, "from its right")
    whole = np.empty((height, (width + panel) // 2 * 2, 3), np.uint8)
    whole[:, :width], shown = photo, whole.shape[1] - width
    whole[:panel, width:] = front[:, :shown]
    whole[panel:, width:] = cv2.resize(side, (panel, height - panel))[:, :shown]
    return whole


def _view_of(plane: Tensor, conf: Tensor, skeleton: Skeleton, size: int, title: str) -> np.ndarray:
    """A pose seen along an axis, filling 80 % of a square of its own."""
    canvas = _blank(size).copy()
    seen = plane[conf > 0]
    if len(seen):
        low, high = seen.amin(0), seen.amax(0)
        pixels = 0.8 * size / float((high - low).max().clamp(min=1e-6))
        canvas = draw_skeleton(canvas, (plane - (low + high) / 2) * pixels + size / 2, conf, skeleton)
    cv2.putText(canvas, title, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (190, 194, 204), 1, cv2.LINE_AA)
    return canvas


@lru_cache(maxsize=4)
def _blank(size: int) -> np.ndarray:
    """An empty square, which nobody changes."""
    return np.full((size, size, 3), _BACKGROUND, np.uint8)


def contact_sheet(
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]], columns: int = 4, height: int = 360
) -> UInt8[np.ndarray, "height width 3"]:
    """Images side by side in rows, all scaled to one height."""
    small = [cv2.resize(p, (max(1, round(p.shape[1] * height / p.shape[0])), height)) for p in images]
    width = max(image.shape[1] for image in small)
    columns = min(columns, len(small))
    rows = -(-len(small) // columns)
    sheet = np.full((rows * height, columns * width, 3), _BACKGROUND, np.uint8)
    for index, image in enumerate(small):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height, left : left + image.shape[1]] = image
    return sheet
