"""Top-down detectors: a person finder, and a network that reads the keypoints of one person in a crop.

The crop is upright and of the shape that the network reads, with the person in its middle. MMPose makes it 1.25 times
as large as the person's box (GetBBoxCenterScale, TopdownAffine), which is about 1.4 times the extent of the keypoints.
The person finder is BlazePose's, which gives no box: it says where the hips are, and how far from them and in which
direction the body reaches. Measured in 40 images of four real videos, the crops made from that hold all keypoints, and
are 1.5 times as large as their extent (1.3 to 1.8 from the 10th to the 90th percentile).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.detection.base import Detection
from epipose.detection.one_stage import detection
from epipose.detection.person_finder import PersonFinder
from epipose.detection.roi import Pixels, Roi
from epipose.network.crops import ROI_MARGIN, crop_image, pixels_from_crop
from epipose.network.onnx_network import OnnxNetwork
from epipose.skeleton import Skeleton

PADDING = 1.06  # side of the crop over the circle about the hips that holds the body
WIDTH = 0.5  # of a person, over that circle

Decoder = Callable[[list[Tensor]], tuple[Tensor, Tensor]]  # outputs -> keypoints in pixels of the crop, confidence


class TopDown:
    """People found by a person finder and read by a network, image by image: nobody has a track number.

    See `BatchDetector`.
    """

    def __init__(
        self,
        network: OnnxNetwork,
        decode: Decoder,
        finder: PersonFinder,
        skeleton: Skeleton,
        *,
        min_score: float = 0.3,
        max_people: int = 8,
        batch_size: int = 8,
    ) -> None:
        """``min_score``: the least mean confidence of a person's joints."""
        self._network, self._decode, self._finder, self.skeleton = network, decode, finder, skeleton
        self._min_score, self._max_people, self.batch_size = min_score, max_people, batch_size

    def reset(self) -> None:
        """Nothing is kept from frame to frame."""

    def another(self) -> TopDown:
        """This one: it keeps nothing, so any number of videos can share it."""
        return self

    def __call__(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
        """The people in one image."""
        return self.batch([image])[0]

    def batch(self, images: Sequence[UInt8[np.ndarray, "height width 3"]]) -> list[list[Detection]]:
        """The people in each image, in the finder's order; the crops of all images are read together."""
        boxes = [self._boxes(image) for image in images]
        crops = [self._crop(image, box) for image, of_image in zip(images, boxes, strict=True) for box in of_image]
        if not crops:
            return [[] for _ in images]
        points, conf = self._decode(self._network(np.stack(crops)))
        every = torch.from_numpy(np.concatenate(boxes))
        xy = self._to_image(points.double(), every).numpy()
        people: list[list[Detection]] = []
        row = 0
        for image, of_image in zip(images, boxes, strict=True):
            rows = range(row, row + len(of_image))
            found = [_detection(xy[each], conf[each].double().numpy(), image) for each in rows]
            people.append([person for person in found if person.score >= self._min_score])
            row += len(of_image)
        return people

    def _boxes(self, image: np.ndarray) -> Float[np.ndarray, "person 4"]:
        """Centre, side and no angle of the square round each crop, nobody twice."""
        kept: list[Roi] = []
        for roi in self._finder(image):
            if len(kept) < self._max_people and not any(roi.same_person(other) for other in kept):
                kept.append(roi)
        shape = self._network.width / self._network.height
        return np.array([[*roi.center, crop_side(roi, shape), 0.0] for roi in kept]).reshape(-1, 4)

    def _crop(self, image: np.ndarray, box: np.ndarray) -> UInt8[np.ndarray, "height width 3"]:
        """The middle columns or rows of a square crop, as the network's input is narrow or wide."""
        size, left, top = self._square
        whole = crop_image(image, box, size)
        return whole[top : top + self._network.height, left : left + self._network.width]

    def _to_image(
        self, points: Float[Tensor, "person joint 2"], boxes: Float[Tensor, "person 4"]
    ) -> Float[Tensor, "person joint 2"]:
        """Pixels of the crops in pixels of the image: the way of `_crop` back."""
        size, left, top = self._square
        return pixels_from_crop((points + points.new_tensor([left, top]) + 0.5) / size - 0.5, boxes)

    @property
    def _square(self) -> tuple[int, int, int]:
        """Side of the square round the input, and the corner of the input in it, in pixels."""
        width, height = self._network.width, self._network.height
        size = max(width, height)
        return size, (size - width) // 2, (size - height) // 2


class WholeImage:
    """A person finder for images that show one person, and nothing but them."""

    def __call__(self, image: Pixels) -> list[Roi]:
        """The square round a person who is as tall as the image."""
        height, width = image.shape[:2]
        return [Roi(np.array([width - 1, height - 1]) / 2, ROI_MARGIN * max(width, height), 0.0)]


def crop_side(roi: Roi, shape: float) -> float:
    """Side in pixels of the square that holds the crop of a person; ``shape``: the crop's width over its height.

    ``roi`` is the square about the hips, `ROI_MARGIN` times as large as the body, turned so that the head is above.
    """
    body = roi.side / ROI_MARGIN
    sin, cos = abs(np.sin(roi.angle)), abs(np.cos(roi.angle))
    width, height = body * (sin + WIDTH * cos), body * (cos + WIDTH * sin)
    return float(PADDING * max(height, width / shape) * max(1.0, shape))


def _detection(xy: np.ndarray, conf: np.ndarray, image: np.ndarray) -> Detection:
    score = float(np.nan_to_num(conf).clip(0, 1).mean())
    return detection(xy, conf, score, image)
