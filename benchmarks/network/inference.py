"""Inference speed on a processor: the pretrained network beside one of the paper's size.

The paper's network is a ResNet-50 that reads 256 x 256 pixels, with three deconvolutions of 256 channels and a volume
of 64 x 64 x 64 per joint; its weights are random here, for they do not change the time. Both are run by PyTorch and by
ONNX Runtime on all cores, one image at a time and 16 together. What is timed is the reading of crops (bytes to joints
and confidence), as `epipose predict` does it; finding the person and cutting the crop out are not in it. The
networks take turns, and the medians over the rounds are reported, the ratios within a round as well: so that other load
on the machine affects all alike.

    python -m benchmarks.network.inference
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from benchmarks.network.studio_results import STUDIO, merge_results
from epipose.errors import optional
from epipose.exporters.onnx import export_onnx
from epipose.network.backends import OnnxPoseNet, PoseReader
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.network.pretrained import PRETRAINED
from epipose.skeletons import H36M17

BATCHES = {"": 16, "_batch1": 1}  # ending of the keys -> images at once


def main() -> None:
    """Measure, put the results into the JSON, print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=PRETRAINED, help="model folder; default: the one in the package")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="least time of one turn")
    parser.add_argument("--out", type=Path, default=STUDIO, help="JSON file that gets the results")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(cores)
    networks = {"": TrainedPoseNet.load(arguments.model), "resnet50_": paper_sized()}
    with tempfile.TemporaryDirectory() as work:
        readers = {
            f"{name}{runtime}": reader
            for name, network in networks.items()
            for runtime, reader in (("torch", network), ("onnx", in_onnx(network, Path(work), cores)))
        }
        found: dict[str, Any] = {"inference_threads": cores, "inference_load_average": round(os.getloadavg()[0], 1)}
        for ending, batch in BATCHES.items():
            found |= summary(rates(readers, batch, arguments.rounds, arguments.seconds), ending)
    merge_results(arguments.out, found)
    for name, value in found.items():
        print(f"{name:40s} {value}")


def paper_sized() -> TrainedPoseNet:
    """A network of the paper's size, with random weights."""
    net = PoseNet("resnet50", 17, input_size=256, depth_bins=64, channels=256, deconvs=3)
    return TrainedPoseNet(net.eval(), H36M17, torch.ones(len(H36M17.bones)), False, 1.25)


def in_onnx(network: TrainedPoseNet, work: Path, threads: int) -> OnnxPoseNet:
    """The same network in ONNX Runtime, with as many threads as PyTorch has."""
    path = work / f"{network.net.sizes['backbone']}.onnx"
    export_onnx(network, path)
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


def summary(found: dict[str, list[float]], ending: str) -> dict[str, float]:
    """Medians over the rounds, and of the ratios within a round: how many times as fast ours is."""
    medians = {f"inference_{name}_per_s{ending}": round(median(each), 2) for name, each in found.items()}
    ratios = {
        f"inference_{runtime}_over_resnet50{ending}": round(
            median(ours / theirs for ours, theirs in zip(found[runtime], found[f"resnet50_{runtime}"], strict=True)), 2
        )
        for runtime in ("torch", "onnx")
    }
    return {**medians, **ratios}


_CPU = torch.device("cpu")

if __name__ == "__main__":
    main()
