"""BlazePose's networks here and in LiteRT: how far apart their outputs are, and how long each takes.

The crops are the people of docs/images/studio.jpg. Times are those of bytes in, arrays out, with as many threads on
both sides; LiteRT takes crop by crop, as its files have batch size 1. Both sides run in turns, so that whatever else
the machine does slows both; a speed is the ratio of their medians. `--clip FOLDER` adds the time of detection in all
views of a clip, decoding included.

    python -m benchmarks.network.blazepose_speed [--threads 2] [--runs 15] [--clip FOLDER]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from benchmarks.network.litert import LiteRtCrops, litert_blazepose
from epipose.clip import Clip
from epipose.detection.base import Detection
from epipose.detection.blazepose import DETECTOR_SIZE, BlazePose, blazepose
from epipose.detection.detect import detect_keypoints
from epipose.io.files import write_json
from epipose.io.images import read_image
from epipose.network.blazepose import CROP_SIDE, POINTS, load_landmarks, load_person_detector
from epipose.network.blazepose_weights import weights
from epipose.network.crop_network import CropNetwork, TorchCrops, crop_network

_ROOT = Path(__file__).resolve().parents[2]
_IMAGE = _ROOT / "docs" / "images" / "studio.jpg"
_TILE = 160  # pixels, of the image's people
_BATCHES = (1, 8, 16)
_GOALS = {"detect_speed_over_litert_1": 1.0, "detect_speed_over_litert_batch": 1.5}


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--clip", type=Path, help="a clip folder, for the time of detection in it")
    parser.add_argument("--out", type=Path, default=_ROOT / "benchmarks" / "results" / "blazepose.json")
    arguments = parser.parse_args()
    result = {**differences(people(CROP_SIDE)), "threads": arguments.threads, "runs": arguments.runs}
    rows = {
        name: {str(batch): speed(theirs, ours, people(size)[:batch], arguments.runs) for batch in _BATCHES}
        for name, (size, theirs, ours) in networks(arguments.threads).items()
    }
    full = {batch: row["litert_over_ours"] for batch, row in rows["full"].items()}
    result["detect_speed_over_litert_1"] = full["1"]
    result["detect_speed_over_litert_batch"] = min(full["8"], full["16"])
    result["networks"] = rows
    if arguments.clip:
        result["clip"] = clip_speed(Clip.load(arguments.clip), arguments.threads)
    write_json(arguments.out, {**result, "goals": _GOALS})
    print(json.dumps(result, indent=2))


def people(size: int) -> UInt8[np.ndarray, "crop size size 3"]:
    """The people of the image, RGB, at ``size`` pixels."""
    image = read_image(_IMAGE)
    rows, columns = image.shape[0] // _TILE, image.shape[1] // _TILE
    tiles = image.reshape(rows, _TILE, columns, _TILE, 3).swapaxes(1, 2).reshape(-1, _TILE, _TILE, 3)
    return np.stack([cv2.resize(tile, (size, size)) for tile in tiles]).astype(np.uint8)


def differences(crops: UInt8[np.ndarray, "crop 256 256 3"]) -> dict[str, float]:
    """Largest differences from LiteRT over both variants: x and y in pixels of the crop, world landmarks in metres."""
    worst: dict[str, float] = {}
    for variant in ("full", "heavy"):
        theirs = LiteRtCrops(weights(variant)[1], 1 / 255)(crops)
        net = load_landmarks(variant).network
        ours = {"torch": TorchCrops(net, 1 / 255, 0.0), "onnx": crop_network(net, CROP_SIDE, scale=1 / 255)}
        for name, network in ours.items():
            apart = [np.abs(a - b) for a, b in zip(network(crops)[:4], theirs, strict=True)]
            pixels = apart[0].reshape(-1, POINTS, 5)[..., :2]
            for key, value in ((f"blazepose_{name}_px", pixels), (f"blazepose_{name}_world_m", apart[3])):
                worst[key] = max(worst.get(key, 0.0), float(value.max()))
    worst["blazepose_world_m"] = worst.pop("blazepose_torch_world_m")
    return worst


def networks(threads: int) -> dict[str, tuple[int, CropNetwork, CropNetwork]]:
    """Per network the side of its crops, LiteRT's, and ours."""
    person, _ = weights("full")
    ours = crop_network(load_person_detector(), DETECTOR_SIZE, scale=1 / 127.5, offset=-1.0, threads=threads)
    pairs: dict[str, tuple[int, CropNetwork, CropNetwork]] = {
        "person": (DETECTOR_SIZE, LiteRtCrops(person, 1 / 127.5, -1.0, threads), ours)
    }
    for variant in ("full", "heavy"):
        network = load_landmarks(variant).network
        ours = crop_network(network.pruned(network.graph.outputs[:4]), CROP_SIDE, scale=1 / 255, threads=threads)
        pairs[variant] = (CROP_SIDE, LiteRtCrops(weights(variant)[1], 1 / 255, 0.0, threads), ours)
    return pairs


def speed(
    theirs: CropNetwork, ours: CropNetwork, crops: UInt8[np.ndarray, "crop size size 3"], runs: int
) -> dict[str, float]:
    """Milliseconds of each for all crops together, and their ratio."""
    return in_turns({"litert": lambda: theirs(crops), "ours": lambda: ours(crops)}, runs)


def clip_speed(clip: Clip, threads: int, runs: int = 3) -> dict[str, float]:
    """The same for detection in all views of a clip with the full variant."""
    detectors = {"litert": _Sequential(litert_blazepose("full", threads)), "ours": blazepose("full", threads)}
    return in_turns({name: lambda one=one: detect_keypoints(clip, one) for name, one in detectors.items()}, runs)


class _Sequential:
    """A detector without `another`, so that the views are read one after another, as they were with LiteRT."""

    def __init__(self, detector: BlazePose) -> None:
        self.skeleton, self._detector = detector.skeleton, detector

    def reset(self) -> None:
        self._detector.reset()

    def __call__(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
        return self._detector(image)


def in_turns(sides: Mapping[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Medians of the times in milliseconds, the first run left out, and the ratio LiteRT over ours."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for run in range(runs + 1):
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            if run:
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratio = round(medians["litert"] / medians["ours"], 2)
    return {**{f"{name}_ms": round(1000 * value, 2) for name, value in medians.items()}, "litert_over_ours": ratio}


if __name__ == "__main__":
    main()
