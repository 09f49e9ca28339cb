"""The viewer on a long recording: time to the first page, time of a step, size of the file; its part of scale.json.

    python -m benchmarks.scale.viewer --mocap DIR --rigs FILE [--before TREE]

Four views of 10 000 frames of 640 x 360 pixels and the true poses. The first page is there when the viewer says where to
look, with the whole scene on the server; a step puts another frame on the server. With --before, a source tree of an
earlier version, its first page and its file are measured on the same folder.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
import torch

from benchmarks.geometry.simulation import Simulated, simulate
from benchmarks.network.studio_results import merge_results
from benchmarks.reliability.runs import cpu_seconds
from benchmarks.scale.cost import ROOT, SCALE
from epipose.clip import Clip, View
from epipose.errors import EpiposeError
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from epipose.viz.scene import load_scene
from epipose.viz.viewer import LIVE_WIDTH, MAX_LIVE_IMAGES, _Drawing, _free_port, _images, _serving

_FRAMES, _SIZE = 10_000, (640, 360)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, help="folder of motion capture; a generated walk without")
    parser.add_argument("--rigs", type=Path, help="the rigs of Human3.6M as JSON")
    parser.add_argument("--before", type=Path, help="source tree of an earlier version")
    parser.add_argument("--frames", type=int, default=_FRAMES)
    parser.add_argument("--out", type=Path, default=SCALE)
    options = parser.parse_args()
    with TemporaryDirectory() as place:
        folder = Path(place) / "clip"
        _save(folder, simulate(3, frames=options.frames, mocap=options.mocap, rigs=options.rigs))
        found: dict[str, Any] = {"frames": options.frames, **_of(folder, ROOT), **_steps(folder)}
        if options.before is not None:
            found |= {f"{key}_before": value for key, value in _of(folder, options.before).items()}
    print(found)
    merge_results(options.out, {"viewer": found})


def _save(folder: Path, made: Simulated) -> None:
    """The true poses and cameras as a clip folder; all views have the same video."""
    folder.mkdir()
    video, frames = folder / "view.mp4", len(made.xyz)
    _film(video, frames, made.fps)
    views = tuple(View(name, video, *_SIZE, frames, made.fps) for name in made.rig.names)
    Clip(views, frames, made.fps).save(folder)
    made.rig.save(folder / "rig.json")
    xyz = made.xyz[:, None].float()
    Poses3D(xyz, torch.ones_like(xyz[..., 0]), H36M17, "world", True).save(folder / "poses3d.npz")


def _film(path: Path, frames: int, fps: float) -> None:
    """A video of a bar that moves over grey."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=round(fps), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *_SIZE, "yuv420p"
        for frame in range(frames):
            image = np.full((_SIZE[1], _SIZE[0], 3), 90, np.uint8)
            image[:, frame % _SIZE[0]] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _of(folder: Path, source: Path) -> dict[str, float]:
    """Seconds to the first page, seconds and CPU seconds to the file, and its size."""
    environment = {**os.environ, "PYTHONPATH": str(source / "src"), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    port, command = _free_port(), [sys.executable, "-m", "epipose", "view", str(folder)]
    begin = time.monotonic()
    with subprocess.Popen(
        [*command, "--port", str(port)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            _wait_for_address(server)
            first = time.monotonic() - begin
            first_cpu = cpu_seconds(server.pid)
        finally:
            server.kill()
    file, begin = folder / "view.html", time.monotonic()
    subprocess.run([*command, "--html", str(file)], env=environment, check=True, capture_output=True)
    return {
        "first_page_s": round(first, 1),
        "first_page_cpu_s": round(first_cpu, 1),
        "file_s": round(time.monotonic() - begin, 1),
        "file_mb": round(file.stat().st_size / 2**20, 2),
    }


def _wait_for_address(server: subprocess.Popen[str]) -> None:
    """Read what the viewer says until it says where to look."""
    assert server.stdout is not None
    said = list[str]()
    for line in server.stdout:
        if "http://localhost" in line:
            return
        said.append(line)
    raise EpiposeError(f"The viewer ended: {''.join(said)[-500:]}")


def _steps(folder: Path) -> dict[str, float]:
    """Milliseconds of CPU to put a frame on the server: mean, and the 95th percentile."""
    scene, spent = load_scene(folder), list[float]()
    with _serving(_free_port()) as server:
        drawing = _Drawing(server, scene, _images(scene, MAX_LIVE_IMAGES, LIVE_WIDTH))
        for frame in scene.frames[:: max(1, len(scene.frames) // 500)]:
            begin = time.thread_time()
            drawing.show(frame)
            spent.append(1000 * (time.thread_time() - begin))
    return {"step_ms": round(mean(spent), 2), "step_ms_p95": round(quantiles(spent, n=20)[-1], 2)}


if __name__ == "__main__":
    main()
