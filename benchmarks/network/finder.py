"""Person detection by the pretrained network: share of people found and of false alarms, by the minimum score.

Images of the studio with rigs and motions of its own choice, with ground truth, and from each the largest part
without a person; `--clip FOLDER` adds a clip folder, with its detector's keypoints as ground truth. A person is found
where the box round the keypoints and the one of the ground truth overlap by half (intersection over union). The table
has both shares for several limits of the score: that is what `MIN_SCORE` in epipose.detection.network_detector is to be
chosen by.

    OMP_NUM_THREADS=1 python -m benchmarks.network.finder --work FOLDER [--mocap FOLDER] [--model MODEL] [--clip FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.network.studio_results import STUDIO, merge_results
from epipose.clip import Clip
from epipose.detection.network_detector import MIN_SCORE, NetworkDetector
from epipose.motion import motion_files
from epipose.network.crops import box_around
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import PRETRAINED
from epipose.poses import Poses2D, in_skeleton
from epipose.skeletons import H36M17
from epipose.studio.film import ClipSpec, film

_LIMITS = (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
_MIN_PART_PX = 100  # parts without a person that are narrower are left out


def main() -> None:
    """Render, detect, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the studio's clips")
    parser.add_argument("--mocap", type=Path, help="folder of motion capture; default: random motion")
    parser.add_argument("--model", type=Path, default=PRETRAINED)
    parser.add_argument("--clip", type=Path, help="a clip folder with poses2d.npz")
    parser.add_argument("--clips", type=int, default=40, help="clips of the studio, of 2 views and 2 frames each")
    parser.add_argument("--out", type=Path, default=STUDIO, help="JSON file that gets the results")
    arguments = parser.parse_args()
    finder = NetworkDetector(TrainedPoseNet.load(arguments.model), min_score=0.0)
    motions = tuple(motion_files(arguments.mocap)) if arguments.mocap else ()
    spec = ClipSpec(2, 2, 2.0, (640, 480), "phones", motions, (), 2000)
    folders = film(arguments.work, arguments.clips, spec)
    results = {"studio": table(finder, [(folder, folder / "truth" / "poses2d.npz", 1) for folder in folders])}
    if arguments.clip:
        results["clip"] = table(finder, [(arguments.clip, arguments.clip / "poses2d.npz", 20)])
    merge_results(arguments.out, {"finder": {"least_score": MIN_SCORE, **results}})
    for name, rows in results.items():
        print(f"{name}: {rows['images']} images, {rows['parts_without_a_person']} parts without a person")
        for limit in map(str, _LIMITS):
            print(f"  from {limit:5s} found {rows['found'][limit]:.3f}  false alarms {rows['false_alarms'][limit]:.3f}")


def table(finder: NetworkDetector, clips: list[tuple[Path, Path, int]]) -> dict:
    """Shares of people found, and of images without a person that have a detection, by the minimum score.

    ``clips``: folder, the file of its ground truth, and of how many frames one is used.
    """
    right, empty = [], []
    for folder, truth, every in clips:
        for image, box in _images(folder, truth, every):
            score, found = _found(finder, image)
            right.append(score if _overlap(found, box) >= 0.5 else 0.0)
            part = _beside(image, box)
            if min(part.shape[:2]) >= _MIN_PART_PX:
                empty.append(_found(finder, part)[0])
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


def _found(finder: NetworkDetector, image: np.ndarray) -> tuple[float, np.ndarray]:
    finder.reset()
    (person,) = finder(image)
    xy, conf = torch.from_numpy(person.xy).float(), torch.from_numpy(person.conf).float()
    return person.score, box_around(xy, conf).numpy()


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
