"""A million frames in folders of images: how long indexing takes, and in how much memory.

    python -m benchmarks.dataset_index --work FOLDER

Makes a Panoptic sequence of two views in FOLDER, a folder of a million images (empty files but for the first, which
is opened for its size) that both views share, indexes it in a process of its own, and removes it again: it needs a
million inodes. Indexing lists names; it opens no image and reads no pose.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from epipose.io.files import write_json

OUT = Path(__file__).parent / "results" / "dataset_index.json"
_SIZE = (64, 48)
_VIEWS = ("00_00", "00_01")


def main() -> None:
    """Make, measure, remove, and write benchmarks/results/dataset_index.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder to make the images in")
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--measure", action="store_true", help="only index what is in --work, and print JSON")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measured(arguments.work)))
        return
    sequence = arguments.work / "dataset_index" / "000000_index1"
    try:
        make(sequence, arguments.frames)
        command = [sys.executable, "-m", "benchmarks.dataset_index", "--measure", "--work", str(sequence)]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    finally:
        shutil.rmtree(sequence.parent, ignore_errors=True)
    print(json.dumps(result, indent=2))
    assert result["peak_rss_mb"] < 1024
    write_json(OUT, result)


def make(sequence: Path, frames: int) -> None:
    """A sequence as the dataset's scripts leave it, but that its second view is a link to the first."""
    first = sequence / "hdImgs" / _VIEWS[0]
    first.mkdir(parents=True)
    for number in range(frames):
        (first / f"{_VIEWS[0]}_{number:08d}.jpg").touch()
    cv2.imwrite(str(first / f"{_VIEWS[0]}_{0:08d}.jpg"), np.zeros((_SIZE[1], _SIZE[0], 3), np.uint8))
    (sequence / "hdImgs" / _VIEWS[1]).symlink_to(first.resolve(), target_is_directory=True)
    camera = {"type": "hd", "resolution": _SIZE, "K": np.eye(3).tolist(), "R": np.eye(3).tolist()}
    cameras = [{**camera, "name": name, "distCoef": [0.0] * 5, "t": [[0.0]] * 3} for name in _VIEWS]
    write_json(sequence / f"calibration_{sequence.name}.json", {"cameras": cameras})


def measured(sequence: Path) -> dict[str, Any]:
    """Seconds of each way to index, and the process's peak of memory over all of them."""
    from epipose.clip import Clip
    from epipose.datasets.base import Selection
    from epipose.datasets.panoptic import Panoptic
    from epipose.io.files import fingerprint
    from epipose.io.images import frame_files
    from epipose.io.video import probe

    images = sequence / "hdImgs"
    clips: list[Clip] = []
    steps: dict[str, Callable[[], object]] = {
        "names": lambda: frame_files(images / _VIEWS[0]),
        "probe": lambda: probe(images / _VIEWS[0]),
        "takes": lambda: Panoptic().takes(sequence, Selection()),
        "clip_of_two_views": lambda: clips.append(Clip.from_videos([images])),
        "fingerprint": lambda: fingerprint([images / _VIEWS[0]]),
    }
    seconds = {}
    for name, step in steps.items():
        started = time.perf_counter()
        step()
        seconds[name] = round(time.perf_counter() - started, 2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"frames": clips[0].frames, "seconds": seconds, "peak_rss_mb": round(peak)}


if __name__ == "__main__":
    main()
