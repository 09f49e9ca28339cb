"""Readers of weights, checkpoints, networks and downloads, with a small good sample of each."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from safetensors.torch import save_file

from epipose.io.fetch import extract, hash_of
from epipose.io.files import write_json
from epipose.io.first_use import RECORD, cached_path, file_at
from epipose.network.backends import load_reader
from epipose.network.config import PoseNetConfig, PoseNetSizes
from epipose.network.graph_net import Graph, GraphNet
from epipose.network.graph_ops import Conv, Flatten, MaxPool
from epipose.network.onnx_network import Normalisation, OnnxNetwork
from epipose.network.posenet import TrainedPoseNet
from epipose.network.refiner import Refiner, load_refiner
from epipose.network.resnet import read_state
from epipose.network.temporal import TemporalRefiner, load_temporal
from epipose.network.tflite_graph import read_tflite
from epipose.skeletons import H36M17
from epipose.training.checkpoint import Checkpoint, TrainingState, load_checkpoint, save_checkpoint
from tests.helpers.fuzzed import FuzzedReader
from tests.helpers.landmark_models import landmark_model


def _model(folder: Path) -> Path:
    torch.manual_seed(0)
    return landmark_model(folder, refiner=True)


def _config(folder: Path) -> Path:
    _model(folder)
    return folder / "config.json"


def _refiner(folder: Path) -> Path:
    Refiner(H36M17, width=16, layers=1).save(folder / "refiner.safetensors")
    return folder / "refiner.safetensors"


def _temporal(folder: Path) -> Path:
    TemporalRefiner(H36M17, causal=True, width=16, dilations=(1, 2)).save(folder / "temporal.safetensors")
    return folder / "temporal.safetensors"


def _checkpoint(folder: Path) -> Path:
    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = TrainingState(net.state_dict(), optimizer.state_dict(), torch.zeros(3), net.state_dict())
    save_checkpoint(folder, Checkpoint(4, 1.0, 0.5, state))
    return folder


def _graph(folder: Path) -> Path:
    ops = (Conv(("image",), "a", "w", "b", (2, 2)), MaxPool(("a",), "c", (2, 2), (2, 2)), Flatten(("c",), "d", (64,)))
    net = GraphNet(Graph(ops, "image", ("d",)), {"w": torch.randn(4, 3, 3, 3), "b": torch.randn(4)})
    net.save(folder / "net.safetensors")
    return folder / "net.safetensors"


def _states(suffix: str) -> Any:
    def write(folder: Path) -> Path:
        state, path = torch.nn.Linear(3, 2).state_dict(), folder / f"weights{suffix}"
        save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
        return path

    return write


def _tflite(folder: Path) -> Path:
    from tests.helpers.tflite_files import TfliteFile

    file = TfliteFile(1, 10, 10, 3)
    made = file.conv(file.input, (1, 5, 5, 8), file.weights(8, 3, 3, 3), file.weights(8), strideH=2, strideW=2)
    return file.write(folder / "net.tflite", made)


def _onnx(folder: Path) -> Path:
    from tests.helpers.onnx_models import simcc_model

    return simcc_model(folder / "net.onnx", joints=2, width=32, height=32)


def _read_onnx(path: Path) -> Any:
    network = OnnxNetwork(path, Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), False), threads=1)
    return network.outputs_of_nothing()


def _exported(folder: Path) -> Path:
    """A network with the configuration of epipose's exports in it, whatever it computes."""
    import onnx

    path = _onnx(folder)
    model = onnx.load(str(path))
    sizes = PoseNetSizes("resnet18", 17, 64, 8, 16, 1)
    config = PoseNetConfig(sizes, H36M17, torch.ones(len(H36M17.bones)), True, 1.2)
    model.metadata_props.add(key="epipose", value=json.dumps(config.to_json()))
    onnx.save(model, str(path))
    return path


def _download(folder: Path) -> Path:
    """A published file, in the cache, and the record of its hash."""
    (folder / "net.onnx").write_bytes(b"weights" * 20)
    with mock.patch.dict(os.environ, {"EPIPOSE_CACHE": str(folder / "cache")}):
        url = (folder / "net.onnx").as_uri()
        file_at(url)
        write_json(folder / "cache" / RECORD, {url: hash_of(cached_path(url))})
    return folder


def _downloaded(folder: Path) -> Any:
    with mock.patch.dict(os.environ, {"EPIPOSE_CACHE": str(folder / "cache")}):
        return file_at((folder / "net.onnx").as_uri())


def _archive(folder: Path) -> Path:
    (folder / "a.txt").write_bytes(b"member" * 30)
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "a.txt", "data/a.txt")
    return folder / "a.zip"


def _tar(folder: Path) -> Path:
    import tarfile

    (folder / "a.txt").write_bytes(b"member" * 30)
    with tarfile.open(folder / "a.tgz", "w:gz") as archive:
        archive.add(folder / "a.txt", "data/a.txt")
    return folder / "a.tgz"


def _extracted(path: Path) -> Any:
    return extract(path, "data/a.txt", path.parent / "out.txt", hash_of(path.parent / "a.txt"))


READERS = [
    FuzzedReader("config.json of a network", _config, PoseNetConfig.load, ("config.json",)),
    FuzzedReader("model folder", _model, TrainedPoseNet.load, ("*.safetensors", "*.json"), cost=60),
    FuzzedReader("refiner", _refiner, lambda path: load_refiner(path, H36M17), cost=4),
    FuzzedReader("temporal refiner", _temporal, load_temporal, cost=6),
    FuzzedReader("checkpoint", _checkpoint, lambda folder: load_checkpoint(folder, 2), cost=2),
    FuzzedReader("network with its graph", _graph, GraphNet.load, cost=2),
    FuzzedReader("weights .safetensors", _states(".safetensors"), read_state),
    FuzzedReader("weights .pth", _states(".pth"), read_state, cost=2),
    FuzzedReader("TensorFlow Lite", _tflite, read_tflite, cost=2),
    FuzzedReader("ONNX network", _onnx, _read_onnx, cost=8),
    FuzzedReader("exported network", _exported, load_reader, ("*.onnx",), cost=8),
    FuzzedReader("download of first use", _download, _downloaded, ("*.json", "cache/models/*")),
    FuzzedReader("zip archive", _archive, _extracted, ("*.zip",)),
    FuzzedReader("tar archive", _tar, _extracted, ("*.tgz",)),
]
