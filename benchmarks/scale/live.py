"""Rate and latency of `epipose live`, and whether its poses are those of `predict`; its part of scale.json.

The sample's first view, made smaller and played forwards and backwards at 30 frames a second, is the camera: a frame
comes when it would have been taken, and packets are decoded then. Lines are read by this script from the command's
standard output; latency is from the moment of capture to the moment when the line is here.

    python -m benchmarks.scale.live --sample DIR --rig FILE --work DIR
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from benchmarks.network.studio_results import merge_results
from benchmarks.scale.cost import SCALE
from benchmarks.scale.recordings import to_and_fro
from epipose.inference.predict import predict
from epipose.io.video import read_frames
from epipose.network.pretrained import pretrained_model

FPS, SIZE = 30, (720, 1280)  # the sample's cameras stand upright
WARM = 15  # lines at the beginning that do not count: caches, and the finder that looks for somebody
EQUAL_M = 1e-4  # metres; lines have five digits after the point


@dataclass(frozen=True)
class LiveRun:
    """Lines of one run, when each was here (`time.time`), and the processor's seconds that the command took."""

    lines: list[dict]
    here: list[float]
    cpu_s: float

    def summary(self, start_s: float) -> dict[str, float]:
        """Lines a second, latency, and the processor's time for a line, after the first lines.

        ``start_s``: processor's seconds of a run that ends with its first line.
        """
        warm = min(WARM, len(self.lines) // 2)
        late = 1000 * (np.array(self.here) - [line["time"] for line in self.lines])[warm:]
        span = self.here[-1] - self.here[warm]
        dropped, used = self.lines[-1]["dropped"], sum(len(line.get("frames", "1")) for line in self.lines)
        return {
            "fps": round((len(late) - 1) / span, 2),
            "latency_ms_median": round(float(np.median(late)), 1),
            "latency_ms_p95": round(float(np.quantile(late, 0.95)), 1),
            "dropped_share": round(dropped / (dropped + used), 3),
            "cpu_ms_per_line": round(1000 * (self.cpu_s - start_s) / (len(self.lines) - 1), 1),
            "lines": len(self.lines),
        }


def main() -> None:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=Path, required=True, help="folder of epipose sample, with videos/")
    parser.add_argument(
        "--rig", type=Path, required=True, help="rig.json of the sample's cameras, such as demo/full/rig.json"
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    found = measured(given.sample, given.rig, given.work, given.seconds)
    merge_results(SCALE, found)
    print(json.dumps(found, indent=2))


def measured(sample: Path, rig: Path, work: Path, seconds: float) -> dict[str, object]:
    """All rows, and the headline numbers: those of the network that is part of the package."""
    work.mkdir(parents=True, exist_ok=True)
    videos = sorted((sample / "videos").glob("*.mp4"))
    small = [camera_video(video, work / video.name, round(seconds * FPS)) for video in videos]
    rows: dict[str, dict[str, object]] = {}
    for variant in ("full", "heavy"):
        command = [str(small[0]), "--variant", variant]
        run, start = live_run(command), live_run([*command, "--frames", "1"])
        far = difference_from_predict(run, small[0], variant, work)
        rows[f"one camera, {variant}"] = {**run.summary(start.cpu_s), "from_predict_m": far}
    for variant in ("full", "heavy"):
        command = ["--rig", str(rig), *map(str, small), "--variant", variant]
        run, start = live_run(command), live_run([*command, "--frames", "1"])
        rows[f"{len(small)} cameras, {variant}"] = dict(run.summary(start.cpu_s))
    one = rows["one camera, full"]
    far = [row["from_predict_m"] for row in rows.values() if "from_predict_m" in row]
    return {
        "live_fps_720p": one["fps"],
        "live_latency_ms_p95": one["latency_ms_p95"],
        "live_equals_predict": all(isinstance(each, float) and each < EQUAL_M for each in far),
        "live": {"rows": rows, "size": list(SIZE), "source_fps": FPS, "cores": os.cpu_count(), "seconds": seconds},
    }


def camera_video(source: Path, out: Path, frames: int) -> Path:
    """Every second frame of a video, smaller, forwards and backwards as long as is asked for, as a camera encodes it."""
    import av

    images = [smaller(image) for image in read_frames(source)][::2]
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"tune": "zerolatency", "preset": "veryfast"})
        (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv420p"
        for number in to_and_fro(frames, len(images)).tolist():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(images[number], format="rgb24")))
        container.mux(stream.encode())
    return out


def smaller(image: np.ndarray) -> np.ndarray:
    """An image in the size of the measurement."""
    return cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA).astype(np.uint8)


def live_run(arguments: Sequence[str]) -> LiveRun:
    """Run the command to the end of its source and read its lines."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines, here = [], []
    command = [sys.executable, "-m", "epipose", "live", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for text in islice(process.stdout, 1, None):
            here.append(time.time())
            lines.append(json.loads(text))
    assert process.returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return LiveRun(lines, here, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def difference_from_predict(run: LiveRun, video: Path, variant: str, work: Path) -> float:
    """Largest difference of a joint, in metres, from what `predict` says of the frames that the run did not drop.

    These are written without loss into a video of their own, for `predict` reads every frame.
    """
    import av

    numbers = [line["frame"] for line in run.lines]
    path = work / f"used-{variant}.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=Fraction(FPS), options={"qp": "0", "preset": "ultrafast"})
        (stream.width, stream.height), stream.pix_fmt = SIZE, "rgb24"
        for image in read_frames(video, numbers):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    same = zip(read_frames(path), read_frames(video, numbers), strict=True)
    assert all(np.array_equal(a, b) for a, b in islice(same, 5))
    expected = predict(path, pretrained_model(variant), temporal=False).xyz.numpy()  # type: ignore[arg-type]
    nobody = np.zeros_like(expected[0])
    xyz = np.array([nobody if line["xyz"] is None else line["xyz"] for line in run.lines])
    return float(np.linalg.norm(xyz - expected, axis=-1).max())


if __name__ == "__main__":
    main()
