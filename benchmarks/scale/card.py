"""Speed of `predict` and of a `PoseStream` on a processor and on a graphics card; writes card.json.

A drawn person walks through noise, as for `benchmarks.network.detector_gpu`. `predict` reads a video of that, decoding
included; the stream gets the images one by one, from memory. Each device reads it in turn, several times, and the median
counts. How far the poses of the card lie from the processor's stands beside: on the first image by rounding alone, later
by more, as every crop is cut round the pose before and the network answers one that moved a little with another pose.

    python -m benchmarks.scale.card [--frames 200] [--runs 3] [--variants full heavy] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.network.detector_gpu import HEIGHT, WIDTH, drawn_clip
from epipose.inference.predict import predict
from epipose.inference.stream import PoseStream
from epipose.io.files import write_json
from epipose.io.video import write_video
from epipose.network.blazepose import Variant
from epipose.network.pretrained import pretrained_model

_RESULT = Path(__file__).parents[1] / "results" / "card.json"
_FPS = 30.0


@dataclass(frozen=True)
class Speed:
    """Images per second of a video, and milliseconds of an image by itself: the median and the 95th percentile.

    ``apart_mm``: the median and the largest distance of a joint of the video's poses from the processor's.
    """

    variant: str
    device: str
    video_fps: float
    stream_ms: float
    stream_ms_p95: float
    apart_mm: tuple[float, float]


def speeds(variant: Variant, devices: list[str], video: Path, images: list[np.ndarray], runs: int) -> list[Speed]:
    """Every device in turn, the first round left out: it loads libraries and plans networks."""
    model = pretrained_model(variant)
    streams = {device: PoseStream(model, device=device) for device in devices}
    poses, rates, waits = {}, {each: [] for each in devices}, {each: [] for each in devices}
    for run in range(runs + 1):
        for device in devices:
            start = time.perf_counter()
            poses[device] = predict(video, model, device=device, temporal=False).xyz
            seconds, each = time.perf_counter() - start, stream_ms(streams[device], images)
            if run:
                rates[device].append(len(images) / seconds)
                waits[device].extend(each)
    return [
        Speed(
            variant,
            device,
            round(median(rates[device]), 1),
            round(median(waits[device]), 1),
            round(float(np.percentile(waits[device], 95)), 1),
            apart_mm(poses["cpu"], poses[device]),
        )
        for device in devices
    ]


def stream_ms(stream: PoseStream, images: list[np.ndarray]) -> list[float]:
    """Milliseconds of every image, the first ten left out: the person is looked for there."""
    stream.reset()
    waits = []
    for image in images:
        start = time.perf_counter()
        stream(image)
        waits.append(1000 * (time.perf_counter() - start))
    return waits[10:]


def apart_mm(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The median and the largest distance of a joint."""
    distance = 1000 * np.linalg.norm(np.asarray(one) - np.asarray(other), axis=-1)
    return round(float(np.median(distance)), 3), round(float(distance.max()), 3)


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--variants", nargs="+", default=["full"], choices=["full", "heavy"])
    parser.add_argument("--devices", nargs="+", default=["cpu", "cuda"])
    parser.add_argument("--out", type=Path, default=_RESULT)
    given = parser.parse_args()
    images = list(drawn_clip(1, given.frames).views[0].read(range(given.frames)))
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "walk.mp4"
        write_video(video, images, _FPS)
        rows = [row for each in given.variants for row in speeds(each, given.devices, video, images, given.runs)]
    result = {
        "card": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "image": [WIDTH, HEIGHT],
        "frames": given.frames,
        "runs": given.runs,
        "rows": [vars(row) for row in rows],
    }
    write_json(given.out, result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
