"""Finding the one main person with the pretrained network, so that nothing need be downloaded.

The network says a pose of every square that it is shown, with a person in it or without. What tells them apart is that
a person stays where they are when the square is moved, while an invented pose moves with it. So squares all over the
image are read, the surest are put round the joints that they showed, a few times over, and in the end each is
compared with what somewhat larger squares beside it show. In a video the next frame begins where the last one ended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.camera import assumed_camera, stack_cameras
from epipose.detection.base import Detection
from epipose.network.backends import PoseReader, load_reader
from epipose.network.crops import box_around, crop_image, pixels_from_crop, pose_from_crop
from epipose.network.pretrained import pretrained_model
from epipose.skeleton import Skeleton

SIDES = (1.25, 0.9, 0.6, 0.4)  # of the squares that are searched, over the image's longer side
KEPT = 8  # squares that are followed up
ROUNDS = 2  # times that a square is put round the joints that it showed
PROBES = ((0.15, 0.1, 1.3), (-0.15, -0.1, 1.3))  # squares to compare with: moved by this, and as wide, in sides
SPREAD = 0.07  # sides; by how much readings of one joint differ, one standard deviation
LEAST_SCORE = 0.25
LEAST_SIDE = 32.0  # pixels; whoever is smaller cannot be read


@dataclass(frozen=True)
class _Reading:
    """What squares of one image show."""

    box: Float[Tensor, "box 3"]
    uvd: Float[Tensor, "box joint 3"]
    xy: Float[Tensor, "box joint 2"]  # pixels
    conf: Float[Tensor, "box joint"]  # 0 outside the image
    score: Float[Tensor, " box"]  # how sure it is that there is a person

    def at(self, rows: Tensor) -> _Reading:
        return _Reading(self.box[rows], self.uvd[rows], self.xy[rows], self.conf[rows], self.score[rows])


class NetworkFinder:
    """Finds the one person whom a network reads best, and follows them; `reset` between videos."""

    def __init__(self, network: PoseReader, least_score: float = LEAST_SCORE) -> None:
        """Below ``least_score``, in [0, 1], nobody is found."""
        self.skeleton: Skeleton = network.skeleton
        self._network, self._least_score = network, least_score
        self._track = -1
        self.reset()

    def reset(self) -> None:
        """Forget the person: the next image belongs to another video."""
        self._box: Float[Tensor, "1 3"] | None = None

    def __call__(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
        """The person in the next frame of a video, or in one image after `reset`; or nobody."""
        found = None if self._box is None else self._checked(image, self._box)
        if found is None or float(found.score) < self._least_score:
            self._track += 1
            found = self._searched(image)
        if float(found.score) < self._least_score:
            self._box = None
            return []
        self._box = self._around(found)
        return [self._detection(found, image)]

    def _searched(self, image: np.ndarray) -> _Reading:
        """The largest sure person in an image of which nothing is known."""
        reading = self._read(image, windows(image.shape[1], image.shape[0]))
        reading = reading.at(reading.score.topk(min(KEPT, len(reading.box))).indices)
        for _ in range(ROUNDS - 1):
            reading = self._read(image, self._around(reading))
        reading = self._checked(image, self._around(reading))
        sure = reading.score >= self._least_score
        main = reading.at((reading.score * (1 + sure * reading.box[:, 2])).argmax()[None])
        return self._checked(image, self._around(main))

    def _checked(self, image: np.ndarray, boxes: Float[Tensor, "box 3"]) -> _Reading:
        """What squares show; the score is the share of it (by confidence) that squares beside them show too."""
        moves = torch.tensor([(0.0, 0.0, 1.0), *PROBES])[:, None]
        probes = torch.cat([boxes[:, :2] + moves[..., :2] * boxes[:, 2:], moves[..., 2:] * boxes[:, 2:]], -1)
        all_ = self._read(image, probes.flatten(0, 1))
        xy, conf = (part.unflatten(0, (len(moves), -1)) for part in (all_.xy, all_.conf))
        apart = (xy[1:] - xy[0]).norm(dim=-1).amax(0) / boxes[:, 2:]
        alike = torch.exp(-0.5 * (apart / SPREAD) ** 2)
        score = (conf[0] * alike).sum(-1) / conf[0].sum(-1).clamp(min=1e-6)
        sure = (conf[0] * alike).clamp(min=1e-3) * (conf[0] > 0)
        return _Reading(boxes, all_.uvd[: len(boxes)], xy[0], sure, score)

    def _read(self, image: np.ndarray, boxes: Float[Tensor, "box 3"]) -> _Reading:
        crops = np.stack([crop_image(image, box.numpy(), self._network.input_size) for box in boxes])
        uvd, conf = self._network.read(torch.from_numpy(crops), torch.device("cpu"))
        xy = pixels_from_crop(uvd[..., :2], boxes)
        size = torch.tensor([image.shape[1], image.shape[0]])
        conf = conf * ((xy >= -0.5) & (xy <= size - 0.5)).all(-1)
        return _Reading(boxes, uvd, xy, conf, conf.mean(-1))

    def _around(self, reading: _Reading) -> Float[Tensor, "box 3"]:
        """The squares round what was read; where that lies outside the image, the same squares again."""
        boxes = box_around(reading.xy, reading.conf, self._network.margin)
        boxes = torch.where(boxes[:, 2:] > 0, boxes, reading.box)
        return torch.cat([boxes[:, :2], boxes[:, 2:].clamp(min=LEAST_SIDE)], -1)

    def _detection(self, found: _Reading, image: np.ndarray) -> Detection:
        xy, conf = (part[0].double().numpy() for part in (found.xy, found.conf))
        camera = stack_cameras([assumed_camera(image.shape[1], image.shape[0])]).to(torch.float32)
        xyz = pose_from_crop(found.uvd, camera, found.box, self.skeleton, self._network.bone_lengths)[0]
        return Detection(xy, conf, float(found.score), xyz.double().numpy(), self._track)


def windows(width: int, height: int) -> Float[Tensor, "window 3"]:
    """Squares (centre and side in pixels) of several sizes all over an image, neighbours overlapping by half."""
    boxes = []
    for share in SIDES:
        side = share * max(width, height)
        columns, rows = (_centres(extent, side) for extent in (width, height))
        boxes += [(x, y, side) for y in rows for x in columns]
    return torch.tensor(boxes)


def _centres(extent: int, side: float) -> list[float]:
    """Middles of intervals that cover ``extent`` pixels, each overlapping the next by half at least."""
    beyond = max(extent - side, 0.0)
    count = math.ceil(beyond / (side / 2)) + 1
    return np.linspace((extent - 1 - beyond) / 2, (extent - 1 + beyond) / 2, count).tolist()


def finder() -> NetworkFinder:
    """The finder with the pretrained network; raises EpiposeError where that is missing."""
    return NetworkFinder(load_reader(pretrained_model()))
