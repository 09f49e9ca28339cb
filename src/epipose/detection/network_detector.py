"""Detection of one person with the pretrained network, so that nothing need be downloaded.

The network outputs a pose for every square crop, with a person in it or without. What tells them apart is equivariance:
a person stays in place when the crop is shifted, while a false pose moves with it. So crops all over the image are
read, the best are centred on the keypoints that they showed, a few times over, and in the end each is compared with
somewhat larger crops beside it. In a video the next frame begins with the crop where the last one ended.
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

WINDOW_SIDES = (1.25, 0.9, 0.6, 0.4)  # of the crops that are searched, over the image's longer side
MAX_CANDIDATES = 8  # crops that are centred and verified
CENTRING_ROUNDS = 2  # times that a crop is centred on the keypoints that it showed
PROBE_SHIFTS = ((0.15, 0.1, 1.3), (-0.15, -0.1, 1.3))  # crops to compare with: shifted by this, and as wide, in sides
JOINT_SPREAD = 0.07  # sides; standard deviation between readings of one joint
MIN_SCORE = 0.25
MIN_SIDE = 32.0  # pixels; a smaller person cannot be read


@dataclass(frozen=True)
class _Reading:
    """The network's output on crops of one image."""

    box: Float[Tensor, "box 3"]
    uvd: Float[Tensor, "box joint 3"]
    xy: Float[Tensor, "box joint 2"]  # pixels
    conf: Float[Tensor, "box joint"]  # 0 outside the image
    score: Float[Tensor, " box"]  # confidence that there is a person

    def at(self, rows: Tensor) -> _Reading:
        return _Reading(self.box[rows], self.uvd[rows], self.xy[rows], self.conf[rows], self.score[rows])


class NetworkDetector:
    """Detects the one person with the highest score, and tracks them; `reset` between videos."""

    def __init__(self, network: PoseReader, min_score: float = MIN_SCORE) -> None:
        """Below ``min_score``, in [0, 1], nobody is detected."""
        self.skeleton: Skeleton = network.skeleton
        self._network, self._min_score = network, min_score
        self._track = -1
        self.reset()

    def reset(self) -> None:
        """Forget the person: the next image belongs to another video."""
        self._box: Float[Tensor, "1 3"] | None = None

    def __call__(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
        """The person in the next frame of a video, or in one image after `reset`; or nobody."""
        found = None if self._box is None else self._verify(image, self._box)
        if found is None or float(found.score) < self._min_score:
            self._track += 1
            found = self._search(image)
        if float(found.score) < self._min_score:
            self._box = None
            return []
        self._box = self._recentred(found)
        return [self._detection(found, image)]

    def _search(self, image: np.ndarray) -> _Reading:
        """The largest person above the minimum score, anywhere in an image."""
        reading = self._read(image, windows(image.shape[1], image.shape[0]))
        reading = reading.at(reading.score.topk(min(MAX_CANDIDATES, len(reading.box))).indices)
        for _ in range(CENTRING_ROUNDS - 1):
            reading = self._read(image, self._recentred(reading))
        reading = self._verify(image, self._recentred(reading))
        certain = reading.score >= self._min_score
        main = reading.at((reading.score * (1 + certain * reading.box[:, 2])).argmax()[None])
        return self._verify(image, self._recentred(main))

    def _verify(self, image: np.ndarray, boxes: Float[Tensor, "box 3"]) -> _Reading:
        """Read crops; the score is the share of the keypoints (by confidence) that crops beside them show too."""
        moves = torch.tensor([(0.0, 0.0, 1.0), *PROBE_SHIFTS])[:, None]
        probes = torch.cat([boxes[:, :2] + moves[..., :2] * boxes[:, 2:], moves[..., 2:] * boxes[:, 2:]], -1)
        all_ = self._read(image, probes.flatten(0, 1))
        xy, conf = (part.unflatten(0, (len(moves), -1)) for part in (all_.xy, all_.conf))
        apart = (xy[1:] - xy[0]).norm(dim=-1).amax(0) / boxes[:, 2:]
        alike = torch.exp(-0.5 * (apart / JOINT_SPREAD) ** 2)
        score = (conf[0] * alike).sum(-1) / conf[0].sum(-1).clamp(min=1e-6)
        agreed = (conf[0] * alike).clamp(min=1e-3) * (conf[0] > 0)
        return _Reading(boxes, all_.uvd[: len(boxes)], xy[0], agreed, score)

    def _read(self, image: np.ndarray, boxes: Float[Tensor, "box 3"]) -> _Reading:
        crops = np.stack([crop_image(image, box.numpy(), self._network.input_size) for box in boxes])
        uvd, conf = self._network.read(torch.from_numpy(crops), torch.device("cpu"))
        xy = pixels_from_crop(uvd[..., :2], boxes)
        size = torch.tensor([image.shape[1], image.shape[0]])
        conf = conf * ((xy >= -0.5) & (xy <= size - 0.5)).all(-1)
        return _Reading(boxes, uvd, xy, conf, conf.mean(-1))

    def _recentred(self, reading: _Reading) -> Float[Tensor, "box 3"]:
        """The crops centred on what was read; where that lies outside the image, the same crops again."""
        boxes = box_around(reading.xy, reading.conf, self._network.margin)
        boxes = torch.where(boxes[:, 2:] > 0, boxes, reading.box)
        return torch.cat([boxes[:, :2], boxes[:, 2:].clamp(min=MIN_SIDE)], -1)

    def _detection(self, found: _Reading, image: np.ndarray) -> Detection:
        xy, conf = (part[0].double().numpy() for part in (found.xy, found.conf))
        camera = stack_cameras([assumed_camera(image.shape[1], image.shape[0])]).to(torch.float32)
        xyz = pose_from_crop(found.uvd, camera, found.box, self.skeleton, self._network.bone_lengths)[0]
        return Detection(xy, conf, float(found.score), xyz.double().numpy(), self._track)


def windows(width: int, height: int) -> Float[Tensor, "window 3"]:
    """Square crops (centre and side in pixels) of several sizes all over an image, neighbours overlapping by half."""
    boxes = []
    for share in WINDOW_SIDES:
        side = share * max(width, height)
        columns, rows = (_centres(extent, side) for extent in (width, height))
        boxes += [(x, y, side) for y in rows for x in columns]
    return torch.tensor(boxes)


def _centres(extent: int, side: float) -> list[float]:
    """Middles of intervals that cover ``extent`` pixels, each overlapping the next by half at least."""
    beyond = max(extent - side, 0.0)
    count = math.ceil(beyond / (side / 2)) + 1
    return np.linspace((extent - 1 - beyond) / 2, (extent - 1 + beyond) / 2, count).tolist()


def network_detector() -> NetworkDetector:
    """The detector with the pretrained network; raises EpiposeError where that is missing."""
    return NetworkDetector(load_reader(pretrained_model()))
