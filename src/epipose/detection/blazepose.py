"""BlazePose: a person detector and a landmark network, run frame by frame with tracking (Bazarevsky et al. 2020).

A person finder (see `person_finder`) looks for people in the whole image. The landmark network locates 33 keypoints in
a rotated square round one person (see `roi`), and two more points that place the square in the next frame. So people
are tracked without the finder, which runs only every few frames, more rarely while it finds nobody new, and when
someone was lost. Several people are tracked
at once: the subject is chosen by agreement of the views (see `epipose.people.subject`), not in one image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64

from epipose.detection.base import Detection
from epipose.detection.person_finder import DETECTOR_SIZE, LandmarkFinder, PersonDetector, PersonFinder
from epipose.detection.roi import Pixels, Roi
from epipose.network.blazepose import (
    CROP_SIDE,
    HIPS,
    LANDMARKS,
    RIM,
    LandmarkReading,
    Variant,
    landmark_reading,
    load_landmarks,
    load_person_detector,
    refined_points,
)
from epipose.network.blazepose_weights import DETECTION
from epipose.network.crop_network import CropNetwork, crop_network
from epipose.network.graph_net import GraphNet
from epipose.network.reading import PoseReading
from epipose.skeleton import Skeleton
from epipose.skeletons import BLAZEPOSE33

POSE_SCORE = 0.5  # the least score of a person
RARER = 3  # times as many frames lie between two searches, at most, while nobody new is found
Head = Callable[[LandmarkReading], PoseReading]  # a `TokenHead`, or one that another program runs


@dataclass
class _Tracked:
    id: int
    roi: Roi


class BlazePose:
    """Tracks up to ``max_people``; searches for new ones every ``search_every`` frames. Call `reset` between videos.

    While nobody new is found, the next search comes later each time, after up to `RARER` times as many frames.
    """

    skeleton: Skeleton = BLAZEPOSE33
    takes_planes: bool = True

    def __init__(
        self,
        finder: PersonFinder,
        landmarks: CropNetwork,
        head: Head | None = None,
        *,
        search_every: int = 10,
        max_people: int = 4,
        pose_score: float = POSE_SCORE,
    ) -> None:
        """Take the networks (see `blazepose`); with a ``head``, detections carry its reading.

        ``pose_score``, in [0, 1], is the least for a person. A landmark network with a head gives its taps, too.
        """
        self._finder, self._landmarks, self._head = finder, landmarks, head
        self._search_every, self._max_people, self._pose_score = search_every, max_people, pose_score
        self.reset()

    def another(self) -> BlazePose:
        """One for another video at the same time, in another thread perhaps: it shares the networks, not the people."""
        return BlazePose(
            self._finder,
            self._landmarks,
            self._head,
            search_every=self._search_every,
            max_people=self._max_people,
            pose_score=self._pose_score,
        )

    def reset(self) -> None:
        """Forget everyone: the next image belongs to another video."""
        self._tracks: list[_Tracked] = []
        self._next_id = 0
        self._wait, self._until_search = self._search_every, 0  # frames

    def __call__(self, image: Pixels) -> list[Detection]:
        """The people in the next frame of a video, or in one image after `reset`."""
        if self._until_search <= 0:
            before = self._next_id
            self._add_new_people(image)
            rarer = min(self._wait + self._search_every, RARER * self._search_every)
            self._wait = self._until_search = rarer if self._next_id == before else self._search_every
        found: list[tuple[_Tracked, Detection]] = []
        for track, (detection, roi) in zip(self._tracks, self._poses(image, self._tracks, self._head), strict=True):
            if detection.score >= self._pose_score and not any(roi.same_person(other.roi) for other, _ in found):
                track.roi = roi
                found.append((track, detection))
        self._until_search -= 1
        if len(found) < len(self._tracks) or not found:
            self._wait, self._until_search = self._search_every, 0
        self._tracks = [track for track, _ in found]
        return [detection for _, detection in found]

    def _add_new_people(self, image: Pixels) -> None:
        candidates = self._finder(image) if len(self._tracks) < self._max_people else []
        while candidates and (free := self._max_people - len(self._tracks)):
            new = [_Tracked(-1, roi) for roi in candidates[:free] if not self._tracked(roi)]
            candidates = candidates[free:]
            for candidate, (_, roi) in zip(new, self._poses(image, new), strict=True):
                if not self._tracked(candidate.roi):
                    self._tracks.append(_Tracked(self._next_id, roi))  # the landmarks place it better than the detector
                    self._next_id += 1

    def _tracked(self, roi: Roi) -> bool:
        return any(roi.same_person(track.roi) for track in self._tracks)

    def _poses(
        self, image: Pixels, people: Sequence[_Tracked], head: Head | None = None
    ) -> list[tuple[Detection, Roi]]:
        """The pose of each person as read in their square, with the head's reading, and the square round the pose."""
        if not people:
            return []
        outputs = self._landmarks(np.stack([person.roi.crop(image, CROP_SIDE) for person in people]))
        read = landmark_reading([torch.from_numpy(output) for output in outputs])
        readings = _readings(read, head)
        with torch.inference_mode():
            exact = read._replace(landmarks=read.landmarks.double(), world=read.world.double())
            numbers = refined_points(exact), exact.landmarks[..., 3:].sigmoid().prod(-1), exact.world, exact.score
        size = np.array(image.shape[1::-1])
        return [
            _pose(person, tuple(part.numpy() for part in parts), size, reading)
            for person, reading, *parts in zip(people, readings, *numbers, strict=True)
        ]


def _readings(read: LandmarkReading, head: Head | None) -> Sequence[PoseReading | None]:
    """The head's reading of every crop, each a batch of one; None without a head."""
    if head is None:
        return [None] * len(read.score)
    with torch.inference_mode():
        reading = head(read)
    return [reading.at(slice(row, row + 1)) for row in range(len(read.score))]


def _pose(
    person: _Tracked, numbers: tuple[np.ndarray, ...], size: Int64[np.ndarray, "2"], reading: PoseReading | None
) -> tuple[Detection, Roi]:
    """The pose that was read in one crop: points in crop widths, how well they are seen, world landmarks, score."""
    points, seen, world, score = numbers
    roi = person.roi
    xy = roi.to_image(points)
    conf = seen * ((xy >= -0.5) & (xy <= size - 0.5)).all(-1)
    xyz = world[:LANDMARKS].copy()
    xyz[:, :2] = xyz[:, :2] @ roi.axes.T
    detection = Detection(xy[:LANDMARKS], conf[:LANDMARKS], float(score), xyz, person.id, roi, reading)
    return detection, Roi.around(xy[HIPS], xy[RIM])


def blazepose(
    variant: Variant,
    threads: int = 2,
    device: str = "cpu",
    *,
    search_every: int = 10,
    max_people: int = 4,
    pose_score: float = POSE_SCORE,
) -> BlazePose:
    """BlazePose with a landmark network, "full" or "heavy", and its own person detector; downloaded the first time.

    ``threads`` of ONNX Runtime on the processor; ``device``: see `crop_network`; the rest: see `BlazePose`. Raises
    InputError for a device that is not there, EpiposeError that lists what was tried where no download worked.
    """
    network = load_landmarks(variant).network
    reading = network.pruned(network.graph.outputs[:4])  # without the taps
    finder, landmarks = person_detector(threads, device), landmark_crops(reading, threads, device)
    return BlazePose(finder, landmarks, search_every=search_every, max_people=max_people, pose_score=pose_score)


def pose_detector(landmarks: CropNetwork, head: Head, threads: int = 2) -> BlazePose:
    """BlazePose whose detections carry the reading of a head on its landmark network: each crop is read once.

    ``landmarks`` gives its taps, too. People are found by BlazePose's person detector where the cache has it, else by
    the landmark network itself.
    """
    finder = person_detector(threads) if DETECTION.cached else LandmarkFinder(landmarks)
    return BlazePose(finder, landmarks, head)


def person_detector(threads: int = 2, device: str = "cpu") -> PersonDetector:
    """BlazePose's person detector from the cache, downloaded the first time; raises as `blazepose`."""
    network = load_person_detector()
    return PersonDetector(
        crop_network(network, DETECTOR_SIZE, scale=1 / 127.5, offset=-1.0, threads=threads, device=device)
    )


def landmark_crops(network: GraphNet, threads: int = 2, device: str = "cpu") -> CropNetwork:
    """A landmark network that reads crops of bytes."""
    return crop_network(network, CROP_SIDE, scale=1 / 255, threads=threads, device=device)


def full(
    *,
    threads: int = 2,
    device: str = "cpu",
    search_every: int = 10,
    max_people: int = 4,
    pose_score: float = POSE_SCORE,
) -> BlazePose:
    """BlazePose with the full landmark network (6 MB)."""
    return blazepose(
        "full", threads, device, search_every=search_every, max_people=max_people, pose_score=pose_score
    )  # fmt: skip


def heavy(
    *,
    threads: int = 2,
    device: str = "cpu",
    search_every: int = 10,
    max_people: int = 4,
    pose_score: float = POSE_SCORE,
) -> BlazePose:
    """BlazePose with the heavy landmark network (28 MB, slower)."""
    return blazepose(
        "heavy", threads, device, search_every=search_every, max_people=max_people, pose_score=pose_score
    )  # fmt: skip


def packaged(
    *,
    threads: int = 2,
    device: str = "cpu",
    search_every: int = 10,
    max_people: int = 4,
    pose_score: float = POSE_SCORE,
) -> BlazePose:
    """BlazePose full from the package, without a download: the landmark network finds people by itself."""
    landmarks = _packaged_landmarks(threads, device)
    finder = LandmarkFinder(landmarks)
    return BlazePose(finder, landmarks, search_every=search_every, max_people=max_people, pose_score=pose_score)


def packaged_finder(threads: int = 2, device: str = "cpu") -> LandmarkFinder:
    """A person finder that needs no download."""
    return LandmarkFinder(_packaged_landmarks(threads, device))


def _packaged_landmarks(threads: int, device: str) -> CropNetwork:
    network = load_landmarks("full").network
    return landmark_crops(network.pruned(network.graph.outputs[:4]), threads, device)
