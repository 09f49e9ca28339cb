"""Train the pretrained network: on the studio's people alone, first in 2D, then in 3D;
and its refiner, on the motions alone.

The first stage (2D, small images, from ImageNet weights) is also where the networks of benches.py begin. Every fifth
motion, by name (a motion and its mirror image are one), and the Human3.6M rig are kept for tests and never seen here.

    OMP_NUM_THREADS=1 python -m benchmarks.network.pretrained --mocap FOLDER --work FOLDER

Under torchrun, several processes share the work; on a processor give each a thread of its own.
The network lies in FOLDER/pretrained afterwards; --install copies it into the package.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.network.studio_results import STUDIO, merge_results
from epipose.experiments.clips import split
from epipose.network.posenet import TrainedPoseNet, device_named
from epipose.network.pretrained import PRETRAINED
from epipose.network.refiner import WEIGHTS
from epipose.studio.actor import FULL_CHANCE_S
from epipose.studio.rigs import RigKind
from epipose.training.distributed import process_group
from epipose.training.refine import refine
from epipose.training.samples import WINDOW
from epipose.training.studio_stream import Stream, StreamOptions
from epipose.training.train import train_network

RIGS: tuple[RigKind, ...] = ("ring", "phones")
NETWORK: dict[str, Any] = {"backbone": "efficientnet_lite0", "deconvs": 2, "depth_bins": 32, "channels": 128}
TRAINING: dict[str, Any] = {
    "epochs": 1, "batch_size": 32, "backbone_lr": 0.5, "schedule": "cosine", "clip_gradient": 1.0, "occlusion": 0.3,
    "flip": 0.5,
}  # fmt: skip
REFINER: dict[str, Any] = {"people": 2000, "steps": 8000, "lr": 1e-3, "seed": 5}


class Stage(NamedTuple):
    """One training: where it begins, on what, and with which seed of the stream; ``warmup`` in epochs.

    ``full_chance_s``: how long a motion must be to be played as often as any (see `random_stretch`).
    """

    name: str
    after: str | None  # None: ImageNet weights
    images: int
    input_size: int
    depth: bool
    warmup: float
    full_chance_s: float
    seed: int


STAGES = (
    Stage("pretrained", None, 40_000, 96, False, 0.05, 0.0, 1),
    Stage("deep", "pretrained", 40_000, 128, True, 0.02, 0.0, 2),
    Stage("deeper", "deep", 40_000, 128, True, 0.02, 0.0, 3),
    Stage("pretrained", "deeper", 100_000, 128, True, 0.01, FULL_CHANCE_S, 4),
)


def main() -> None:
    """Train all stages; a run that was cut off goes on where it was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of motion capture")
    parser.add_argument("--work", type=Path, required=True, help="folder for the networks")
    parser.add_argument("--repeats", type=int, default=4, help="how often a rendered image is used")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    parser.add_argument("--install", action="store_true", help="put the network into the package")
    arguments = parser.parse_args()
    work: Path = arguments.work
    motions, _ = split(arguments.mocap)
    with process_group(device_named("auto")) as processes:  # once for all stages
        for stage in STAGES:
            train_stage(stage, motions, work, arguments.repeats, arguments.workers)
    if not processes.first:
        return  # the refiner is too small to share
    refine((), work / "pretrained", mocap=motions, init="none", **REFINER)
    if arguments.install:
        TrainedPoseNet.load(work / "pretrained")  # it must be whole
        PRETRAINED.mkdir(exist_ok=True)
        for name in ("model.safetensors", "config.json", WEIGHTS):
            shutil.copyfile(work / "pretrained" / name, PRETRAINED / name)
        logs = {stage.name: last_line(work / stage.name / "log.jsonl") for stage in STAGES}
        merge_results(STUDIO, {"pretrained_training": logs})


def train_stage(stage: Stage, motions: tuple[Path, ...], work: Path, repeats: int, workers: int) -> None:
    """Train one stage from where the one before ended."""
    side = round(WINDOW * stage.input_size)
    recipe = StreamOptions(
        side, stage.seed, motions, rigs=RIGS, loosest=2.5, repeats=repeats, depth=stage.depth, lanes=64,
        full_chance_s=stage.full_chance_s,
    )  # fmt: skip
    init = "imagenet" if stage.after is None else work / stage.after
    train_network(
        [], work / stage.name, stream=Stream(recipe, workers, stage.images), input_size=stage.input_size, init=init,
        warmup=stage.warmup, **NETWORK, **TRAINING,
    )  # fmt: skip


def last_line(log: Path) -> dict[str, float]:
    """The last epoch of a training's log."""
    return json.loads(log.read_text(encoding="utf-8").splitlines()[-1])


if __name__ == "__main__":
    main()
