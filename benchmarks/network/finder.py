"""Person detection without a download, by the packaged landmark network: shares found and false alarms, by the score.

Images of the studio with rigs and motions of its own choice, with ground truth, and from each the largest part
without a person; `--clip FOLDER` adds a clip folder, with its detector's keypoints as ground truth. A person is found
where the box round some detection's keypoints and the one of the ground truth overlap by half (intersection over
union). The table has both shares for several limits of the score: that is what the limits in
epipose.detection.person_finder and blazepose are to be chosen by.

    OMP_NUM_THREADS=1 python -m benchmarks.network.finder --work FOLDER [--mocap FOLDER] [--clip FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.network.studio_results import STUDIO, merge_results
from epipose.clip import Clip
from epipose.detection.base import Detector
from epipose.detection.blazepose import POSE_SCORE, BlazePose, landmark_crops
from epipose.detection.person_finder import CANDIDATES, LandmarkFinder
from epipose.motion import motion_files
from epipose.network.blazepose import load_landmarks
from epipose.network.crops import box_around
from epipose.poses import Poses2D, in_skeleton
from epipose.skeletons import BLAZEPOSE33, H36M17
from epipose.studio.film import ClipSpec, film

_LIMITS = (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
_MIN_PART_PX = 100  # parts without a person that are narrower are left out


def main() -> None:
    """Render, detect, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the studio's clips")
    parser.add_argument("--mocap", type=Path, help="folder of motion capture; default: random motion")
    parser.add_argument("--clip", type=Path, help="a clip folder with poses2d.npz")
    parser.add_argument("--clips", type=int, default=40, help="clips of the studio, of 2 views and 2 frames each")
    parser.add_argument("--out", type=Path, default=STUDIO, help="JSON file that gets the results")
    arguments = parser.parse_args()
    finder = packaged_detector()
    motions = tuple(motion_files(arguments.mocap)) if arguments.mocap else ()
    spec = ClipSpec(2, 2, 2.0, (640, 480), "phones", motions, (), 2000)
    folders = film(arguments.work, arguments.clips, spec)
    results = {"studio": table(finder, [(folder, folder / "truth" / "poses2d.npz", 1) for folder in folders])}
    if arguments.clip:
        results["clip"] = table(finder, [(arguments.clip, arguments.clip / "poses2d.npz", 20)])
    merge_results(arguments.out, {"finder": {"least_score": POSE_SCORE, **results}})
    for name, rows in results.items():
        print(f"{name}: {rows['images']} images, {rows['parts_without_a_person']} parts without a person")
        for limit in map(str, _LIMITS):
            print(f"  from {limit:5s} found {rows['found'][limit]:.3f}  false alarms {rows['false_alarms'][limit]:.3f}")


def packaged_detector() -> BlazePose:
    """The packaged landmark network as a detector of everything that it might take for a person."""
    landmarks = landmark_crops(load_landmarks("full").network)
    return BlazePose(LandmarkFinder(landmarks, 0.0), landmarks, max_people=CANDIDATES, pose_score=0.0)


def table(finder: Detector, clips: list[tuple[Path, Path, int]]) -> dict:
    """Shares of people found, and of images without a person that have a detection, by the minimum score.

    ``clips``: folder, the file of its ground truth, and of how many frames one is used.
    """
    right, empty = [], []
    for folder, truth, every in clips:
        for image, box in _images(folder, truth, every):
            right.append(
                max((score for score, found in _found(finder, image) if _overlap(found, box) >= 0.5), default=0.0)
            )
            part = _beside(image, box)
            if min(part.shape[:2]) >= _MIN_PART_PX:
                empty.append(max((score for score, _ in _found(finder, part)), default=0.0))
    return {
        "images": len(right),
        "parts_without_a_person": len(empty),
        "found": {str(limit): float(np.mean(np.array(right) >= limit)) for limit in _LIMITS},
        "false_alarms": {str(limit): float(np.mean(np.array(empty) >= limit)) for limit in _LIMITS},
    }


def _images(folder: Path, truth: Path, every: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images in which most of the person is seen, with the box round them."""
    clip, poses = Clip.load(folder), Poses2D.load(truth)
    xy, conf = in_skeleton(poses.xy[:, :, 0], poses.conf[:, :, 0], poses.skeleton, H36M17)
    boxes = box_around(xy, conf).numpy()
    for row, view in enumerate(clip.views):
        frames = [f for f in range(0, clip.frames, every) if float((conf[row, f] > 0).float().mean()) > 0.7]
        for frame, image in zip(frames, clip.read(view, frames), strict=True):
            yield image, boxes[row, frame]


def _found(finder: Detector, image: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Score of every detection and the box round its keypoints, which are in the joints of the ground truth."""
    finder.reset()
    people = []
    for person in finder(image):
        keypoints = torch.from_numpy(person.xy).float(), torch.from_numpy(person.conf).float()
        people.append((person.score, box_around(*in_skeleton(*keypoints, BLAZEPOSE33, H36M17)).numpy()))
    return people


def _beside(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The larger part of the image to the left or right of the box."""
    left = int(np.clip(box[0] - box[2] / 2, 0, image.shape[1]))
    right = int(np.clip(box[0] + box[2] / 2, 0, image.shape[1]))
    part = image[:, :left] if left > image.shape[1] - right else image[:, right:]
    return np.ascontiguousarray(part)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    low = np.maximum(a[:2] - a[2] / 2, b[:2] - b[2] / 2)
    high = np.minimum(a[:2] + a[2] / 2, b[:2] + b[2] / 2)
    common = float(np.prod(np.clip(high - low, 0, None)))
    return common / float(a[2] ** 2 + b[2] ** 2 - common)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
