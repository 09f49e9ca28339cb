"""BlazePose: a person detector and a landmark network, run frame by frame with tracking (Bazarevsky et al. 2020).

A person finder (see `person_finder`) looks for people in the whole image. The landmark network locates 33 keypoints in
a rotated square round one person (see `roi`), and two more points that place the square in the next frame. So people
are tracked without the finder, which runs only every few frames and when someone was lost. Several people are tracked
at once: the subject is chosen by agreement of the views (see `epipose.people.subject`), not in one image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from epipose.detection.base import Detection
from epipose.detection.person_finder import DETECTOR_SIZE, HIPS, RIM, LandmarkFinder, PersonDetector, PersonFinder
from epipose.detection.roi import Roi
from epipose.network.blazepose import Variant, landmark_reading, load_landmarks, load_person_detector
from epipose.network.blazepose_weights import DETECTION
from epipose.network.crop_network import CropNetwork, crop_network
from epipose.network.graph_net import GraphNet
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.reading import PoseReading
from epipose.network.token_head import TokenHead
from epipose.skeleton import Skeleton
from epipose.skeletons import BLAZEPOSE33

LANDMARK_SIZE = 256
HEATMAP_WINDOW = 7  # cells
HEATMAP_PEAK = 0.5  # a heatmap that stays below this everywhere near the landmark is not used
JOINTS = len(BLAZEPOSE33.joints)
POSE_SCORE = 0.5  # the least score of a person


@dataclass
class _Tracked:
    id: int
    roi: Roi


class BlazePose:
    """Tracks up to ``max_people``; searches for new ones every ``search_every`` frames. Call `reset` between videos."""

    skeleton: Skeleton = BLAZEPOSE33

    def __init__(
        self,
        finder: PersonFinder,
        landmarks: CropNetwork,
        head: TokenHead | None = None,
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
        self._frame = 0
        self._next_id = 0
        self._search = True

    def __call__(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
        """The people in the next frame of a video, or in one image after `reset`."""
        if self._search or self._frame % self._search_every == 0:
            self._add_new_people(image)
        found: list[tuple[_Tracked, Detection]] = []
        for track, (detection, roi) in zip(self._tracks, self._poses(image, self._tracks), strict=True):
            if detection.score >= self._pose_score and not any(roi.same_person(other.roi) for other, _ in found):
                track.roi = roi
                found.append((track, detection))
        self._search = len(found) < len(self._tracks) or not found
        self._tracks = [track for track, _ in found]
        self._frame += 1
        return [detection for _, detection in found]

    def _add_new_people(self, image: UInt8[np.ndarray, "height width 3"]) -> None:
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
        self, image: UInt8[np.ndarray, "height width 3"], people: Sequence[_Tracked]
    ) -> list[tuple[Detection, Roi]]:
        """The pose of each person as read in their square, and the square round the pose."""
        if not people:
            return []
        outputs = self._landmarks(np.stack([person.roi.crop(image, LANDMARK_SIZE) for person in people]))
        readings = self._readings(outputs)
        return [
            _pose(person, parts, image.shape[:2], reading)
            for person, reading, *parts in zip(people, readings, *outputs[:4], strict=True)
        ]

    def _readings(self, outputs: Sequence[np.ndarray]) -> Sequence[PoseReading | None]:
        """The head's reading of every crop, each a batch of one; None without a head."""
        if self._head is None:
            return [None] * len(outputs[0])
        with torch.inference_mode():
            reading = self._head(landmark_reading([torch.from_numpy(output) for output in outputs]))
        return [reading.at(slice(row, row + 1)) for row in range(len(outputs[0]))]


def _pose(
    person: _Tracked, outputs: Sequence[np.ndarray], size: tuple[int, ...], reading: PoseReading | None
) -> tuple[Detection, Roi]:
    """A pose from the network's outputs for one crop: landmarks, score, heatmaps and world landmarks."""
    landmarks, score, heatmaps, world = outputs
    roi = person.roi
    landmarks = landmarks.reshape(-1, 5).astype(np.float64)
    xy = roi.to_image(_refine_by_heatmap(landmarks[:, :2] / LANDMARK_SIZE, heatmaps))
    inside = ((xy >= -0.5) & (xy <= np.array(size[::-1]) - 0.5)).all(-1)
    conf = _sigmoid(landmarks[:, 3]) * _sigmoid(landmarks[:, 4]) * inside
    xyz = world.reshape(-1, 3)[:JOINTS].astype(np.float64)
    xyz[:, :2] = xyz[:, :2] @ roi.axes.T
    detection = Detection(xy[:JOINTS], conf[:JOINTS], float(score.item()), xyz, person.id, roi, reading)
    return detection, Roi.around(xy[HIPS], xy[RIM])


def _refine_by_heatmap(points: Float[np.ndarray, "joint 2"], heatmaps: Float[np.ndarray, "joint 64 64"]) -> np.ndarray:
    """Move each point to the centroid of its heatmap in the 7 x 7 cells around it, where that has a clear peak.

    Cell (row, column) stands for the point (column, row) / 64: measured, the half cell that one would add makes it
    worse.
    """
    cells, reach = heatmaps.shape[-1], HEATMAP_WINDOW // 2
    probability = np.pad(_sigmoid(heatmaps.astype(np.float64)), ((0, 0), (reach, reach), (reach, reach)))
    column, row = np.clip((points * cells).astype(int), 0, cells - 1).T
    offsets = np.arange(HEATMAP_WINDOW)
    rows, columns = row[:, None, None] + offsets[:, None], column[:, None, None] + offsets
    weight = probability[np.arange(len(points))[:, None, None], rows, columns]
    total = weight.sum((1, 2))[:, None]
    sums = np.stack([(weight * (columns - reach)).sum((1, 2)), (weight * (rows - reach)).sum((1, 2))], -1)
    clear = (weight.max((1, 2)) >= HEATMAP_PEAK)[:, None] & ((points >= 0) & (points < 1)).all(-1, keepdims=True)
    return np.where(clear, sums / np.maximum(total, 1e-9) / cells, points)


def _sigmoid(x: Float[np.ndarray, " *n"]) -> Float[np.ndarray, " *n"]:
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))


def blazepose(variant: Variant, threads: int = 2) -> BlazePose:
    """BlazePose with a landmark network, "full" or "heavy", and its own person detector; downloaded the first time.

    Raises EpiposeError that lists what was tried where no download worked.
    """
    network = load_landmarks(variant).network
    reading = network.pruned(network.graph.outputs[:4])  # without the taps
    return BlazePose(person_detector(threads), landmark_crops(reading, threads))


def pose_detector(net: LandmarkPoseNet, threads: int = 2) -> BlazePose:
    """BlazePose whose detections carry the reading of a network on its landmark network: each crop is read once.

    People are found by BlazePose's person detector where the cache has it, else by the landmark network itself.
    """
    landmarks = landmark_crops(net.backbone.network, threads)
    finder = person_detector(threads) if DETECTION.cached else LandmarkFinder(landmarks)
    return BlazePose(finder, landmarks, net.head.eval())


def person_detector(threads: int = 2) -> PersonDetector:
    """BlazePose's person detector from the cache, downloaded the first time; raises as `blazepose`."""
    return PersonDetector(
        crop_network(load_person_detector(), DETECTOR_SIZE, scale=1 / 127.5, offset=-1.0, threads=threads)
    )


def landmark_crops(network: GraphNet, threads: int = 2) -> CropNetwork:
    """A landmark network that reads crops of bytes."""
    return crop_network(network, LANDMARK_SIZE, scale=1 / 255, threads=threads)


def full() -> BlazePose:
    """BlazePose with the full landmark network (6 MB)."""
    return blazepose("full")


def heavy() -> BlazePose:
    """BlazePose with the heavy landmark network (28 MB, slower)."""
    return blazepose("heavy")


def packaged() -> BlazePose:
    """What needs no download: the full landmark network, which the package holds, finds people by itself."""
    network = load_landmarks("full").network
    landmarks = landmark_crops(network.pruned(network.graph.outputs[:4]))
    return BlazePose(LandmarkFinder(landmarks), landmarks)
