"""Training of the landmark network below the pretrained head, at a fiftieth of the head's rate: the one that ships.

`benchmarks.network.thaw` compares what may be thawed; of that, all of the landmark network at a small rate makes real
images better. This does it on more drawn people, with an average of the weights, and saves a model folder with a landmark
network of its own after each quarter, MODELS/140 to MODELS/560. Measured on the groups of `thaw_images`; no choice is made
on the sample's frames 80 to 99. What ships is the first quarter's: the second is better on the man of the sample, but
no better than the start on the two-person demo's woman.

    python -m benchmarks.network.train_trunk --work FOLDER --motions PACKED --out MODELS

FOLDER is that of `real_people` and `studio_test`, PACKED what `pack_motions` left.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from benchmarks.network.gpu import PER_SCENE, SHARES, SIDE
from benchmarks.network.studio_results import merge_results
from benchmarks.network.thaw import BATCH, RESULT, WARMUP, batch_loss
from benchmarks.network.thaw_images import DETECTOR, Measured, images_by_group, measure
from benchmarks.network.thaw_parts import ThawedNet, Variant
from epipose.experiments.clips import split
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import pretrained_model
from epipose.training.distributed import ProcessGroup
from epipose.training.loader import feed
from epipose.training.lr_schedule import rate
from epipose.training.presets import ADAPT
from epipose.training.studio_scenes import StreamOptions
from epipose.training.studio_stream import Stream

SEED, STEPS, HEAD_RATE, TRUNK_RATE = 29, 560, 1.5e-4, 3e-6
DECAY = 0.99  # of the average of the weights, per step
COLOUR = (0.7, 1.3)


def main() -> None:
    """Train, measure, save, and put the errors into the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder with the prepared images")
    parser.add_argument("--motions", type=Path, required=True, help="folder of packed motion capture")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model folders to write")
    parser.add_argument("--model", type=Path, help="model folder to begin with")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    start = TrainedPoseNet.load(arguments.model or pretrained_model(DETECTOR))
    assert isinstance(start.net, LandmarkPoseNet)
    tests = images_by_group(arguments.work, start)
    net = ThawedNet(start.net, Variant("trunk", "all", TRUNK_RATE / HEAD_RATE))
    moments = {0: measure(net, start, tests)}
    for step, average in trained(net, arguments.motions, arguments.steps):
        moments[step] = measure(average, start, tests)
        print(step, {name: round(float(one.pmpjpe_mm.mean()), 1) for name, one in moments[step].items()}, flush=True)
        saved(start, average, arguments.out / str(step))
    rows = {name: {f"{step}": row(of[name], moments[0][name]) for step, of in moments.items()} for name in tests}
    settings = {
        "steps": arguments.steps,
        "batch": BATCH,
        "head_rate": HEAD_RATE,
        "trunk_rate": TRUNK_RATE,
        "seed": SEED,
    }
    merge_results(RESULT, {"shipped": {"settings": settings, "groups_by_step": rows}})


def trained(net: ThawedNet, motions: Path, steps: int) -> Iterator[tuple[int, ThawedNet]]:
    """Train; yields the number of steps and the averaged network after each quarter of them."""
    average = copy.deepcopy(net)
    options = StreamOptions(
        SIDE, SEED, split(motions)[0], rigs=("ring", "phones"), per_scene=PER_SCENE, crop="roi", shares=SHARES
    )
    variation = {
        "rotation": math.radians(ADAPT.rotation_deg), "scale": ADAPT.scale, "shift": ADAPT.shift, "colour": COLOUR,
        "occlusion": ADAPT.occlusion, "flip": ADAPT.flip,
    }  # fmt: skip
    parts = (net.at_full_rate(), net.thawed)
    adam = torch.optim.Adam([{"params": part} for part in parts], HEAD_RATE)
    one = ProcessGroup(0, 1, torch.device("cpu"))
    with closing(feed(Stream(options, workers=1), 0, BATCH, 256, SEED, variation, one)) as drawn:
        for step, batch in enumerate(islice(drawn, steps)):
            share = rate(step, steps, 1, "cosine", WARMUP, ())
            for group, highest in zip(adam.param_groups, (HEAD_RATE, TRUNK_RATE), strict=True):
                group["lr"] = highest * share
            adam.zero_grad(set_to_none=True)
            batch_loss(net, batch).backward()
            for part in parts:
                nn.utils.clip_grad_norm_(part, ADAPT.clip_gradient)
            adam.step()
            with torch.no_grad():
                for mean, weight in zip(average.parameters(), net.parameters(), strict=True):
                    mean.lerp_(weight, max(1 - DECAY, 1 / (step + 2)))
            if (step + 1) % max(steps // 4, 1) == 0:
                yield step + 1, average


def saved(start: TrainedPoseNet, net: ThawedNet, out: Path) -> None:
    """A model folder with this head and landmark network, and the refiner of the start."""
    own = copy.deepcopy(start.net)
    assert isinstance(own, LandmarkPoseNet)
    own.head.load_state_dict(net.head.state_dict())
    own.take_trunk({key: value.detach().clone() for key, value in net.trunk.network.tensors.items()})
    replace(start, net=own).save(out)


def row(one: Measured, before: Measured) -> dict[str, float]:
    """Errors of the network and of the landmark network's own 3D in mm, and how far its landmarks moved, in pixels."""
    return {
        "pmpjpe_mm": round(float(one.pmpjpe_mm.mean()), 2),
        "own_pmpjpe_mm": round(float(one.own_pmpjpe_mm.mean()), 2),
        "drift_px": round(float(np.median(one.drift_px(before).numpy())), 2),
    }


if __name__ == "__main__":
    main()
