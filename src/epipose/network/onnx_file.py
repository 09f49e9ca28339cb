"""ONNX models written without the onnx package: nodes, tensors and types as ONNX Runtime reads them.

An ONNX file is a protobuf message: a sequence of fields, each a key (field number and wire type) and its content. The
numbers of fields and types below are those of onnx.proto3. The model is of opset 18.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

IR_VERSION, OPSET = 8, 18
ELEMENTS = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int64): 7}
_SMALL = 64  # numbers of a constant that is looked for among the others


class OnnxModel:
    """The nodes and initializers of an ONNX graph, encoded as they come."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._initializers: list[bytes | memoryview] = []  # pieces, put together once: weights are large
        self._constants: dict[bytes, str] = {}

    def node(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Write an operation of one output, and give its name, by default a new one.

        Attributes are integers, numbers, texts or sequences of integers.
        """
        output = output or f"{kind.lower()}_{len(self._nodes)}"
        parts = [_text(1, name) for name in inputs]
        parts += [_text(2, output), _text(3, output), _text(4, kind)]
        parts += [_message(5, _attribute(name, value)) for name, value in attributes.items()]
        self._nodes.append(b"".join(parts))
        return output

    def initializer(self, name: str, values: np.ndarray) -> None:
        """A tensor under a name, of one of the types `ELEMENTS`."""
        dims = b"".join(_integer(1, n) for n in values.shape)
        head = dims + _integer(2, ELEMENTS[values.dtype]) + _text(8, name) + _key(9, values.nbytes)
        content = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
        self._initializers += [_key(5, len(head) + values.nbytes) + head, content]

    def constant(self, values: np.ndarray | np.generic) -> str:
        """The name of a tensor of these values, one for equal small ones."""
        array = np.asarray(values)
        small = array.tobytes() if array.size <= _SMALL else len(self._constants).to_bytes(8)
        key = small + str((array.dtype, array.shape)).encode()
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self.initializer(self._constants[key], array)
        return self._constants[key]

    def encoded(self, sources: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
        """The file's content; inputs and outputs as `tensor_value` gives them."""
        nodes = b"".join(_message(1, node) for node in self._nodes) + _text(2, "graph")
        ends = b"".join([*(_message(11, source) for source in sources), *(_message(12, output) for output in outputs)])
        graph = [nodes, *self._initializers, ends]
        size = sum(len(piece) for piece in graph)
        opset = _message(8, _integer(2, OPSET))
        return b"".join([_integer(1, IR_VERSION), _text(2, "epipose"), opset, _key(7, size), *graph])


def tensor_value(name: str, kind: type[np.generic], shape: Sequence[int | str]) -> bytes:
    """A ValueInfoProto: name, element type and shape, in which texts are open dimensions."""
    dimensions = [_message(1, _text(2, size) if isinstance(size, str) else _integer(1, size)) for size in shape]
    tensor = _integer(1, ELEMENTS[np.dtype(kind)]) + _message(2, b"".join(dimensions))
    return _text(1, name) + _message(2, _message(1, tensor))


def _attribute(name: str, value: int | float | str | Sequence[int]) -> bytes:
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _integer(20, 3)
    if isinstance(value, int):
        return _text(1, name) + _integer(3, value) + _integer(20, 2)
    if isinstance(value, float):
        return _text(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", value) + _integer(20, 1)
    return _text(1, name) + b"".join(_integer(8, number) for number in value) + _integer(20, 7)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value % 2**64)


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _message(field: int, content: bytes) -> bytes:
    return _key(field, len(content)) + content


def _key(field: int, size: int) -> bytes:
    """What stands before a field's content of so many bytes."""
    return _varint(field << 3 | 2) + _varint(size)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
