"""Graphs run on crops: on a processor by ONNX Runtime where it is installed, else and on a GPU by PyTorch.

ONNX Runtime keeps the weights in the blocks that the processor's vectors have, and fuses activations into convolutions;
PyTorch arranges weights anew for every image. Measured on two cores (benchmarks/network/blazepose_speed.py), it is the
only one of the two that is as fast as LiteRT. A GPU is used well only by many crops at once: those of callers in
several threads, one for each view, are run together.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.io.quiet import onnx_runtime
from epipose.network.devices import device_named
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
        self._session: Any = onnx_session(onnx_model(net, size, scale, offset), threads)
        self._pool = ThreadPoolExecutor(threads)

    def __call__(self, crops: UInt8[np.ndarray, "crop size size 3"]) -> Sequence[Float[np.ndarray, "crop ..."]]:
        """See `CropNetwork`."""
        if len(crops) == 1:
            return self._session.run(None, {INPUT: crops})
        outputs = self._pool.map(lambda crop: self._session.run(None, {INPUT: crop[None]}), crops)
        return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]


def onnx_session(model: bytes | str, threads: int, providers: Sequence[Any] = ("CPUExecutionProvider",)) -> Any:
    """ONNX Runtime's session of a model, or of the file of that name; by default on the processor.

    Raises ImportError where ONNX Runtime is not installed, and its own errors for what is no model.
    """
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors: the rest is about its own workings
    return runtime.InferenceSession(model, options, providers=list(providers))


class TorchCrops:
    """A graph run by PyTorch on one device, with as many threads as PyTorch has been given; several callers take turns."""

    def __init__(self, net: GraphNet, scale: float, offset: float, device: torch.device | None = None) -> None:
        """The graph reads pixel * scale + offset; it is run on the processor where no device is given."""
        self._device = device or torch.device("cpu")
        self._net = net.pruned(net.graph.outputs).to(self._device).eval()
        self._turn = Lock()
        self._scale, self._offset = scale, offset

    def __call__(self, crops: UInt8[np.ndarray, "crop size size 3"]) -> Sequence[Float[np.ndarray, "crop ..."]]:
        """See `CropNetwork`."""
        count = len(crops)
        if self._device.type == "cuda":
            crops = _padded(crops)
        # TF32 has ten bits: a keypoint would move by as much as a pixel
        with self._turn, torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            images: Tensor = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2) * self._scale + self._offset
            if self._device.type == "cuda":
                images = images.contiguous()  # cuDNN's convolutions per channel are slow where channels come last
            return [output[:count].cpu().numpy() for output in self._net(images)]


_PLANNED = (1, 8, 64)  # crops in a batch on a GPU: cuDNN plans every layer anew for each number, which takes seconds


def _padded(crops: UInt8[np.ndarray, "crop size size 3"]) -> UInt8[np.ndarray, "padded size size 3"]:
    """Crops repeated up to the next number that is planned for; more than the largest stay as they are."""
    wanted = next((number for number in _PLANNED if number >= len(crops)), len(crops))
    return np.resize(crops, (wanted, *crops.shape[1:]))


class SharedCrops:
    """Runs what several threads ask for at the same time in one batch; a single caller waits for nobody.

    While one batch is computed, further crops queue up; they are the next batch.
    """

    def __init__(self, network: CropNetwork, most: int = 64) -> None:
        """``most``: crops in a batch, but for one caller who gives more."""
        self._network, self._most = network, most
        self._waiting: list[_Request] = []
        self._list, self._turn = Lock(), Lock()

    def __call__(self, crops: UInt8[np.ndarray, "crop size size 3"]) -> Sequence[Float[np.ndarray, "crop ..."]]:
        """See `CropNetwork`."""
        own = _Request(crops, Future())
        with self._list:
            self._waiting.append(own)
        while not own.outputs.done():
            with self._turn:
                if not own.outputs.done():
                    self._run(self._next())
        return own.outputs.result()

    def _next(self) -> list[_Request]:
        """The requests that come first, as many as a batch holds."""
        with self._list:
            sizes = np.cumsum([len(request.crops) for request in self._waiting])
            count = max(1, int((sizes <= self._most).sum()))
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _run(self, batch: list[_Request]) -> None:
        try:
            outputs = self._network(np.concatenate([request.crops for request in batch]))
        except BaseException as error:
            for request in batch:
                request.outputs.set_exception(error)
            return
        ends = np.cumsum([len(request.crops) for request in batch]).tolist()
        for request, start, end in zip(batch, [0, *ends], ends, strict=False):
            request.outputs.set_result([output[start:end] for output in outputs])


class _Request(NamedTuple):
    """Crops, and where their outputs go."""

    crops: UInt8[np.ndarray, "crop size size 3"]
    outputs: Future[Sequence[np.ndarray]]


def crop_network(
    net: GraphNet, size: int, *, scale: float, offset: float = 0.0, threads: int = 2, device: str = "cpu"
) -> CropNetwork:
    """The graph on a device ("cpu", "cuda", "cuda:1", "auto"); arguments as in `OnnxCrops`.

    On the processor by ONNX Runtime, or by PyTorch where that is not installed; on a GPU by PyTorch. Raises InputError
    for a device that is not there.
    """
    place = device_named(device)
    if place.type != "cpu":
        return SharedCrops(TorchCrops(net, scale, offset, place))
    try:
        return OnnxCrops(net, size, scale, offset, threads)
    except ImportError:
        return TorchCrops(net, scale, offset)
