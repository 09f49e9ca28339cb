"""The viewer on a long recording: seconds to the first page, of an image and a drawing, size of the file; for scale.json.

    python -m benchmarks.scale.viewer --mocap DIR --rigs FILE [--before TREE] [--browser chromium]

Four views of 10 000 frames of 640 x 360 pixels and the true poses. The first page is there when it comes over HTTP. An
image is asked for where the last one was and two frames on, as while playing, or anywhere. A drawing is one step of the
3D scene in a browser without a window. With --before, a source tree of an earlier version, its first page and its file
are measured on the same folder.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
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
from epipose.viz.view_images import LiveImages
from epipose.viz.viewer import LIVE_WIDTH

_FRAMES, _SIZE = 10_000, (640, 360)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, help="folder of motion capture; a generated walk without")
    parser.add_argument("--rigs", type=Path, help="the rigs of Human3.6M as JSON")
    parser.add_argument("--before", type=Path, help="source tree of an earlier version")
    parser.add_argument("--browser", help="Chromium, which draws the file's 3D scene")
    parser.add_argument("--frames", type=int, default=_FRAMES)
    parser.add_argument("--out", type=Path, default=SCALE)
    options = parser.parse_args()
    with TemporaryDirectory() as place:
        folder = Path(place) / "clip"
        _save(folder, simulate(3, frames=options.frames, mocap=options.mocap, rigs=options.rigs))
        found: dict[str, Any] = {"frames": options.frames, **_of(folder, ROOT), **_images(folder)}
        if options.browser is not None:
            found |= _drawings(folder / "view.html", options.browser)
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
            with urllib.request.urlopen(f"http://localhost:{port}/") as page:
                page.read()
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


def _images(folder: Path) -> dict[str, float]:
    """Milliseconds to an image while playing, mean and 95th percentile, and to one anywhere."""
    clip, spent, apart = Clip.load(folder), list[float](), list[float]()
    images, places = LiveImages(clip, LIVE_WIDTH), np.random.default_rng(0).integers(0, clip.frames, 40)
    for frame in range(0, min(1000, clip.frames), 2):
        begin = time.monotonic()
        images.jpeg(0, frame)
        spent.append(1000 * (time.monotonic() - begin))
    for frame in places:
        begin = time.monotonic()
        images.jpeg(1, int(frame))
        apart.append(1000 * (time.monotonic() - begin))
    return {
        "image_ms": round(mean(spent), 2),
        "image_ms_p95": round(quantiles(spent, n=20)[-1], 2),
        "image_anywhere_ms": round(mean(apart), 1),
    }


_MEASURE = """<script>{
const {player, scene} = window.shown, spent = [], steps = Math.min(1000, player.steps);
for (let k = 0; k < steps; k++) {
  player.time = Math.floor(k * player.steps / steps);
  const begin = performance.now();
  scene.draw();
  scene.canvas.getContext("2d").getImageData(0, 0, 1, 1); // until it is drawn
  spent.push(performance.now() - begin);
}
spent.sort((a, b) => a - b);
const mean = spent.reduce((sum, value) => sum + value) / steps;
document.title = `drawn ${mean} ${spent[Math.floor(0.95 * steps)]}`;
}</script></body>"""


def _drawings(file: Path, browser: str) -> dict[str, float]:
    """Milliseconds to draw a step of the 3D scene of a file in a browser: mean and 95th percentile."""
    text = file.read_text(encoding="utf-8").replace(
        "EpiposeViewer.mount(host,", "window.shown = EpiposeViewer.mount(host,"
    )
    measured = file.with_name("measured.html")
    measured.write_text(text.replace("</body>", _MEASURE), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--window-size=1400,900", "--dump-dom", measured.as_uri()]
    page = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    found = re.search(r"<title>drawn ([\d.]+) ([\d.]+)</title>", page)
    if found is None:
        raise EpiposeError(f"{browser} did not draw the page.")
    return {"draw_ms": round(float(found[1]), 2), "draw_ms_p95": round(float(found[2]), 2)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
