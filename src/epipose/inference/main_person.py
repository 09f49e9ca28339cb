"""Selection of one person per image, with their box, from the people that a detector finds.

In a photo that is the largest confident person, in a video the one with the longest track (and, while that one is out
of sight, the one with the next longest).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from epipose.detection.base import Detection, Detector
from epipose.detection.tracklets import tracklets_from_detections
from epipose.io.image_source import ImageSource
from epipose.network.crops import box_around
from epipose.poses import in_skeleton
from epipose.skeleton import Skeleton


class PersonKeypoints(NamedTuple):
    """One person per image: the box (x, y, side; side 0 where nobody was found), and the keypoints with confidence."""

    box: Float[Tensor, "image 3"]
    xy: Float[Tensor, "image joint 2"]
    conf: Float[Tensor, "image joint"]

    def without_keypoints(self) -> PersonKeypoints:
        """The boxes alone. Keypoints of the pretrained detector are the network's own: agreement would prove nothing."""
        return self._replace(conf=torch.zeros_like(self.conf))


def main_person(images: ImageSource, detector: Detector, skeleton: Skeleton, margin: float) -> PersonKeypoints:
    """The one person to predict in every image.

    ``skeleton`` and ``margin`` are those of the network that predicts (see `person_of`).
    """
    frames = []
    for image in tqdm(images.read(), total=images.total, desc="people in images", unit="frame", delay=2, disable=None):
        if images.fps is None:
            detector.reset()
        frames.append(detector(image))
    joints = len(detector.skeleton.joints)
    xy, conf = _largest(frames, joints) if images.fps is None else _longest(frames, joints, images.fps)
    return person_of(torch.from_numpy(xy).float(), torch.from_numpy(conf).float(), detector.skeleton, skeleton, margin)


def person_of(
    xy: Float[Tensor, "image joint 2"],
    conf: Float[Tensor, "image joint"],
    found: Skeleton,
    wanted: Skeleton,
    margin: float,
) -> PersonKeypoints:
    """Keypoints of the skeleton ``found`` in that ``wanted`` by a network, and boxes of ``margin`` x their extent."""
    xy, conf = in_skeleton(xy, conf, found, wanted)
    return PersonKeypoints(box_around(xy, conf, margin), xy, conf)


def _largest(frames: list[list[Detection]], joints: int) -> tuple[np.ndarray, np.ndarray]:
    xy, conf = np.zeros((len(frames), joints, 2)), np.zeros((len(frames), joints))
    for row, people in enumerate(frames):
        if people := [person for person in people if person.conf.any()]:
            main = max(people, key=lambda person: person.score * np.ptp(person.xy[person.conf > 0], axis=0).max())
            xy[row], conf[row] = main.xy, main.conf
    return xy, conf


def _longest(frames: list[list[Detection]], joints: int, fps: float) -> tuple[np.ndarray, np.ndarray]:
    xy, conf = np.zeros((len(frames), joints, 2)), np.zeros((len(frames), joints))
    for track in tracklets_from_detections(frames, joints, fps):  # longest first; who comes back late is another track
        if not conf[track.seen].any():
            xy[track.seen], conf[track.seen] = track.xy[track.seen], track.conf[track.seen]
    return xy, conf
