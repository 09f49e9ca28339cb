"""What of the landmark network may be thawed: training on drawn people, measured on real images.

The pretrained network on BlazePose full goes on learning from the studio's people, from the same start and with the same
batches, in variants (`thaw_parts.VARIANTS`): the head alone; the landmark network's last stage with it; all of it, at a
hundredth of the head's rate, at a tenth with a pull towards the initial weights (L2-SP; Li et al. 2018), and at the full
rate; or adapters on the features, with all of it frozen. Two of them learn a second time from the batches in reverse
order, which shows what chance does. A variant may be used if it makes real images better, not drawn ones alone.

Simulated: all that is learned (people, rooms, cameras, motions partly captured) and the group "studio" of the test
images, people, rooms, motions and cameras that no training has seen. Real: the sample's man (frames 0 to 79 for
choices, 80 to 99 for reports), and in the two-person demo the same man; its woman is drawn into real images. References
of these are triangulated detections, see `real_people`. Errors are of the network alone, without its refiner.

    python -m benchmarks.network.thaw --work FOLDER --motions PACKED

FOLDER is that of `real_people` and `studio_test`, which prepared the images; PACKED is what `pack_motions` left. What a
variant came to is kept in FOLDER/thaw, and a run that was cut off goes on with the next variant.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.network.gpu import PER_SCENE, SHARES, SIDE
from benchmarks.network.studio_results import merge_results
from benchmarks.network.thaw_images import DETECTOR, Groups, Measured, TestImages, group_row, images_by_group, measure
from benchmarks.network.thaw_parts import VARIANTS, ThawedNet, Variant
from epipose.experiments.clips import split
from epipose.io.files import read_npz, write_npz
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.posenet import TrainedPoseNet, to_input
from epipose.network.pretrained import pretrained_model
from epipose.training.distributed import ProcessGroup
from epipose.training.loader import Batch, feed
from epipose.training.losses import smooth_l1
from epipose.training.lr_schedule import rate
from epipose.training.presets import ADAPT
from epipose.training.studio_scenes import StreamOptions
from epipose.training.studio_stream import Stream

RESULT = Path(__file__).parents[1] / "results" / "thaw.json"
SEED = 23  # of the scenes; not that of the pretraining, 11
STEPS, BATCH, LR, WARMUP = 128, 16, ADAPT.lr, 0.1  # the head's rate; share of the steps in which it rises
MOMENTS = ("middle", "end")


@dataclass(frozen=True)
class Trained:
    """What a variant came to: errors on every group by moment, losses of all steps, and how far its weights moved."""

    measured: dict[str, dict[str, Measured]]
    losses: np.ndarray
    moved: float
    seconds: float

    def save(self, path: Path, made_with: str) -> None:
        """Write an npz; ``made_with`` says by which settings."""
        arrays = {
            f"{moment}/{group}/{name}": array
            for moment, groups in self.measured.items()
            for group, one in groups.items()
            for name, array in one.arrays().items()
        }
        write_npz(path, **arrays, losses=self.losses, moved=self.moved, seconds=self.seconds, made_with=made_with)

    @staticmethod
    def load(path: Path, groups: Sequence[str], made_with: str) -> Trained | None:
        """Read what `save` wrote; None where nothing was written, or with other settings."""
        if not path.exists():
            return None
        errors = [
            f"{moment}/{group}/{name}" for moment in MOMENTS for group in groups for name in Measured.__annotations__
        ]
        kept = read_npz(path, ("losses", "moved", "seconds", "made_with"), "the benchmark", optional=errors)
        if str(kept["made_with"]) != made_with:
            return None
        measured = {
            moment: {
                group: Measured(
                    **{name: torch.from_numpy(kept[f"{moment}/{group}/{name}"]) for name in Measured.__annotations__}
                )
                for group in groups
            }
            for moment in MOMENTS
        }
        return Trained(measured, kept["losses"], float(kept["moved"]), float(kept["seconds"]))


def batches(motions: Path, steps: int, batch_size: int) -> list[Batch]:
    """The drawn batches that every variant is given: augmented as for an adaptation, kept in memory."""
    options = StreamOptions(
        SIDE, SEED, split(motions)[0], rigs=("ring", "phones"), per_scene=PER_SCENE, smooth=True, crop="roi",
        shares=SHARES,
    )  # fmt: skip
    variation = {
        "rotation": math.radians(ADAPT.rotation_deg), "scale": ADAPT.scale, "shift": ADAPT.shift,
        "colour": ADAPT.colour, "occlusion": ADAPT.occlusion, "flip": ADAPT.flip,
    }  # fmt: skip
    one = ProcessGroup(0, 1, torch.device("cpu"))
    with closing(feed(Stream(options), 0, batch_size, 256, SEED, variation, one)) as drawn:
        return list(islice(drawn, steps))


def trained(variant: Variant, start: TrainedPoseNet, drawn: Sequence[Batch], tests: dict[str, TestImages]) -> Trained:
    """One pass over the batches, measured half way and at the end."""
    began = time.process_time()
    torch.manual_seed(0)  # of the adapters
    assert isinstance(start.net, LandmarkPoseNet)
    net = ThawedNet(start.net, variant)
    losses, measured, half = [], {}, len(drawn) // 2
    for step, loss in enumerate(_steps(net, drawn[::-1] if variant.backwards else drawn), 1):
        losses.append(loss)
        if step in (half, len(drawn)):
            measured[MOMENTS[step > half]] = measure(net, start, tests)
    return Trained(measured, np.array(losses), net.moved(), time.process_time() - began)


def _steps(net: ThawedNet, drawn: Sequence[Batch]) -> Iterator[float]:
    """Steps of Adam; the loss of each, without the pull."""
    parts = (net.at_full_rate(), net.thawed)
    shares = (1.0, net.variant.rate)
    adam = torch.optim.Adam([{"params": part} for part in parts if part], LR)
    for step, batch in enumerate(drawn):
        for group, share in zip(adam.param_groups, shares, strict=False):
            group["lr"] = share * LR * rate(step, len(drawn), 1, "cosine", WARMUP, ())
        loss = batch_loss(net, batch)
        adam.zero_grad(set_to_none=True)
        (loss + net.variant.pull / 2 * net.squared_distance()).backward()
        for part in parts:  # each on its own, so that the head's steps do not shrink where more is thawed
            nn.utils.clip_grad_norm_(part, ADAPT.clip_gradient)
        adam.step()
        yield float(loss.detach())


def batch_loss(net: ThawedNet, batch: Batch) -> Tensor:
    """Smooth L1 of a batch, as in an adaptation."""
    error, counted = smooth_l1(net(to_input(batch.images)).pose.uvd, batch.uvd, batch.weight, ADAPT.beta)
    return error / counted.clamp(min=1e-6)


def rows(found: dict[str, Trained], start: Groups, tests: dict[str, TestImages]) -> dict[str, Any]:
    """The results of the variants so far as JSON."""
    controls = {variant.name: found[variant.control].measured["end"] for variant in VARIANTS if variant.name in found}
    return {
        name: {
            "groups": {
                group: group_row(images, start[group], *_moments(one, group), controls[name][group])
                for group, images in tests.items()
            },
            "loss": {"first_quarter": _part(one.losses, 0), "last_quarter": _part(one.losses, 3)},
            "moved": round(one.moved, 6),
            "processor_s": round(one.seconds),
        }
        for name, one in found.items()
    }


def _moments(one: Trained, group: str) -> tuple[Measured, Measured]:
    return one.measured["middle"][group], one.measured["end"][group]


def _part(losses: np.ndarray, quarter: int) -> float:
    return round(float(np.array_split(losses, 4)[quarter].mean()), 5)


def main() -> None:
    """Draw, train and measure every variant that is not yet done, and write the JSON after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder with the prepared images")
    parser.add_argument("--motions", type=Path, required=True, help="folder of packed motion capture")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--only", action="append", default=[], help="of the variants only this, and those done before")
    parser.add_argument("--quick", action="store_true", help="four steps of four images, to see that it runs")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    steps, batch_size, sparse = (4, 4, 5) if arguments.quick else (arguments.steps, BATCH, 1)
    start = TrainedPoseNet.load(pretrained_model(DETECTOR))
    assert isinstance(start.net, LandmarkPoseNet)
    tests = images_by_group(arguments.work, start, sparse)
    before = measure(ThawedNet(start.net, Variant("start")), start, tests)
    settings = {"steps": steps, "batch": batch_size, "lr": LR, "seed": SEED, "sparse": sparse}
    counts = {
        name: {"images": len(one.people), "scenes": len(one.people.scene.unique())} for name, one in tests.items()
    }
    drawn: list[Batch] = []
    found: dict[str, Trained] = {}
    for variant in VARIANTS:
        path, made_with = arguments.work / "thaw" / f"{variant.name}.npz", f"{settings} {variant}"
        one = Trained.load(path, tuple(tests), made_with)
        if one is None and arguments.only and variant.name not in arguments.only:
            continue
        if one is None:
            drawn = drawn or batches(arguments.motions, steps, batch_size)
            one = trained(variant, start, drawn, tests)
            one.save(path, made_with)
        found[variant.name] = one
        result = {"settings": settings, "groups": counts, "variants": rows(found, before, tests)}
        merge_results(arguments.out, result)
        ends = {group: row["pmpjpe_mm"] for group, row in result["variants"][variant.name]["groups"].items()}
        print(variant.name, round(one.seconds), "s", ends, flush=True)


if __name__ == "__main__":
    main()
