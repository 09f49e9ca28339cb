"""Detection here and in the code before, and detection for cameras alone against all frames; its parts of scale.json.

Speed: `detect`'s keypoints of four views in which the sample's frames play forwards and backwards, by the code in
`--before` (another checkout) and by this one, in turns, each in a process of its own; imports and weights do not count.
`detect_speedup` is the ratio of the median wall times, `cpu_ratio` that of the processor's times, which other work on
the machine disturbs less.

Saving: a long recording of a walking person with 6 px noise and 3 % outliers, views started up to two seconds apart. A
detector that knows these keypoints is asked for all frames, or for as many as cameras need (`detect --every 0`).
`auto_detect_saving` is the ratio of the frames looked at; the cameras' errors stand beside.

    python -m benchmarks.scale.detect --before CHECKOUT [--clip demo/sample] [--frames 1000] [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.geometry.simulation import Simulated, simulate
from benchmarks.network.studio_results import merge_results
from benchmarks.scale.cost import ROOT, SCALE
from benchmarks.scale.recordings import to_and_fro
from epipose.clip import Clip, View
from epipose.detection.base import Detection
from epipose.detection.detect import detect_keypoints
from epipose.experiments.errors import camera_errors
from epipose.io.video import Photo, write_video
from epipose.pipeline.calibrate import calibrate
from epipose.pipeline.detect import DetectedClip, synchronise
from epipose.pipeline.options import DetectOptions
from epipose.pipeline.sampled import sample_clip
from epipose.skeletons import H36M17

_ONE_RUN = """
import json, sys, time
import av, cv2, onnxruntime, epipose.detection.blazepose
from epipose.clip import Clip
from epipose.pipeline.detect import keypoints_in
from epipose.pipeline.options import DetectOptions
clip, options = Clip.load(sys.argv[1]), DetectOptions(detector=sys.argv[2])
wall, cpu = time.perf_counter(), time.process_time()
keypoints_in(clip, options)
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""


def main() -> None:
    """Measure, print, and put the result into scale.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--before", type=Path, help="a checkout of the code before; without it the speed is not measured"
    )
    parser.add_argument("--clip", type=Path, default=ROOT / "demo" / "sample")
    parser.add_argument("--detector", default="blazepose-full")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--long", type=int, default=15_000, help="frames of the long recording; 0 leaves it out")
    parser.add_argument("--out", type=Path, default=SCALE)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, object] = {}
    if arguments.long:
        rows = [saving(arguments.long, fps, seed) for seed, fps in enumerate((25.0, 50.0, 60.0))]
        least = min(row["saving"] for row in rows if isinstance(row["saving"], float))
        result |= {"auto_detect_saving": least, "auto_detect": rows}
    if arguments.before:
        with tempfile.TemporaryDirectory() as folder:
            clip = looped(Clip.load(arguments.clip), arguments.frames, Path(folder))
            result |= speed(arguments.before, clip, arguments.detector, arguments.runs)
    print(json.dumps(result, indent=2))
    merge_results(arguments.out, result)


def looped(clip: Clip, frames: int, folder: Path) -> Path:
    """A clip folder in which the views' frames play forwards and backwards."""
    for view in clip.views:
        images = list(view.read(range(view.frames)))
        order = to_and_fro(frames, len(images)).tolist()
        write_video(folder / f"{view.name}.mp4", (images[number] for number in order), view.fps)
    Clip.from_videos([folder]).save(folder)
    return folder


def times(checkout: Path, clip: Path, detector: str) -> tuple[float, float]:
    """Wall and processor's seconds of the keypoints of a clip, by the code of a checkout."""
    place = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    command = [sys.executable, "-c", _ONE_RUN, str(clip), detector]
    ran = subprocess.run(command, env=place, capture_output=True, check=True, text=True)
    wall, cpu = json.loads(ran.stdout.splitlines()[-1])
    return wall, cpu


def speed(before: Path, clip: Path, detector: str, runs: int) -> dict[str, object]:
    """Both checkouts in turns: medians over the runs, and their ratios; ``frames``: of each of four views."""
    frames = Clip.load(clip).frames
    sides: dict[str, list[tuple[float, float]]] = {"before": [], "now": []}
    for _ in range(runs):
        for name, checkout in (("before", before), ("now", ROOT)):
            sides[name].append(times(checkout, clip, detector))
    wall, cpu = ({name: statistics.median(run[each] for run in sides[name]) for name in sides} for each in (0, 1))
    about = {
        "detector": detector,
        "frames": frames,
        "runs": runs,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "cpu_ratio": round(cpu["before"] / cpu["now"], 2),
        "wall_s": {name: round(value, 1) for name, value in wall.items()},
        "cpu_s": {name: round(value, 1) for name, value in cpu.items()},
    }
    return {"detect_speedup": round(wall["before"] / wall["now"], 2), "detect": about}


class Known:
    """A detector that knows the keypoints: an image holds the number of its view and its frame."""

    skeleton = H36M17

    def __init__(self, clip: Simulated) -> None:
        """Count the images that are looked at."""
        self._xy, self._conf = clip.poses.xy[:, :, 0].numpy(), clip.poses.conf[:, :, 0].numpy()
        self.looked = 0

    def reset(self) -> None:
        """Nothing is kept."""

    def __call__(self, image: np.ndarray) -> list[Detection]:
        """The person of that frame."""
        self.looked += 1
        view, frame = int(image[0, 0, 0]), int.from_bytes(image[0, 1:5, 0].tobytes(), "big")
        return [Detection(self._xy[view, frame], self._conf[view, frame], 1.0, None, 0)]


@dataclass(frozen=True)
class NumberedView(View):
    """A view without a video, whose images hold their numbers; its first frame is frame ``late`` of the recording."""

    number: int = 0
    late: int = 0

    def images_of(self, numbers: Sequence[int], threads: int = 0) -> Iterator[Photo]:
        """See `View`."""
        for frame in numbers:
            image = np.zeros((1, 5, 3), np.uint8)
            image[0, :, 0] = [self.number, *(frame + self.late).to_bytes(4, "big")]
            yield Photo(image)


def saving(frames: int, fps: float, seed: int) -> dict[str, object]:
    """Frames looked at, the cameras' errors, and the processor's seconds besides the detector, for all and for few."""
    late = [0, round(0.7 * fps), round(1.3 * fps), round(2 * fps)]
    clip = simulate(seed, frames=frames + max(late), fps=fps)
    sizes = clip.rig.camera.size.tolist()
    views = tuple(
        NumberedView(name, None, size[0], size[1], frames + max(late) - first, fps, number=number, late=first)
        for number, (name, size, first) in enumerate(zip(clip.rig.names, sizes, late, strict=True))
    )
    filmed = Clip(views, 0, 0.0).synchronised([0.0] * len(views))
    rows: dict[str, dict[str, float]] = {}
    for name, detected in (("all", _all), ("few", _few)):
        start, detector = time.process_time(), Known(clip)
        seen = detected(filmed, detector)
        errors = camera_errors(calibrate(seen, intrinsics=clip.given()).rig, clip.rig)
        apart = (abs(view.start - first / fps) for view, first in zip(seen.clip.views, late, strict=True))
        rows[name] = {
            "frames": detector.looked,
            "rotation_deg_max": round(errors.rotation_deg_max, 4),
            "center_mm_mean": round(errors.center_mm_mean, 2),
            "offset_frames_max": round(max(apart) * fps, 2),
            "cpu_s": round(time.process_time() - start, 1),
        }
    return {"fps": fps, **rows, "saving": round(rows["all"]["frames"] / rows["few"]["frames"], 1)}


def _all(clip: Clip, detector: Known) -> DetectedClip:
    return synchronise(clip, detect_keypoints(clip, detector), sync="motion")


def _few(clip: Clip, detector: Known) -> DetectedClip:
    found = sample_clip(clip, DetectOptions(every=0, sync="motion"), detector)
    return DetectedClip(found.clip, found.keypoints)


if __name__ == "__main__":
    main()
