"""Graphs run on crops as fast as the machine allows: by ONNX Runtime where it is installed, else by PyTorch.

ONNX Runtime keeps the weights in the blocks that the processor's vectors have, and fuses activations into convolutions;
PyTorch arranges weights anew for every image. Measured on two cores (benchmarks/network/blazepose_speed.py), it is the
only one of the two that is as fast as LiteRT.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.network.graph_net import GraphNet
from epipose.network.graph_onnx import INPUT, onnx_model


@runtime_checkable
class CropNetwork(Protocol):
    """A network that reads square RGB crops; its outputs are arrays, each with one row per crop."""

    def __call__(self, crops: UInt8[np.ndarray, "crop size size 3"]) -> Sequence[Float[np.ndarray, "crop ..."]]:
        """The outputs in their order; at least one crop."""
        ...


class OnnxCrops:
    """A graph run by ONNX Runtime; may be called by several threads at once.

    One crop is shared by all threads. Of several crops, each thread takes one at a time: their features stay in the
    processor's cache, which those of a batch would leave. Threads sleep while they wait: where they spin, anything
    else that runs makes the network slower than one thread.
    """

    def __init__(self, net: GraphNet, size: int, scale: float, offset: float, threads: int) -> None:
        """Crops have ``size`` x ``size`` pixels, and the graph reads pixel * scale + offset."""
        import onnxruntime as runtime

        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors: the rest is about its own workings
        model = onnx_model(net, size, scale, offset)
        self._session: Any = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._pool = ThreadPoolExecutor(threads)

    def __call__(self, crops: UInt8[np.ndarray, "crop size size 3"]) -> Sequence[Float[np.ndarray, "crop ..."]]:
        """See `CropNetwork`."""
        if len(crops) == 1:
            return self._session.run(None, {INPUT: crops})
        outputs = self._pool.map(lambda crop: self._session.run(None, {INPUT: crop[None]}), crops)
        return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]


class TorchCrops:
    """A graph run by PyTorch, with as many threads as PyTorch has been given; several callers take turns."""

    def __init__(self, net: GraphNet, scale: float, offset: float) -> None:
        """The graph reads pixel * scale + offset."""
        self._net = net.pruned(net.graph.outputs).eval()
        self._turn = Lock()
        self._scale, self._offset = scale, offset

    def __call__(self, crops: UInt8[np.ndarray, "crop size size 3"]) -> Sequence[Float[np.ndarray, "crop ..."]]:
        """See `CropNetwork`."""
        with self._turn, torch.inference_mode():
            images: Tensor = torch.from_numpy(crops).permute(0, 3, 1, 2) * self._scale + self._offset
            return [output.numpy() for output in self._net(images)]


def crop_network(net: GraphNet, size: int, *, scale: float, offset: float = 0.0, threads: int = 2) -> CropNetwork:
    """The graph in ONNX Runtime, or in PyTorch where that is not installed; arguments as in `OnnxCrops`."""
    try:
        return OnnxCrops(net, size, scale, offset, threads)
    except ImportError:
        return TorchCrops(net, scale, offset)
