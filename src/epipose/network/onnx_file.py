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


class OnnxModel:
    """The nodes and initializers of an ONNX graph, encoded as they come."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._initializers: list[bytes] = []
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
        head = dims + _integer(2, ELEMENTS[values.dtype]) + _text(8, name)
        self._initializers.append(head + _message(9, np.ascontiguousarray(values).tobytes()))

    def constant(self, values: np.ndarray | np.generic) -> str:
        """The name of a tensor of these values, one for equal ones."""
        array = np.asarray(values)
        key = array.tobytes() + str((array.dtype, array.shape)).encode()
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self.initializer(self._constants[key], array)
        return self._constants[key]

    def encoded(self, sources: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
        """The file's content; inputs and outputs as `tensor_value` gives them."""
        graph = [_message(1, node) for node in self._nodes] + [_text(2, "graph")]
        graph += [_message(5, tensor) for tensor in self._initializers]
        graph += [_message(11, source) for source in sources] + [_message(12, output) for output in outputs]
        opset = _message(8, _integer(2, OPSET))
        return _integer(1, IR_VERSION) + _text(2, "epipose") + opset + _message(7, b"".join(graph))


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
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
