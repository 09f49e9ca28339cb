"""ONNX models of graphs: what ONNX Runtime needs to run a `GraphNet`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

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
from epipose.network.onnx_file import OnnxModel, tensor_value

INPUT = "crops"
ACTIVATIONS = ("none", "relu", "relu6")


def onnx_model(net: GraphNet, size: int, scale: float, offset: float) -> bytes:
    """The network as an ONNX model whose input is uint8 crops (batch, size, size, 3), named `INPUT`, batch open.

    The network reads crop * scale + offset. The outputs are the graph's, under their names.
    """
    model = OnnxModel()
    model.node("Cast", [INPUT], "as_float", to=1)
    model.node("Transpose", ["as_float"], "channels_first", perm=[0, 3, 1, 2])
    model.node("Mul", ["channels_first", model.constant(np.float32(scale))], "scaled")
    model.node("Add", ["scaled", model.constant(np.float32(offset))], net.graph.input)
    for name, tensor in net.tensors.items():
        model.initializer(name, tensor.detach().cpu().numpy())
    sides = feature_sides(net, size)
    for op in net.graph.ops:
        _write(model, op, sides)
    source = tensor_value(INPUT, np.uint8, ("batch", size, size, 3))
    return model.encoded(
        [source], [tensor_value(name, np.float32, _open_shape(net.graph, name)) for name in net.graph.outputs]
    )


def _open_shape(graph: Graph, name: str) -> list[str]:
    """As many open dimensions as a tensor has."""
    makers = {op.output: op for op in graph.ops}
    maker = makers.get(name)
    while maker is not None and not isinstance(maker, Flatten):
        maker = makers.get(maker.inputs[0])
    dimensions = 4 if maker is None else 1 + len(maker.shape)
    return ["batch", *(f"{name}_{axis}" for axis in range(1, dimensions))]


def feature_sides(net: GraphNet, size: int) -> dict[str, tuple[int, ...]]:
    """Height and width of every feature map where crops have ``size`` pixels a side; nothing for what is flattened."""
    sides: dict[str, tuple[int, ...]] = {net.graph.input: (size, size)}
    for op in net.graph.ops:
        before = sides[op.inputs[0]]
        match op:
            case Conv():
                kernel = net.tensors[op.weight].shape[2:]
                reach = [dilation * (side - 1) + 1 for dilation, side in zip(op.dilation, kernel, strict=True)]
                sides[op.output] = _stepped(_padded(before, op.pad), reach, op.stride)
            case Pad():
                sides[op.output] = _padded(before, op.pad)
            case Resize():
                sides[op.output] = op.size
            case MaxPool():
                sides[op.output] = _stepped(_padded(before, op.pad), op.size, op.stride)
            case DepthToSpace():
                sides[op.output] = tuple(side * op.block for side in before)
            case Flatten():
                sides[op.output] = ()
            case _:  # the others change no sides
                sides[op.output] = before
    return sides


def _padded(sides: tuple[int, ...], pad: tuple[int, int, int, int]) -> tuple[int, int]:
    left, right, top, bottom = pad
    return sides[0] + top + bottom, sides[1] + left + right


def _stepped(sides: tuple[int, ...], reach: Sequence[int], stride: Sequence[int]) -> tuple[int, ...]:
    """How many windows of this reach fit."""
    return tuple((side - one) // step + 1 for side, one, step in zip(sides, reach, stride, strict=True))


def _ratios(sizes: tuple[int, ...], of: tuple[int, ...]) -> list[float]:
    return [size / one for size, one in zip(sizes, of, strict=True)]


def _write(model: OnnxModel, op: Op, sides: Mapping[str, tuple[int, ...]]) -> None:
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
    model: OnnxModel, activation: str, kind: str, inputs: Sequence[str], output: str, attributes: Mapping[str, Any]
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
