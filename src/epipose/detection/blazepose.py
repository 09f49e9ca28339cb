"""BlazePose: a person detector and a landmark network, run frame by frame with tracking (Bazarevsky et al. 2020).

The detector finds people in the whole image, small. The landmark network locates 33 keypoints in a rotated square
round one person (see `roi`), and two more points that place the square in the next frame. So people are tracked without
the detector, which runs only every few frames and when someone was lost. Several people are tracked at once: the
subject is chosen by agreement of the views (see `epipose.people.subject`), not in one image.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from epipose.detection.base import Detection
from epipose.detection.blazepose_weights import weights
from epipose.detection.roi import Roi
from epipose.skeleton import Skeleton
from epipose.skeletons import BLAZEPOSE33

DETECTOR_SIZE = 224
LANDMARK_SIZE = 256
HEATMAP_WINDOW = 7  # cells
HEATMAP_PEAK = 0.5  # a heatmap that stays below this everywhere near the landmark is not used
JOINTS = len(BLAZEPOSE33.joints)
HIPS, RIM = JOINTS, JOINTS + 1  # the points that place the next square


@dataclass
class _Tracked:
    id: int
    roi: Roi


class BlazePose:
    """Tracks up to ``max_people``; searches for new ones every ``search_every`` frames. Call `reset` between videos."""

    skeleton: Skeleton = BLAZEPOSE33

    def __init__(
        self,
        detector: Path,
        landmarks: Path,
        *,
        threads: int = 2,
        search_every: int = 10,
        max_people: int = 4,
        person_score: float = 0.3,
        pose_score: float = 0.5,
    ) -> None:
        """Load the networks (see `blazepose_weights`). The scores, in [0, 1], are the least for a person."""
        self._detector = _Network(detector, threads)
        self._landmarks = _Network(landmarks, threads)
        self._search_every, self._max_people = search_every, max_people
        self._person_score, self._pose_score = person_score, pose_score
        self.reset()

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
        for track in self._tracks:
            detection, roi = self._pose(image, track.roi, track.id)
            if detection.score >= self._pose_score and not any(roi.same_person(other.roi) for other, _ in found):
                track.roi = roi
                found.append((track, detection))
        self._search = len(found) < len(self._tracks) or not found
        self._tracks = [track for track, _ in found]
        self._frame += 1
        return [detection for _, detection in found]

    def _add_new_people(self, image: UInt8[np.ndarray, "height width 3"]) -> None:
        for roi in self._people(image):
            if len(self._tracks) == self._max_people:
                break
            if not any(roi.same_person(track.roi) for track in self._tracks):
                _, roi = self._pose(image, roi, -1)  # the landmarks place the square better than the detector
                self._tracks.append(_Tracked(self._next_id, roi))
                self._next_id += 1

    def _people(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Roi]:
        whole = Roi.whole(image.shape[1], image.shape[0])
        boxes, logits = self._detector(whole.crop(image, DETECTOR_SIZE).astype(np.float32) / 127.5 - 1)
        points, scores = _decode(boxes[0], logits[0, :, 0])
        corners = np.concatenate([points[:, 0] - points[:, 1] / 2, points[:, 1]], -1)
        kept = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), self._person_score, 0.3)
        keypoints = whole.to_image(points[np.asarray(kept, int).reshape(-1), 2:4])
        return [Roi.around(hips, rim) for hips, rim in keypoints]

    def _pose(self, image: UInt8[np.ndarray, "height width 3"], roi: Roi, track: int) -> tuple[Detection, Roi]:
        crop = roi.crop(image, LANDMARK_SIZE).astype(np.float32) / 255
        landmarks, score, _, heatmaps, world = self._landmarks(crop)
        landmarks = landmarks.reshape(-1, 5).astype(np.float64)
        xy = roi.to_image(_refine_by_heatmap(landmarks[:, :2] / LANDMARK_SIZE, heatmaps[0]))
        inside = ((xy >= -0.5) & (xy <= np.array(image.shape[1::-1]) - 0.5)).all(-1)
        conf = _sigmoid(landmarks[:, 3]) * _sigmoid(landmarks[:, 4]) * inside
        xyz = world.reshape(-1, 3)[:JOINTS].astype(np.float64)
        xyz[:, :2] = xyz[:, :2] @ roi.axes.T
        detection = Detection(xy[:JOINTS], conf[:JOINTS], float(score[0, 0]), xyz, track)
        return detection, Roi.around(xy[HIPS], xy[RIM])


class _Network:
    """A LiteRT network: one image in, its outputs in the order of their names."""

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = sorted(self._interpreter.get_output_details(), key=lambda output: output["name"])
        self._outputs = [output["index"] for output in outputs]

    def __call__(self, image: Float[np.ndarray, "size size 3"]) -> list[np.ndarray]:
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(output) for output in self._outputs]


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
    return points, _sigmoid(logits.astype(np.float64))


def _refine_by_heatmap(points: Float[np.ndarray, "joint 2"], heatmaps: Float[np.ndarray, "64 64 joint"]) -> np.ndarray:
    """Move each point to the centroid of its heatmap in the 7 x 7 cells around it, where that has a clear peak.

    Cell (row, column) stands for the point (column, row) / 64: measured, the half cell that one would add makes it
    worse.
    """
    cells, reach = heatmaps.shape[0], HEATMAP_WINDOW // 2
    probability = np.pad(_sigmoid(heatmaps.astype(np.float64)), ((reach, reach), (reach, reach), (0, 0)))
    column, row = np.clip((points * cells).astype(int), 0, cells - 1).T
    offsets = np.arange(HEATMAP_WINDOW)
    rows, columns = row[:, None, None] + offsets[:, None], column[:, None, None] + offsets
    weight = probability[rows, columns, np.arange(len(points))[:, None, None]]
    total = weight.sum((1, 2))[:, None]
    sums = np.stack([(weight * (columns - reach)).sum((1, 2)), (weight * (rows - reach)).sum((1, 2))], -1)
    clear = (weight.max((1, 2)) >= HEATMAP_PEAK)[:, None] & ((points >= 0) & (points < 1)).all(-1, keepdims=True)
    return np.where(clear, sums / np.maximum(total, 1e-9) / cells, points)


def _sigmoid(x: Float[np.ndarray, " *n"]) -> Float[np.ndarray, " *n"]:
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))


def full() -> BlazePose:
    """BlazePose with the full landmark network (6 MB)."""
    return BlazePose(*weights("full"))


def heavy() -> BlazePose:
    """BlazePose with the heavy landmark network (28 MB, slower)."""
    return BlazePose(*weights("heavy"))
