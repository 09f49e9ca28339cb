"""Detection on a processor and on a graphics card: frames per second, and how far the keypoints lie apart.

BlazePose from the package (full; `--heavy` where the cache has that one) runs by the product's own `detect_keypoints`
over views that are kept in memory, so that no video is decoded: on the processor by ONNX Runtime (PyTorch where that is
not installed), on the card by PyTorch. The views are read in threads, whose crops the card gets in one batch. In each
a drawn person walks through noise; the images are those of docs/images/studio.jpg.

Beside it stands the landmark network alone, in batches of crops: what the card would do if cropping cost nothing.

    python -m benchmarks.network.detector_gpu --out FILE.json [--views 1 4 16] [--frames 60] [--device cuda]

Needs torch, NumPy, OpenCV, Pillow, tqdm, jaxtyping and safetensors; no onnxruntime, no PyAV, no download.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from epipose.clip import Clip, View
from epipose.detection.blazepose import BlazePose, blazepose, landmark_crops, packaged
from epipose.detection.detect import detect_keypoints
from epipose.io.files import write_json
from epipose.network.blazepose import CROP_SIDE, load_landmarks
from epipose.poses import Poses2D

_ROOT = Path(__file__).resolve().parents[2]
_PEOPLE, _TILE = _ROOT / "docs" / "images" / "studio.jpg", 160  # the image, and the side of one person in it, in pixels
WIDTH, HEIGHT, PERSON = 1280, 720, 480  # pixels of an image, and of the square that shows the person
STEP = 6  # pixels from image to image
BATCHES = (1, 4, 16, 64)


@dataclass(frozen=True)
class Speed:
    """``processor`` and ``card``: frames per second of all views together; keypoints: largest and median distance.

    ``largest_px`` and ``median_px`` are over the joints that both see with confidence 0.5 or more, in pixels of the
    image; ``seen``: the share of frames in which each found the person.
    """

    views: int
    processor: float
    card: float
    ratio: float
    largest_px: float
    median_px: float
    seen: tuple[float, float]


class MemoryView(View):
    """A view whose images are drawn: a person of the sheet walks to and fro over noise."""

    def read(self, numbers: Sequence[int]) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """The images with these numbers."""
        person = people(PERSON)[int(self.name) % 8]
        background = np.random.default_rng(int(self.name)).integers(90, 130, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
        background = cv2.resize(background, (WIDTH, HEIGHT)).astype(np.uint8)
        for number in numbers:
            image = background.copy()
            left = abs((STEP * number) % (2 * (WIDTH - PERSON)) - (WIDTH - PERSON))
            image[120 : 120 + PERSON, left : left + PERSON] = person
            yield image


def people(size: int) -> UInt8[np.ndarray, "person size size 3"]:
    """The people of the sheet, RGB, at ``size`` pixels."""
    sheet = np.asarray(Image.open(_PEOPLE).convert("RGB"))
    rows, columns = sheet.shape[0] // _TILE, sheet.shape[1] // _TILE
    sheet = sheet[: rows * _TILE, : columns * _TILE]
    tiles = sheet.reshape(rows, _TILE, columns, _TILE, 3).swapaxes(1, 2).reshape(-1, _TILE, _TILE, 3)
    return np.stack([cv2.resize(tile, (size, size)) for tile in tiles]).astype(np.uint8)


def drawn_clip(views: int, frames: int) -> Clip:
    """Views of drawn people, none of which is a file."""
    each = [MemoryView(str(number), Path("drawn"), WIDTH, HEIGHT, frames, 30.0) for number in range(views)]
    return Clip(tuple(each), frames, 30.0)


def detector_on(device: str, threads: int, heavy: bool) -> BlazePose:
    """The detector that is measured."""
    return blazepose("heavy", threads, device) if heavy else packaged(threads=threads, device=device)


def speeds(arguments: argparse.Namespace) -> list[Speed]:
    """Detection in clips of several numbers of views, on both devices in turns."""
    devices = ("cpu", arguments.device)
    detectors = [detector_on(device, arguments.threads, arguments.heavy) for device in devices]
    for detector in detectors:
        detect_keypoints(drawn_clip(max(arguments.views), 20), detector)  # the first calls plan and compile
    found = []
    for views in arguments.views:
        clip, seconds, poses = drawn_clip(views, arguments.frames), [], []
        for detector in detectors:
            start = time.perf_counter()
            poses.append(detect_keypoints(clip, detector))
            seconds.append(time.perf_counter() - start)
        processor, card = (views * arguments.frames / each for each in seconds)
        largest, median = _apart(*poses)
        seen = (_seen(poses[0]), _seen(poses[1]))
        found.append(Speed(views, processor, card, card / processor, largest, median, seen))
        print(found[-1], flush=True)
    return found


def _apart(one: Poses2D, other: Poses2D) -> tuple[float, float]:
    """Largest and median distance of the keypoints of person 0."""
    both = (one.conf[:, :, 0] >= 0.5) & (other.conf[:, :, 0] >= 0.5)
    distance = (one.xy[:, :, 0] - other.xy[:, :, 0]).norm(dim=-1)[both]
    return float(distance.max()), float(distance.median())


def _seen(poses: Poses2D) -> float:
    return float((poses.conf[:, :, 0] > 0).any(-1).float().mean())


def crops_per_second(device: str, threads: int, runs: int = 20) -> dict[str, float]:
    """The full landmark network alone, by the number of crops in a batch."""
    network = load_landmarks("full").network
    crops = landmark_crops(network.pruned(network.graph.outputs[:4]), threads, device)
    tiles, rates = people(CROP_SIDE), {}
    for batch in BATCHES:
        given = np.resize(tiles, (batch, *tiles.shape[1:]))
        crops(given)
        start = time.perf_counter()
        for _ in range(runs):
            crops(given)
        rates[str(batch)] = round(runs * batch / (time.perf_counter() - start), 1)
    return rates


def apart_on_same_crops(device: str, threads: int) -> float:
    """Largest distance of a landmark on both devices where both read the same crops, in pixels of the crop.

    Keypoints of a clip lie further apart: every crop is cut round the pose before, and a network answers a crop that
    was moved by a hundredth of a pixel with keypoints that moved by more.
    """
    network = load_landmarks("full").network
    reading = network.pruned(network.graph.outputs[:1])
    points = [landmark_crops(reading, threads, each)(people(CROP_SIDE))[0] for each in ("cpu", device)]
    one, other = (each.reshape(-1, 5)[:, :2] for each in points)
    return float(np.linalg.norm(one - other, axis=-1).max())


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--views", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--threads", type=int, default=min(8, os.cpu_count() or 1))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--heavy", action="store_true", help="the heavy landmark network, where the cache has it")
    arguments = parser.parse_args()
    card = torch.cuda.get_device_name() if arguments.device.startswith("cuda") else arguments.device
    result = {
        "card": card,
        "cores": os.cpu_count(),
        "threads": arguments.threads,
        "processor_runtime": "onnxruntime" if find_spec("onnxruntime") else "torch",
        "network": "heavy" if arguments.heavy else "full",
        "image": [WIDTH, HEIGHT],
        "frames": arguments.frames,
        "same_crops_px": apart_on_same_crops(arguments.device, arguments.threads),
        "detection": [vars(row) for row in speeds(arguments)],
        "crops_per_second": {
            device: crops_per_second(device, arguments.threads) for device in ("cpu", arguments.device)
        },
    }
    write_json(arguments.out, result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
