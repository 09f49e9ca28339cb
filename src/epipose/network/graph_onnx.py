"""ONNX models of graphs, written without the onnx package: what ONNX Runtime needs to run a `GraphNet`.

An ONNX file is a protobuf message: a sequence of fields, each a key (field number and wire type) and its content. The
numbers of fields and types below are those of onnx.proto3. The model is of opset 18.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from epipose.errors import InputError
from epipose.network.graph_net import Graph, GraphNet
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

IR_VERSION, OPSET = 8, 18
ELEMENTS = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int64): 7}
INPUT = "crops"
ACTIVATIONS = ("none", "relu", "relu6")


def onnx_model(net: GraphNet, size: int, scale: float, offset: float) -> bytes:
    """The network as an ONNX model whose input is uint8 crops (batch, size, size, 3), named `INPUT`, batch open.

    The network reads crop * scale + offset. The outputs are the graph's, under their names.
    """
    model = _Model()
    model.node("Cast", [INPUT], "as_float", to=1)
    model.node("Transpose", ["as_float"], "channels_first", perm=[0, 3, 1, 2])
    model.node("Mul", ["channels_first", model.constant(np.float32(scale))], "scaled")
    model.node("Add", ["scaled", model.constant(np.float32(offset))], net.graph.input)
    for name, tensor in net.tensors.items():
        model.initializer(name, tensor.detach().cpu().numpy())
    sides = _sides(net, size)
    for op in net.graph.ops:
        _write(model, op, sides)
    source = _value(INPUT, ELEMENTS[np.dtype(np.uint8)], ("batch", size, size, 3))
    return model.encoded(source, [_value(name, 1, _open_shape(net.graph, name)) for name in net.graph.outputs])


def _open_shape(graph: Graph, name: str) -> list[str]:
    """As many open dimensions as a tensor has."""
    makers = {op.output: op for op in graph.ops}
    maker = makers.get(name)
    while maker is not None and not isinstance(maker, Flatten):
        maker = makers.get(maker.inputs[0])
    dimensions = 4 if maker is None else 1 + len(maker.shape)
    return ["batch", *(f"{name}_{axis}" for axis in range(1, dimensions))]


def _sides(net: GraphNet, size: int) -> dict[str, tuple[int, ...]]:
    """Height and width of what each resize reads, where crops have ``size`` pixels a side."""
    resized = [op.inputs[0] for op in net.graph.ops if isinstance(op, Resize)]
    features = net.pruned(resized).to("meta")(torch.empty(1, 3, size, size, device="meta"))
    return {name: tuple(feature.shape[2:]) for name, feature in zip(resized, features, strict=True)}


def _ratios(sizes: tuple[int, ...], of: tuple[int, ...]) -> list[float]:
    return [size / one for size, one in zip(sizes, of, strict=True)]


def _write(model: _Model, op: Op, sides: Mapping[str, tuple[int, ...]]) -> None:
    """The nodes of one operation; ``sides`` are height and width of what resizes read."""
    match op:
        case Conv():
            padding = {"strides": op.stride, "dilations": op.dilation, "pads": _pads(op.pad), "group": op.groups}
            _activated(model, op.activation, "Conv", [*op.inputs, op.weight, op.bias], op.output, padding)
        case Add():
            _activated(model, op.activation, "Add", op.inputs, op.output, {})
        case Pad():
            (before, after), (left, right, top, bottom) = op.channels, op.pad
            pads = model.constant(np.array([0, before, top, left, 0, after, bottom, right]))
            model.node("Pad", [*op.inputs, pads], op.output)
        case Resize():
            way = "align_corners" if op.align_corners else "half_pixel"
            scales = model.constant(np.array([1, 1, *_ratios(op.size, sides[op.inputs[0]])], np.float32))
            inputs = [*op.inputs, "", scales]  # scales, not sizes: those keep the blocked layout from being used
            attributes = {"mode": "linear", "coordinate_transformation_mode": way}
            _activated(model, op.activation, "Resize", inputs, op.output, attributes)
        case MaxPool():
            model.node("MaxPool", op.inputs, op.output, kernel_shape=op.size, strides=op.stride, pads=_pads(op.pad))
        case Sigmoid():
            model.node("Sigmoid", op.inputs, op.output)
        case DepthToSpace():
            model.node("DepthToSpace", op.inputs, op.output, blocksize=op.block, mode="DCR")
        case Flatten():
            model.node("Transpose", op.inputs, f"{op.output}_last", perm=[0, 2, 3, 1])
            shape = model.constant(np.array([-1, *op.shape]))
            model.node("Reshape", [f"{op.output}_last", shape], op.output)
        case Concat():
            model.node("Concat", op.inputs, op.output, axis=op.axis)
        case _:
            raise InputError(f"{type(op).__name__} has no counterpart in ONNX here.")


def _activated(
    model: _Model, activation: str, kind: str, inputs: Sequence[str], output: str, attributes: Mapping[str, Any]
) -> None:
    if activation == "none":
        model.node(kind, inputs, output, **attributes)
        return
    model.node(kind, inputs, f"{output}_linear", **attributes)
    if activation == "relu":
        model.node("Relu", [f"{output}_linear"], output)
    else:
        limits = [model.constant(np.float32(0)), model.constant(np.float32(6))]
        model.node("Clip", [f"{output}_linear", *limits], output)


def _pads(pad: tuple[int, int, int, int]) -> list[int]:
    left, right, top, bottom = pad
    return [top, left, bottom, right]


class _Model:
    """The nodes and initializers of an ONNX graph, encoded as they come."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._initializers: list[bytes] = []
        self._constants: dict[bytes, str] = {}

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        parts = [_text(1, name) for name in inputs]
        parts += [_text(2, output), _text(3, output), _text(4, kind)]
        parts += [_message(5, _attribute(name, value)) for name, value in attributes.items()]
        self._nodes.append(b"".join(parts))

    def initializer(self, name: str, values: np.ndarray) -> None:
        dims = b"".join(_integer(1, n) for n in values.shape)
        head = dims + _integer(2, ELEMENTS[values.dtype]) + _text(8, name)
        self._initializers.append(head + _message(9, np.ascontiguousarray(values).tobytes()))

    def constant(self, values: np.ndarray | np.generic) -> str:
        array = np.asarray(values)
        key = array.tobytes() + str((array.dtype, array.shape)).encode()
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self.initializer(self._constants[key], array)
        return self._constants[key]

    def encoded(self, source: bytes, outputs: Sequence[bytes]) -> bytes:
        graph = [_message(1, node) for node in self._nodes] + [_text(2, "graph")]
        graph += [_message(5, tensor) for tensor in self._initializers]
        graph += [_message(11, source), *(_message(12, output) for output in outputs)]
        opset = _message(8, _integer(2, OPSET))
        return _integer(1, IR_VERSION) + _text(2, "epipose") + opset + _message(7, b"".join(graph))


def _value(name: str, element: int, shape: Sequence[int | str]) -> bytes:
    """A ValueInfoProto: name, element type and shape, in which texts are open dimensions."""
    dimensions = [_message(1, _text(2, size) if isinstance(size, str) else _integer(1, size)) for size in shape]
    tensor = _integer(1, element) + _message(2, b"".join(dimensions))
    return _text(1, name) + _message(2, _message(1, tensor))


def _attribute(name: str, value: int | str | Sequence[int]) -> bytes:
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _integer(20, 3)
    if isinstance(value, int):
        return _text(1, name) + _integer(3, value) + _integer(20, 2)
    return _text(1, name) + b"".join(_integer(8, number) for number in value) + _integer(20, 7)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value % 2**64)


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
