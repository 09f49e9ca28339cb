"""Inference speed on a processor: the whole answer beside the detector's pass alone, and crops beside ResNet-50.

**The answer for one image** is what `epipose predict` does for it, without decoding and writing: the person detector,
the landmark network on the crop, the head, the refiner, the lift to 3D. Beside it stands the detector's pass alone, as
`epipose detect` has it: person detector and landmark network. A photo is searched for people; in a video's next frame
they are tracked, and the person detector rests in nine frames of ten. Both are given the same image, one after the
other; the ratio is that of medians within a round. Where other work takes the processor, milliseconds say little, and the
ratio varies by a fifth from round to round: so the ratio of processor times stands beside it.

**Crops**: the pretrained networks and one of the paper's size, ResNet-50 that reads 256 x 256 pixels, with three
deconvolutions of 256 channels and a volume of 64 x 64 x 64 per joint; its weights are random, for they do not change
the time. PyTorch and ONNX Runtime on all cores, from bytes to joints and confidence, one at a time and 16 together. The
networks take turns; reported are medians over the rounds, and of the ratios within a round.

So other load on the machine affects all alike; the load average is stated.

    python -m benchmarks.network.inference --work FOLDER
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from benchmarks.network.people_images import VARIANTS
from benchmarks.network.rows import NETWORK
from benchmarks.network.studio_results import merge_results
from epipose.camera import assumed_camera, stack_cameras
from epipose.clip import Clip
from epipose.datasets.sample import sample
from epipose.detection.blazepose import BlazePose, blazepose, pose_detector
from epipose.errors import optional
from epipose.exporters.base import Recording
from epipose.exporters.onnx import export_onnx
from epipose.exporters.options import ExportOptions
from epipose.inference.lift import LiftedPoses, lift
from epipose.inference.main_person import main_person
from epipose.io.image_source import ImageSource
from epipose.network.backends import OnnxPoseNet, PoseReader
from epipose.network.blazepose import Variant
from epipose.network.landmark_reader import on_onnx_runtime
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.network.pretrained import pretrained_model
from epipose.skeletons import H36M17

BATCHES = {"one": 1, "sixteen": 16}  # crops at once
PAPER = "resnet50"
IMAGES = 10  # of a round, of one view of the sample

Image = UInt8[np.ndarray, "height width 3"]


def main() -> None:
    """Measure, put the results into the JSON, print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the sample's videos")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0, help="least time of one turn of crops")
    parser.add_argument("--no-crops", action="store_true", help="the answers alone; the crops' numbers stay")
    parser.add_argument("--out", type=Path, default=NETWORK, help="JSON file that gets the results")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(cores)
    found = whole_answers(sample(arguments.work / "sample"), arguments.rounds, cores)
    merge_results(arguments.out, found)
    if not arguments.no_crops:
        found["crop_speed"] = {**crop_speed(arguments.rounds, arguments.seconds, cores), **_machine(cores)}
        merge_results(arguments.out, found)
    for name, value in found.items():
        print(f"{name:40s} {value}")


def _machine(cores: int) -> dict[str, float]:
    return {"threads": cores, "load_average": round(os.getloadavg()[0], 1)}


def whole_answers(clip: Clip, rounds: int, cores: int) -> dict[str, Any]:
    """Milliseconds of the answer and of the detector's pass by variant and kind of image, and their ratios by name.

    The ratio without an ending is of a photo on heavy; "_full": of full, "_tracked": of a video's next frame.
    """
    times: dict[str, dict[str, dict[str, float]]] = {}
    ratios = {}
    for variant in VARIANTS:
        answer = Answer(variant, cores)
        for kind in ("photo", "tracked"):
            row = side_by_side(answer, clip, kind == "tracked", rounds)
            times.setdefault(variant, {})[kind] = row
            ending = ("_tracked" if kind == "tracked" else "") + ("_full" if variant == "full" else "")
            ratios[f"predict_ms_over_detector{ending}"] = row["predict_over_detector"]
    return {**ratios, "answer_speed": {**times, **_machine(cores)}}


class Answer:
    """The detector's pass alone, and the whole answer, on images one after the other."""

    def __init__(self, variant: Variant, threads: int) -> None:
        """Load the packaged network on this variant, and the variant as a detector."""
        self.trained = TrainedPoseNet.load(pretrained_model(variant))
        reader = on_onnx_runtime(self.trained, threads)
        assert reader is not None
        self.detector, self.reader = blazepose(variant, threads), pose_detector(reader.landmarks, reader.head, threads)
        self.fast = reader

    def detect(self, image: Image, tracked: bool) -> BlazePose:
        """The detector's pass; an image that is not tracked is one on its own."""
        if not tracked:
            self.detector.reset()
        self.detector(image)
        return self.detector

    def predict(self, image: Image, tracked: bool) -> LiftedPoses:
        """Joints of the main person; tracked people are those of the images before."""
        source = ImageSource(None if tracked else ("photo",), 1, lambda: iter([image]), 60.0 if tracked else None)
        trained = self.trained
        found = main_person(source, self.reader, trained.skeleton, trained.margin, trained.crop)
        assert found.reading is not None
        camera = stack_cameras([assumed_camera(*size) for size in found.sizes])
        return lift(self.fast, found.reading, found.person.box, camera)


def side_by_side(answer: Answer, clip: Clip, tracked: bool, rounds: int) -> dict[str, float]:
    """Medians of milliseconds over the rounds, and of the ratios within a round; each round is another stretch."""
    found: list[tuple[Median, Median]] = []
    for number in range(rounds):
        view = clip.views[number % len(clip.views)]
        first = 2 * IMAGES * (number // len(clip.views))
        images = list(view.read(range(first, first + 1 + IMAGES)))
        answer.detector.reset()
        answer.reader.reset()
        turns = (lambda image: answer.detect(image, tracked), lambda image: answer.predict(image, tracked))
        found.append(_round(turns, images, number))
    return {
        "detector_ms": round(median(detector.ms for detector, _ in found), 1),
        "predict_ms": round(median(predict.ms for _, predict in found), 1),
        "predict_over_detector": round(median(b.ms / a.ms for a, b in found), 3),
        "detector_processor_ms": round(median(detector.processor_ms for detector, _ in found), 1),
        "predict_processor_ms": round(median(predict.processor_ms for _, predict in found), 1),
        "predict_over_detector_processor": round(median(b.processor_ms / a.processor_ms for a, b in found), 3),
    }


class Median(NamedTuple):
    """Milliseconds on the clock, and of the processor by all threads of this process."""

    ms: float
    processor_ms: float


def _round(turns: Sequence[Callable[[Image], object]], images: Sequence[Image], number: int) -> tuple[Median, Median]:
    """Medians of both on each image but the first, which shows who is tracked; the order alternates."""
    times: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    for index, image in enumerate(images):
        for turn in (0, 1) if (index + number) % 2 else (1, 0):
            began = time.perf_counter(), time.process_time()
            turns[turn](image)
            if index:
                times[turn].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    detector, predict = (Median(*(1000 * median(part) for part in zip(*each, strict=True))) for each in times)
    return detector, predict


def crop_speed(rounds: int, seconds: float, cores: int) -> dict[str, Any]:
    """Crops per second of every network and runtime, and how many times as fast as ResNet-50 ours are."""
    networks = {v: TrainedPoseNet.load(pretrained_model(v)) for v in VARIANTS} | {PAPER: paper_sized()}
    with tempfile.TemporaryDirectory() as work:
        readers = {
            f"{name}_{runtime}": reader
            for name, network in networks.items()
            for runtime, reader in (("torch", network), ("onnx", in_onnx(network, Path(work), cores)))
        }
        return {name: summary(rates(readers, batch, rounds, seconds)) for name, batch in BATCHES.items()}


def paper_sized() -> TrainedPoseNet:
    """A network of the paper's size, with random weights."""
    net = PoseNet("resnet50", 17, input_size=256, depth_bins=64, channels=256, deconvs=3)
    return TrainedPoseNet(net.eval(), H36M17, torch.ones(len(H36M17.bones)), False, 1.25)


def in_onnx(network: TrainedPoseNet, work: Path, threads: int) -> OnnxPoseNet:
    """The same network in ONNX Runtime, with as many threads as PyTorch has."""
    path = work / f"{network.net.sizes.backbone}.onnx"
    export_onnx(Recording("network", model=network), path, ExportOptions())
    runtime = optional("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return replace(OnnxPoseNet.load(path), session=session)


def rates(readers: Mapping[str, PoseReader], batch: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Images per second of every reader in every round; in a round, each reader is timed once."""
    generator = torch.Generator().manual_seed(0)
    crops = {
        name: torch.randint(0, 256, (batch, reader.input_size, reader.input_size, 3), generator=generator).byte()
        for name, reader in readers.items()
    }
    for name, reader in readers.items():
        reader.read(crops[name], _CPU)  # what is done only once is not timed
    found: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(rounds):
        for name, reader in readers.items():
            found[name].append(rate(reader, crops[name], seconds))
    return found


def rate(reader: PoseReader, crops: UInt8[Tensor, "image size size 3"], seconds: float) -> float:
    """Images per second over at least these seconds."""
    began, count = time.perf_counter(), 0
    while (past := time.perf_counter() - began) < seconds or not count:
        reader.read(crops, _CPU)
        count += len(crops)
    return count / past


def summary(found: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Medians over the rounds, and of the ratios to ResNet-50 in the same runtime within a round."""
    rows = {}
    for name, each in found.items():
        row = rows[name] = {"per_s": round(median(each), 2)}
        paper, runtime = f"{PAPER}_", name.split("_")[1]
        if not name.startswith(paper):
            theirs = found[paper + runtime]
            row["over_resnet50"] = round(median(a / b for a, b in zip(each, theirs, strict=True)), 2)
    return rows


_CPU = torch.device("cpu")

if __name__ == "__main__":
    main()
