"""One-stage detectors: a network that finds everybody in an image, with their keypoints, at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.detection.base import Detection
from epipose.detection.letterbox import Letterbox, letterbox
from epipose.network.keypoint_decoding import PeopleRows, distinct
from epipose.network.onnx_network import OnnxNetwork
from epipose.skeleton import Skeleton


class OneStage:
    """People in whole images, each read by itself: nobody has a track number (see `BatchDetector`)."""

    def __init__(
        self,
        network: OnnxNetwork,
        rows: Callable[[list[Tensor]], list[PeopleRows]],
        skeleton: Skeleton,
        *,
        min_score: float = 0.3,
        overlap: float = 0.65,
        max_people: int = 8,
        batch_size: int = 8,
    ) -> None:
        """``rows`` reads the network's outputs; ``min_score`` and ``overlap``: see `distinct`."""
        self._network, self._rows, self.skeleton = network, rows, skeleton
        self._min_score, self._overlap, self._max_people = min_score, overlap, max_people
        self.batch_size = batch_size

    def reset(self) -> None:
        """Nothing is kept from frame to frame."""

    def another(self) -> OneStage:
        """This one: it keeps nothing, so any number of videos can share it."""
        return self

    def __call__(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
        """The people in one image."""
        return self.batch([image])[0]

    def batch(self, images: Sequence[UInt8[np.ndarray, "height width 3"]]) -> list[list[Detection]]:
        """The people in each image, the surest first."""
        boxed = [letterbox(image, self._network.width, self._network.height) for image in images]
        found = self._rows(self._network(np.stack([each.image for each in boxed])))
        people = [distinct(rows, self._min_score, self._overlap) for rows in found]
        return [
            [_detection(points, float(score), box, image) for score, points in zip(rows[1], rows[2], strict=True)]
            for rows, box, image in zip(map(self._first, people), boxed, images, strict=True)
        ]

    def _first(self, people: PeopleRows) -> PeopleRows:
        return PeopleRows(*(of[: self._max_people] for of in people))


def _detection(points: Tensor, score: float, box: Letterbox, image: np.ndarray) -> Detection:
    """One person's keypoints (joint, 3) of the letterboxed image as a detection in the image itself."""
    xy = box.to_image(points[:, :2].double()).numpy()
    return detection(xy, points[:, 2].double().numpy(), score, image)


def detection(
    xy: Float[np.ndarray, "joint 2"],
    conf: Float[np.ndarray, " joint"],
    score: float,
    image: UInt8[np.ndarray, "height width 3"],
) -> Detection:
    """A person as a network answered; a joint whose place is no number (half precision overflows) is missing."""
    placed = np.isfinite(xy).all(-1, keepdims=True)
    return Detection(np.where(placed, xy, 0.0), seen(xy, conf, image), score, None, -1)


def seen(
    xy: Float[np.ndarray, "joint 2"], conf: Float[np.ndarray, " joint"], image: UInt8[np.ndarray, "height width 3"]
) -> Float[np.ndarray, " joint"]:
    """Confidence within [0, 1], and 0 outside the image and where a network answered no number."""
    inside = ((xy >= -0.5) & (xy <= np.array(image.shape[1::-1]) - 0.5)).all(-1)
    return np.nan_to_num(conf, nan=0.0).clip(0, 1) * inside
