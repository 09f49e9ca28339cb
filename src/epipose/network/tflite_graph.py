"""TensorFlow Lite networks as graphs of `graph_ops`: convolutions, sums, resizes, and weights that may be sparse.

A .tflite file is a FlatBuffer; the numbers of fields, operators and types below are those of its schema
(tensorflow/compiler/mlir/lite/schema/schema.fbs). Tensors are there (batch, height, width, channel), here
(batch, channel, height, width). Weights in half precision, and sparse ones, become dense float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath
from epipose.io.guard import reading
from epipose.network.flatbuffer import Table, root
from epipose.network.graph_net import Graph
from epipose.network.graph_ops import (
    Add,
    Concat,
    Conv,
    DepthToSpace,
    Flatten,
    MaxPool,
    Op,
    Pad,
    Resize,
    Sigmoid,
)

ADD, CONCATENATION, CONV_2D, DEPTHWISE_CONV_2D, DEPTH_TO_SPACE, DEQUANTIZE = 0, 2, 3, 4, 5, 6
LOGISTIC, MAX_POOL_2D, RESHAPE, RESIZE_BILINEAR, PAD, DENSIFY = 14, 17, 22, 23, 34, 124
SAME = 0  # the padding that keeps ceil(side / stride)
ACTIVATIONS = {0: "none", 1: "relu", 3: "relu6"}
DTYPES = {0: "<f4", 1: "<f2", 2: "<i4", 4: "<i8"}
INDEX_DTYPES = {1: "<i4", 2: "<u2", 3: "u1"}  # of the segments and indices of a sparse dimension
SPARSE = 1


@dataclass(frozen=True)
class TfliteNetwork:
    """A network as it was read: its graph, its trained tensors, and the shapes (C, H, W or other) of all tensors.

    ``outputs`` of the graph are in the order of their names in the file.
    """

    graph: Graph
    tensors: dict[str, Tensor]
    shapes: dict[str, tuple[int, ...]]


def read_tflite(path: AnyPath) -> TfliteNetwork:
    """Read a .tflite file of one subgraph, with batch size 1 and float weights.

    Raises InputError for a missing file or a network with operations that this does not know, DamagedFileError for a
    file that is no .tflite or cut short.
    """
    path = Path(path)
    with reading(path, "a TensorFlow Lite network", "Download it again."):
        content = path.read_bytes()
        if content[4:8] != b"TFL3":
            raise DamagedFileError(f"{path} is not a TensorFlow Lite network. Download it again.")
        try:
            return _Reader(root(content)).network()
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


class _Reader:
    def __init__(self, model: Table) -> None:
        (subgraph,) = model.tables(2)
        self._buffers = model.tables(4)
        self._codes = [max(code.number(0, "b"), code.number(3)) for code in model.tables(1)]
        self._tensors = subgraph.tables(0)
        self._subgraph = subgraph
        self._shapes = [tuple(int(n) for n in tensor.array(0)) for tensor in self._tensors]
        self._constants: dict[int, np.ndarray] = {}
        self.weights: dict[str, Tensor] = {}

    def network(self) -> TfliteNetwork:
        ops: list[Op] = []
        for operator in self._subgraph.tables(3):
            code = self._codes[operator.number(0, "I")]
            inputs, (output,) = operator.array(1).tolist(), operator.array(2).tolist()
            if code in (DEQUANTIZE, DENSIFY):
                self._constants[output] = self._constant(inputs[0])
            else:
                options = operator.table(4) or Table(b"\4\0\4\0\4\0\0\0", 4)  # no fields: all defaults
                ops.append(self._op(code, inputs, output, options))
        (source,) = self._subgraph.array(1).tolist()
        outputs = sorted(self._subgraph.array(2).tolist(), key=lambda output: self._tensors[output].text(3))
        graph = Graph(tuple(ops), _name(source), tuple(map(_name, outputs)))
        shapes = {name: self._shape_without_batch(name) for name in (graph.input, *(op.output for op in ops))}
        return TfliteNetwork(graph, self.weights, shapes)

    def _op(self, code: int, inputs: list[int], output: int, options: Table) -> Op:
        names, made = tuple(map(_name, inputs)), _name(output)
        if code in (CONV_2D, DEPTHWISE_CONV_2D):
            return self._conv(inputs, output, options, depthwise=code == DEPTHWISE_CONV_2D)
        if code == ADD:
            return Add(names, made, _activation(options.number(0, "b")))
        if code == PAD:
            (_, _), (top, bottom), (left, right), channels = self._constant(inputs[1]).tolist()
            return Pad(names[:1], made, (left, right, top, bottom), tuple(channels))
        if code == RESIZE_BILINEAR:
            aligned = bool(options.number(2, "b"))
            if not aligned and not options.number(3, "b"):
                raise InputError("it resizes without half-pixel centres, which is not supported.")
            height, width = self._constant(inputs[1]).tolist()
            return Resize(names[:1], made, (height, width), aligned)
        if code == MAX_POOL_2D:
            size, stride = (options.number(4), options.number(3)), (options.number(2), options.number(1))
            if options.number(5, "b"):
                raise InputError("it has an activation after a maximum, which is not supported.")
            pad = self._same_pad(inputs[0], size, stride) if options.number(0, "b") == SAME else (0, 0, 0, 0)
            return MaxPool(names, made, size, stride, pad)
        if code == LOGISTIC:
            return Sigmoid(names, made)
        if code == DEPTH_TO_SPACE:
            return DepthToSpace(names, made, options.number(0))
        if code == RESHAPE:
            return Flatten(names[:1], made, self._shapes[output][1:])
        if code == CONCATENATION:
            return Concat(names, made, _axis(options.number(0), len(self._shapes[output])))
        raise InputError(f"it has operator {code} of the TensorFlow Lite schema, which is not supported.")

    def _conv(self, inputs: list[int], output: int, options: Table, *, depthwise: bool) -> Conv:
        """Kernels are (out, height, width, in), depthwise ones (1, height, width, out)."""
        kernel, bias = self._constant(inputs[1]), self._constant(inputs[2])
        first = 4 if depthwise else 3  # depthwise options have the depth multiplier in between
        stride = options.number(2, default=1), options.number(1, default=1)
        dilation = options.number(first + 2, default=1), options.number(first + 1, default=1)
        size = ((kernel.shape[1] - 1) * dilation[0] + 1, (kernel.shape[2] - 1) * dilation[1] + 1)
        pad = self._same_pad(inputs[0], size, stride) if options.number(0, "b") == SAME else (0, 0, 0, 0)
        groups = self._shapes[inputs[0]][-1] if depthwise else 1
        weight, offset = f"weight_{output}", f"bias_{output}"
        order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
        self.weights[weight] = torch.from_numpy(kernel.transpose(order).astype(np.float32, order="C"))
        self.weights[offset] = torch.from_numpy(bias.astype(np.float32))
        activation = _activation(options.number(first, "b"))
        return Conv((_name(inputs[0]),), _name(output), weight, offset, stride, dilation, pad, groups, activation)

    def _same_pad(self, source: int, size: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int, int, int]:
        """Left, right, top, bottom: where the sum is odd, the right and the bottom get one more."""
        sides = self._shapes[source][1:3]
        totals = [
            max((-(-side // step) - 1) * step + reach - side, 0)
            for side, step, reach in zip(sides, stride, size, strict=True)
        ]
        (top, bottom), (left, right) = [(total // 2, total - total // 2) for total in totals]
        return left, right, top, bottom

    def _constant(self, index: int) -> np.ndarray:
        """A tensor whose numbers are in the file."""
        if index in self._constants:
            return self._constants[index]
        tensor = self._tensors[index]
        values = self._buffers[tensor.number(2, "I")].array(0, "u1").view(DTYPES[tensor.number(1, "b")])
        sparsity = tensor.table(6)
        return (_densified(values, sparsity, self._shapes[index]) if sparsity else values).reshape(self._shapes[index])

    def _shape_without_batch(self, name: str) -> tuple[int, ...]:
        shape = self._shapes[int(name[1:])][1:]
        return (shape[2], *shape[:2]) if len(shape) == 3 else shape


def _densified(values: np.ndarray, sparsity: Table, shape: tuple[int, ...]) -> np.ndarray:
    """The dense tensor of a sparse one whose last dimension alone is compressed, its rows one after another.

    Row i has the values ``segments[i]`` to ``segments[i + 1]``, at the places that the indices name.
    """
    *dense, last = sparsity.tables(2)
    order = sparsity.array(0)
    if len(sparsity.array(1)) or (order != np.arange(len(shape))).any() or last.number(0, "b") != SPARSE:
        raise InputError("it has sparse weights in blocks or in another order, which is not supported.")
    if any(dimension.number(0, "b") == SPARSE for dimension in dense):
        raise InputError("it has weights that are sparse in several dimensions, which is not supported.")
    segments, indices = _indices(last, 2), _indices(last, 4)
    full = np.zeros((int(np.prod(shape[:-1])), shape[-1]), values.dtype)
    full[np.repeat(np.arange(len(full)), np.diff(segments)), indices] = values
    return full


def _indices(dimension: Table, field: int) -> np.ndarray:
    """Segments (field 2) or indices (4) of a sparse dimension, whose integers have as many bytes as they need."""
    vector = dimension.table(field + 1)
    if vector is None:
        raise ValueError("a sparse dimension lacks its indices")
    return vector.array(0, INDEX_DTYPES[dimension.number(field, "B")]).astype(int)


def _activation(code: int) -> str:
    if code not in ACTIVATIONS:
        raise InputError(f"it has activation {code} of the TensorFlow Lite schema, which is not supported.")
    return ACTIVATIONS[code]


def _axis(axis: int, dimensions: int) -> int:
    """An axis of (batch, height, width, channel) as one of (batch, channel, height, width); others stay."""
    axis %= dimensions
    return (0, 2, 3, 1)[axis] if dimensions == 4 else axis


def _name(tensor: int) -> str:
    return f"t{tensor}"
