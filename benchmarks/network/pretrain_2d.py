"""2D pre-training of the small network of benches.py, on the studio's people alone.

Its backbone begins with ImageNet weights, its images are small, and it learns no depth. Every fifth motion, by name (a
motion and its mirror image are one), and the Human3.6M rig are kept for tests and never seen here.

    OMP_NUM_THREADS=1 python -m benchmarks.network.pretrain_2d --mocap FOLDER --work FOLDER

Under torchrun, several processes share the work; on a processor give each a thread of its own.
The network lies in FOLDER/pretrained afterwards.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from epipose.experiments.clips import split
from epipose.experiments.trainer import SETTINGS
from epipose.network.posenet import TrainedPoseNet
from epipose.studio.rigs import RigKind
from epipose.training.samples import WINDOW
from epipose.training.studio_scenes import StreamOptions
from epipose.training.studio_stream import Stream
from epipose.training.train import train_network

RIGS: tuple[RigKind, ...] = ("ring", "phones")
SIZES = ("backbone", "deconvs", "depth_bins", "channels", "input_size")  # those of the experiments' networks
TRAINING: dict[str, Any] = {
    "epochs": 1, "batch_size": 32, "backbone_lr": 0.5, "schedule": "cosine", "warmup": 0.05, "clip_gradient": 1.0,
    "occlusion": 0.3, "flip": 0.5,
}  # fmt: skip
IMAGES, SEED = 40_000, 1


def main() -> None:
    """Train; a run that was cut off goes on where it was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of motion capture")
    parser.add_argument("--work", type=Path, required=True, help="folder for the network")
    parser.add_argument("--repeats", type=int, default=4, help="how often a rendered image is used")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    arguments = parser.parse_args()
    motions, _ = split(arguments.mocap)
    pretrain(motions, arguments.work / "pretrained", IMAGES, arguments.repeats, arguments.workers)


def pretrain(motions: tuple[Path, ...], out: Path, images: int, repeats: int = 4, workers: int = 1) -> TrainedPoseNet:
    """A network that has learned these motions in 2D, from so many images of the studio."""
    sizes = {name: SETTINGS["small"][name] for name in SIZES}
    recipe = StreamOptions(
        round(WINDOW * sizes["input_size"]),
        SEED,
        motions,
        rigs=RIGS,
        loosest=2.5,
        repeats=repeats,
        depth=False,
        lanes=64,
    )
    return train_network([], out, stream=Stream(recipe, workers, images), init="imagenet", **sizes, **TRAINING)


if __name__ == "__main__":
    main()
