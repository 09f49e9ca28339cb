"""Person finders: where people are in a whole image, as squares for the landmark network.

`PersonDetector` is BlazePose's own, made for it and downloaded. `LandmarkFinder` needs no download: it looks with the
landmark network itself, through windows all over the image. That network says whether it sees a person, and where the
square should have been; a few looks later the square is right. It also takes a leg or a trunk for a whole small person:
whose keypoints all lie on the limbs of a larger person is no other one.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float

from epipose.detection.roi import Pixels, Roi
from epipose.network.blazepose import CROP_SIDE, HIPS, LANDMARKS, RIM
from epipose.network.crop_network import CropNetwork
from epipose.skeletons import BLAZEPOSE33

DETECTOR_SIZE = 224
WINDOW_SIDES = (1.0, 0.6, 0.4)  # of the windows that are searched, over the image's longer side
CANDIDATES = 6  # windows that are followed
LOOKS = 2  # at a candidate, each in the square that the one before asked for
MIN_SIDE = 32.0  # pixels; a smaller person cannot be read
# Of parts of drawn people that are taken for people, 16 of 17 have all their keypoints nearer to a limb of the whole than
# this share of its trunk; of smaller people pasted in front of others none has more than 0.79.
ON_LIMB, ON_BODY = 0.35, 0.85
_LIMBS = np.array([(child, parent) for child, parent in enumerate(BLAZEPOSE33.parents) if parent >= 0])
_TRUNK = [[BLAZEPOSE33.index(f"{side}_{end}") for side in ("left", "right")] for end in ("shoulder", "hip")]


@runtime_checkable
class PersonFinder(Protocol):
    """Finds the squares of the people in an image, the most certain first."""

    def __call__(self, image: Pixels) -> list[Roi]:
        """The people in one image."""
        ...


class PersonDetector:
    """BlazePose's person detector on the whole image, made small."""

    def __init__(self, network: CropNetwork, min_score: float = 0.3) -> None:
        """``min_score`` in [0, 1] is the least for a person."""
        self._network, self._min_score = network, min_score

    def __call__(self, image: Pixels) -> list[Roi]:
        """See `PersonFinder`."""
        whole = Roi.whole(image.shape[1], image.shape[0])
        boxes, logits = self._network(whole.crop(image, DETECTOR_SIZE)[None])
        points, scores = _decode(boxes[0], logits[0, :, 0])
        corners = np.concatenate([points[:, 0] - points[:, 1] / 2, points[:, 1]], -1)
        kept = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), self._min_score, 0.3)
        keypoints = whole.to_image(points[np.asarray(kept, int).reshape(-1), 2:4])
        return [Roi.around(hips, rim) for hips, rim in keypoints]


class LandmarkFinder:
    """The landmark network in windows all over the image, followed to where it sees a person."""

    def __init__(self, landmarks: CropNetwork, min_score: float = 0.5) -> None:
        """``landmarks`` gives landmarks and score first; ``min_score`` in [0, 1] is the least for a person."""
        self._landmarks, self._min_score = landmarks, min_score

    def __call__(self, image: Pixels) -> list[Roi]:
        """See `PersonFinder`."""
        looks = self._look(image, windows(image.shape[1], image.shape[0]))
        looks = sorted(looks, key=lambda look: -look.score)[:CANDIDATES]
        for _ in range(LOOKS):
            looks = self._look(image, [look.wanted for look in looks])
        found: list[_Look] = []
        for look in sorted(looks, key=lambda look: -look.score * look.wanted.side):
            if look.score >= self._min_score and not any(look.same_person(other) for other in found):
                found.append(look)
        return [look.wanted for look in found]

    def _look(self, image: Pixels, squares: list[Roi]) -> list[_Look]:
        """What the network sees in each square."""
        landmarks, scores, *_ = self._landmarks(np.stack([square.crop(image, CROP_SIDE) for square in squares]))
        points = landmarks.reshape(len(squares), -1, 5)[..., :2].astype(np.float64) / CROP_SIDE
        looks = []
        for square, score, point in zip(squares, scores.reshape(-1), points, strict=True):
            xy = square.to_image(point)
            wanted = Roi.around(xy[HIPS], xy[RIM])
            inside = bool(((xy[HIPS] >= 0) & (xy[HIPS] < np.array(image.shape[1::-1]))).all())
            wanted = wanted if inside and wanted.side >= MIN_SIDE else square
            looks.append(_Look(float(score), xy[:LANDMARKS], wanted))
        return looks


class _Look(NamedTuple):
    """How sure the network is of a person in a square, the keypoints, and the square that it would rather have seen."""

    score: float
    xy: Float[np.ndarray, "33 2"]
    wanted: Roi

    def same_person(self, larger: _Look) -> bool:
        """Whether this is the person of a larger square, or a part of them."""
        return self.wanted.same_person(larger.wanted) or on_body(self.xy, larger.xy) >= ON_BODY


def on_body(xy: Float[np.ndarray, "n 2"], body: Float[np.ndarray, "33 2"]) -> float:
    """Share of points (pixels) that lie on a body: nearer to one of its limbs than ``ON_LIMB`` of its trunk's length."""
    start, end = body[_LIMBS[:, 0]], body[_LIMBS[:, 1]]
    way, to = end - start, xy[:, None] - start
    along = (to * way).sum(-1) / np.maximum((way * way).sum(-1), 1e-9)
    apart = np.linalg.norm(to - np.clip(along, 0, 1)[..., None] * way, axis=-1).min(1)
    shoulders, hips = (body[ends].mean(0) for ends in _TRUNK)
    return float((apart < ON_LIMB * np.linalg.norm(shoulders - hips)).mean())


def windows(width: int, height: int) -> list[Roi]:
    """Upright squares of several sizes all over an image, neighbours overlapping by half."""
    squares = []
    for share in WINDOW_SIDES:
        side = share * max(width, height)
        columns, rows = (_centres(extent, side) for extent in (width, height))
        squares += [Roi(np.array([x, y]), side, 0.0) for y in rows for x in columns]
    return squares


def _centres(extent: int, side: float) -> list[float]:
    """Middles of intervals that cover ``extent`` pixels, each overlapping the next by half at least."""
    beyond = max(extent - side, 0.0)
    count = math.ceil(beyond / (side / 2)) + 1
    return np.linspace((extent - 1 - beyond) / 2, (extent - 1 + beyond) / 2, count).tolist()


def anchors() -> Float[np.ndarray, "2254 2"]:
    """Centres of the detector's anchors in units of the image: two per cell for each layer of a stride."""
    grids = []
    for stride, count in ((8, 2), (16, 2), (32, 6)):
        cells = DETECTOR_SIZE // stride
        centers = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(centers, centers), -1).reshape(-1, 2)
        grids.append(np.repeat(grid, count, axis=0))
    return np.concatenate(grids)


def _decode(
    boxes: Float[np.ndarray, "anchor 12"], logits: Float[np.ndarray, " anchor"]
) -> tuple[Float[np.ndarray, "anchor 6 2"], Float[np.ndarray, " anchor"]]:
    """Box centre, box size and four keypoints per anchor, in units of the square image, and scores."""
    points = boxes.reshape(-1, 6, 2).astype(np.float64) / DETECTOR_SIZE
    points[:, [0, 2, 3, 4, 5]] += anchors()[:, None]
    return points, 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -50, 50)))
