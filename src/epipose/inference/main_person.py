"""Selection of one person per image from the people that a detector finds, with box, keypoints and reading.

In a photo that is the largest confident person, in a video the one with the longest track (and, while that one is out
of sight, the one with the next longest).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.detection.base import Detection, Detector
from epipose.detection.tracklets import tracklets_from_detections
from epipose.inference.followed_person import prominence
from epipose.io.image_source import ImageSource
from epipose.io.progress import progress
from epipose.network.choices import CropKind
from epipose.network.crops import crop_boxes
from epipose.network.reading import OwnAnswer, PoseReading, cat_readings
from epipose.poses import in_skeleton
from epipose.skeleton import Skeleton


class PersonKeypoints(NamedTuple):
    """One person per image: the box (side 0 where nobody was found), and the keypoints with confidence."""

    box: Float[Tensor, "image 4"]
    xy: Float[Tensor, "image joint 2"]
    conf: Float[Tensor, "image joint"]


class MainPerson(NamedTuple):
    """The person of every image, the reading where the detector gives one, and width and height of the images."""

    person: PersonKeypoints
    reading: PoseReading | None
    sizes: list[tuple[int, int]]


def main_person(
    images: ImageSource, detector: Detector, skeleton: Skeleton, margin: float, crop: CropKind
) -> MainPerson:
    """The one person to predict in every image.

    ``skeleton``, ``margin`` and ``crop`` are those of the network that predicts. With readings, boxes are the squares
    that were read, and rows without a person hold zeros.
    """
    frames, sizes = [], []
    for image in progress(images.read(), total=images.total, desc="people in images", unit="frame"):
        if images.fps is None:
            detector.reset()
        frames.append(detector(image))
        sizes.append(image.shape[1::-1])
    joints = len(detector.skeleton.joints)
    xy, conf = _largest(frames, joints) if images.fps is None else _longest(frames, joints, images.fps)
    keypoints = torch.from_numpy(xy).float(), torch.from_numpy(conf).float()
    person = person_of(*keypoints, detector.skeleton, skeleton, margin, crop)
    return MainPerson(*_with_readings(person, frames, xy, len(skeleton.joints)), sizes)


def person_of(
    xy: Float[Tensor, "image joint 2"],
    conf: Float[Tensor, "image joint"],
    found: Skeleton,
    wanted: Skeleton,
    margin: float,
    crop: CropKind,
) -> PersonKeypoints:
    """Keypoints of the skeleton ``found`` in that ``wanted`` by a network, and the boxes that it reads."""
    xy, conf = in_skeleton(xy, conf, found, wanted)
    return PersonKeypoints(crop_boxes(crop, xy, conf, wanted, margin), xy, conf)


def _with_readings(
    person: PersonKeypoints, frames: list[list[Detection]], xy: Float[np.ndarray, "image joint 2"], joints: int
) -> tuple[PersonKeypoints, PoseReading | None]:
    """The reading of each image's person, found among the detections by its keypoints, and the square it was read in."""
    if not any(detection.reading is not None for people in frames for detection in people):
        return person, None
    box, readings = torch.zeros_like(person.box), []
    for row, people in enumerate(frames):
        chosen = next((one for one in people if np.array_equal(one.xy, xy[row])), None)
        if chosen is None or chosen.reading is None or chosen.roi is None:
            readings.append(_nothing(joints))
            continue
        box[row] = torch.from_numpy(chosen.roi.box).float()
        readings.append(chosen.reading)
    return person._replace(box=box), cat_readings(readings)


def _nothing(joints: int) -> PoseReading:
    zero = torch.zeros(1, joints)
    own = OwnAnswer(torch.zeros(1, joints, 2), zero, zero)
    return PoseReading(torch.zeros(1, joints, 3), torch.ones(1, joints, 3), own)


def _largest(frames: list[list[Detection]], joints: int) -> tuple[np.ndarray, np.ndarray]:
    xy, conf = np.zeros((len(frames), joints, 2)), np.zeros((len(frames), joints))
    for row, people in enumerate(frames):
        if people := [person for person in people if person.conf.any()]:
            main = max(people, key=prominence)
            xy[row], conf[row] = main.xy, main.conf
    return xy, conf


def _longest(frames: list[list[Detection]], joints: int, fps: float) -> tuple[np.ndarray, np.ndarray]:
    xy, conf = np.zeros((len(frames), joints, 2)), np.zeros((len(frames), joints))
    for track in tracklets_from_detections(frames, joints, fps):  # longest first; who comes back late is another track
        if not conf[track.seen].any():
            xy[track.seen], conf[track.seen] = track.xy[track.seen], track.conf[track.seen]
    return xy, conf
