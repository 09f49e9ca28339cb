"""Selection of one person per image from the people that a detector finds, with box, keypoints and reading.

In a photo that is the largest confident person, in a video the one with the longest track (and, while that one is out
of sight, the one with the next longest). A video's person is known at its end, and its images are decoded once: so
everybody who may be it is read as the images go by, at most the four largest confident people of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from epipose.detection.base import Detection, Detector
from epipose.detection.tracklets import tracklets_from_detections
from epipose.inference.crop_readings import CropReadings
from epipose.inference.followed_person import prominence
from epipose.inference.person_keypoints import PersonKeypoints, person_of
from epipose.io.image_source import ImageSource
from epipose.io.progress import progress
from epipose.network.choices import CropKind
from epipose.network.reading import OwnAnswer, PoseReading, cat_readings
from epipose.skeleton import Skeleton

_CANDIDATES = 4  # of a video's image


class MainPerson(NamedTuple):
    """The person of every image, what was read of them, and width and height of the images.

    Rows without a person hold zeros.
    """

    person: PersonKeypoints
    reading: PoseReading | None
    sizes: list[tuple[int, int]]


def main_person(
    images: ImageSource,
    detector: Detector,
    skeleton: Skeleton,
    margin: float,
    crop: CropKind,
    readings: CropReadings | None = None,
) -> MainPerson:
    """The one person to predict in every image.

    ``skeleton``, ``margin`` and ``crop`` are those of the network that predicts. ``readings`` reads people of detectors
    that do not themselves. Boxes of readings are the squares that were read. Nobody is in frames that are lost.
    """
    frames: list[list[Detection]] = []
    sizes: list[tuple[int, int]] = []
    most = 1 if images.fps is None else _CANDIDATES
    shown = progress(images.read(), total=images.total, desc="people in images", unit="frame")
    for number, image in enumerate(shown):
        if images.fps is None:
            detector.reset()
        frames.append([] if number in images.lost else _candidates(detector(image), most))
        sizes.append(image.shape[1::-1])
        if readings is not None:
            readings.add(frames[-1], image)
    if readings is not None:
        readings.finish()
    joints = len(detector.skeleton.joints)
    xy, conf = _only(frames, joints) if images.fps is None else _longest(frames, joints, images.fps)
    keypoints = torch.from_numpy(xy).float(), torch.from_numpy(conf).float()
    person = person_of(*keypoints, detector.skeleton, skeleton, margin, crop)
    return MainPerson(*_with_readings(person, frames, xy, len(skeleton.joints)), sizes)


def _candidates(people: Sequence[Detection], most: int) -> list[Detection]:
    """The largest confident people in their order, without those of whom nothing was seen."""
    seen = [person for person in people if person.conf.any()]
    if len(seen) <= most:
        return seen
    kept = sorted(range(len(seen)), key=lambda place: -prominence(seen[place]))[:most]
    return [seen[place] for place in sorted(kept)]


def _with_readings(
    person: PersonKeypoints, frames: list[list[Detection]], xy: Float[np.ndarray, "image joint 2"], joints: int
) -> tuple[PersonKeypoints, PoseReading | None]:
    """The reading of each image's person, found among the detections by its keypoints, and the square it was read in."""
    first = next((one.reading for people in frames for one in people if one.reading is not None), None)
    if first is None:
        return person, None
    box, readings = torch.zeros_like(person.box), []
    for row, people in enumerate(frames):
        chosen = next((one for one in people if np.array_equal(one.xy, xy[row])), None)
        if chosen is None or chosen.reading is None or chosen.roi is None:
            readings.append(_nothing(joints, own=first.own is not None))
            continue
        box[row] = torch.from_numpy(chosen.roi.box).float()
        readings.append(chosen.reading)
    return person._replace(box=box), cat_readings(readings)


def _nothing(joints: int, *, own: bool) -> PoseReading:
    zero = torch.zeros(1, joints)
    answer = OwnAnswer(torch.zeros(1, joints, 2), zero, zero) if own else None
    return PoseReading(torch.zeros(1, joints, 3), torch.ones(1, joints, 3), answer)


def _only(frames: list[list[Detection]], joints: int) -> tuple[np.ndarray, np.ndarray]:
    xy, conf = np.zeros((len(frames), joints, 2)), np.zeros((len(frames), joints))
    for row, people in enumerate(frames):
        for person in people:
            xy[row], conf[row] = person.xy, person.conf
    return xy, conf


def _longest(frames: list[list[Detection]], joints: int, fps: float) -> tuple[np.ndarray, np.ndarray]:
    xy, conf = np.zeros((len(frames), joints, 2)), np.zeros((len(frames), joints))
    for track in tracklets_from_detections(frames, joints, fps):  # longest first; who comes back late is another track
        if not conf[track.seen].any():
            xy[track.seen], conf[track.seen] = track.xy[track.seen], track.conf[track.seen]
    return xy, conf
