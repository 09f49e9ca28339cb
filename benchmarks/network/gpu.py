"""Training on one graphics card in minutes: heads on BlazePose's frozen landmark networks, and the refiner.

Processes draw the studio's people without end, the card varies and reads each crop with both landmark networks (full
and heavy), and several heads learn side by side from the same readings, so that they can be compared. The refiner
learns beside them from what detector and head answer. At the end the networks are measured on scenes kept out, and
crops' readings are stored as pairs (detector's answer, true pose), stills and sequences.

    python -m benchmarks.network.gpu --motions PACKED --out FOLDER --seconds 480

Needs torch, NumPy, OpenCV, safetensors, jaxtyping and moderngl, and in the cache folder BlazePose's converted networks
and the studio's body file. FOLDER/full and FOLDER/heavy are model folders, which the package
holds (with BlazePose full beside them). Every file has at most 14 MB. --quick: a few steps on a processor.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.network.gpu_pairs import store_pairs
from benchmarks.network.gpu_training import SIZE, Training
from epipose.experiments.clips import split
from epipose.network.posenet import PoseNet
from epipose.studio.actor import MotionShares
from epipose.training.scene_pool import ScenePool
from epipose.training.studio_scenes import StreamOptions
from epipose.training.studio_stream import Stream

SIDE, SEED, PER_SCENE = 384, 11, 24  # pixels of a stored crop; of the scenes; samples of one
SHARES = MotionShares(captured=0.55, random=0.15, postures=0.3)
_FRAMES = 48  # of a sequence
_RESNET_BATCH, _RESNET_STEPS, _RESNET_WARMING = 64, 8, 4


@dataclass
class Log:
    """What a run leaves in log.json: seconds since its beginning, and samples as they were counted.

    ``curve`` has one row for every so many steps: step, seconds, samples drawn, images a second, and mean losses.
    ``held_out``: PMPJPE in about millimetres. ``recorded``: whether a step was recorded as a CUDA graph.
    """

    device: str
    recorded: bool = False
    first_step_after_s: float = 0.0
    steps: int = 0
    batch: int = 0
    drawn: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    memory_gb: float | None = None
    measured_after_s: float = 0.0
    held_out: dict[str, float] = field(default_factory=dict)
    stored_after_s: float = 0.0
    resnet50_images_per_s: dict[str, float] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write log.json, and print all but the curve."""
        found = asdict(self)
        (folder / "log.json").write_text(json.dumps(found, indent=1))
        print(json.dumps({key: value for key, value in found.items() if key != "curve"}), flush=True)


def train(arguments: argparse.Namespace) -> bool:
    """Fill the pool, train until the time is over, measure, and store; False where no step could be recorded."""
    began = time.monotonic()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cuda = device.type == "cuda"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    log = Log(torch.cuda.get_device_name() if cuda else "cpu", batch=arguments.batch)
    with _pool(arguments, device) as pool:
        training = Training(device, arguments.batch)
        pool.wait_for(arguments.batch * 2)
        if cuda and not arguments.no_record:
            batch = pool.batch(arguments.batch)
            with pool.paused():
                log.recorded = training.record(batch)
            if not log.recorded:
                return False
        log.first_step_after_s = time.monotonic() - began
        _steps(training, pool, log, arguments, began)
        log.steps, log.drawn = training.steps, pool.drawn
        log.memory_gb = torch.cuda.max_memory_allocated() / 1e9 if cuda else None
        log.measured_after_s = time.monotonic() - began
    training.save(out, torch.from_numpy(Stream(pool.options).bone_lengths))
    log.save(out)
    log.held_out = store_pairs(training, pool, out)
    log.stored_after_s = time.monotonic() - began
    if cuda:
        log.resnet50_images_per_s = {"bf16": resnet_speed(device, True), "fp32": resnet_speed(device, False)}
    log.save(out)
    return True


def _pool(arguments: argparse.Namespace, device: torch.device) -> ScenePool:
    """The scenes to train on, and sequences; not yet begun."""
    motions, _ = split(arguments.motions)
    options = StreamOptions(
        SIDE,
        SEED,
        motions,
        rigs=("ring", "phones"),
        per_scene=PER_SCENE,
        smooth=device.type == "cuda",
        crop="roi",
        shares=SHARES,
    )
    frames = 6 if arguments.quick else _FRAMES
    pool = ScenePool(options, arguments.workers, arguments.capacity, device, 1, frames)
    pool.max_sequences = 4 if arguments.quick else pool.max_sequences
    return pool


def _steps(training: Training, pool: ScenePool, log: Log, arguments: argparse.Namespace, began: float) -> None:
    """Train until the time is over, or after ``--steps`` steps."""
    sums: dict[str, Tensor] = {}
    since, available = time.monotonic(), arguments.seconds - arguments.reserve
    while (passed := time.monotonic() - began) < available and training.steps != arguments.steps:
        losses = training.step(pool.batch(arguments.batch), passed / available)
        sums = {name: loss + sums.get(name, 0) for name, loss in losses.items()}
        if training.steps % arguments.every == 0:
            means = {name: round(float(value) / arguments.every, 5) for name, value in sums.items()}
            speed = arguments.every * arguments.batch / (time.monotonic() - since)
            row = {"step": training.steps, "s": passed, "drawn": pool.drawn, "images_per_s": speed}
            log.curve.append(row | means)
            print(json.dumps(log.curve[-1]), flush=True)
            sums, since = {}, time.monotonic()


def resnet_speed(device: torch.device, half: bool) -> float:
    """Training speed of ResNet-50 with the volumetric head, images a second, in bf16 or fp32; on random images."""
    net = PoseNet("resnet50")
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(net.parameters(), 1e-4, fused=True)
    images = torch.rand(_RESNET_BATCH, 3, SIZE, SIZE, device=device).contiguous(memory_format=torch.channels_last)
    since = 0.0
    for step in range(_RESNET_WARMING + _RESNET_STEPS):
        if step == _RESNET_WARMING:
            torch.cuda.synchronize()
            since = time.perf_counter()
        with torch.autocast("cuda", torch.bfloat16, enabled=half):
            uvd, _ = net(images)
        optimiser.zero_grad(set_to_none=True)
        uvd.square().mean().backward()
        optimiser.step()
    torch.cuda.synchronize()
    return _RESNET_STEPS * _RESNET_BATCH / (time.perf_counter() - since)


def main() -> None:
    """Read the options and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--motions", type=Path, required=True, help="folder of motion capture, packed or not")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=480, help="for everything")
    parser.add_argument("--reserve", type=float, default=45, help="of these, for measuring and storing at the end")
    parser.add_argument("--steps", type=int, help="the most steps; as many as there is time for")
    parser.add_argument("--workers", type=int, default=max((os.cpu_count() or 2) - 3, 1))
    parser.add_argument("--capacity", type=int, default=60_000, help="samples on the device")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--every", type=int, default=100, help="steps between lines of the log")
    parser.add_argument("--no-record", action="store_true", help="compute steps one operation at a time")
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs")
    arguments = parser.parse_args()
    if arguments.quick and not torch.cuda.is_available():
        arguments.capacity, arguments.batch, arguments.every, arguments.workers = 240, 4, 1, 1
        arguments.steps = 2
    began = time.monotonic()
    if not train(arguments):  # a failed recording leaves the card's random numbers in disorder: begin anew
        left = str(arguments.seconds - (time.monotonic() - began) - 15)
        os.execv(sys.executable, [sys.executable, "-m", __spec__.name, *sys.argv[1:], "--no-record", "--seconds", left])


if __name__ == "__main__":
    main()
