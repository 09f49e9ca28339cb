"""Letterboxing: a whole image, made to fit a network's input, in the middle of a grey border."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

GREY = 114  # of the border, as YOLOX, RTMO and YOLO were trained


class Letterbox(NamedTuple):
    """The image in its border, and the way back: ``scale`` of its sides, and the corner at which it begins."""

    image: UInt8[np.ndarray, "height width 3"]
    scale: Float[Tensor, "2"]
    corner: Float[Tensor, "2"]

    def to_image(self, points: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n 2"]:
        """Pixels of the input in pixels of the image, centres at integers in both."""
        return (points - self.corner + 0.5) / self.scale - 0.5


def letterbox(image: UInt8[np.ndarray, "height width 3"], width: int, height: int) -> Letterbox:
    """An image within ``width`` x ``height`` pixels, its proportions kept, averaged where it shrinks."""
    size = np.array(image.shape[1::-1])
    ratio = float((np.array([width, height]) / size).min())
    inner = np.maximum(np.round(size * ratio).astype(int), 1)
    method = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, (int(inner[0]), int(inner[1])), interpolation=method)
    left, top = (int(value) for value in (np.array([width, height]) - inner) // 2)
    whole = np.full((height, width, 3), GREY, np.uint8)
    whole[top : top + inner[1], left : left + inner[0]] = small
    return Letterbox(whole, torch.from_numpy(inner / size).float(), torch.tensor([left, top]).float())
