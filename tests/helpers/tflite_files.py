"""Small .tflite files, written with the schema that comes with LiteRT."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest


class TfliteFile:
    """A network under construction: every method adds something and returns the index of the tensor that it makes."""

    def __init__(self, *shape: int):
        pytest.importorskip("ai_edge_litert")
        from ai_edge_litert import schema_py_generated as schema

        self.schema: Any = schema
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.buffers, self.codes = [self._buffer(b"")], []
        self.input = self.tensor(shape)
        self.random = np.random.default_rng(0)

    def tensor(self, shape, kind="FLOAT32", buffer=0, name=None) -> int:
        tensor = self.schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), getattr(self.schema.TensorType, kind), buffer
        tensor.name = name or f"tensor {len(self.graph.tensors)}"
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, values) -> int:
        array = np.ascontiguousarray(values)
        kind = {"f4": "FLOAT32", "f2": "FLOAT16", "i4": "INT32"}[array.dtype.str[1:]]
        self.buffers.append(self._buffer(array.tobytes()))
        return self.tensor(array.shape, kind, len(self.buffers) - 1)

    def weights(self, *shape: int) -> int:
        return self.constant(self.random.normal(0, 0.5, shape).astype(np.float32))

    def half(self, *shape: int) -> int:
        """Weights kept in half precision."""
        stored = self.constant(self.random.normal(0, 0.5, shape).astype(np.float16))
        return self.op("DEQUANTIZE", [stored], shape)

    def sparse(self, *shape: int) -> int:
        """Weights of which two in three are zero and are not in the file; the last dimension is compressed."""
        dense = self.random.normal(0, 0.5, shape).astype(np.float32)
        dense *= self.random.random(shape) < 0.34
        rows = dense.reshape(-1, shape[-1])
        index = self.constant(dense[dense != 0])
        tensor = self.graph.tensors[index]
        tensor.shape = list(shape)
        tensor.sparsity = sparsity = self.schema.SparsityParametersT()
        sparsity.traversalOrder = list(range(len(shape)))
        sparsity.dimMetadata = [self._dense(size) for size in shape[:-1]]
        last = self.schema.DimensionMetadataT()
        last.format = self.schema.DimensionType.SPARSE_CSR
        segments, indices = self.schema.Uint16VectorT(), self.schema.Uint8VectorT()
        segments.values = np.concatenate([[0], np.cumsum((rows != 0).sum(1))]).tolist()
        indices.values = np.nonzero(rows)[1].tolist()
        last.arraySegmentsType, last.arraySegments = self.schema.SparseIndexVector.Uint16Vector, segments
        last.arrayIndicesType, last.arrayIndices = self.schema.SparseIndexVector.Uint8Vector, indices
        sparsity.dimMetadata.append(last)
        return self.op("DENSIFY", [index], shape)

    def op(self, name: str, inputs, shape, options: str | None = None, **fields) -> int:
        """An operator of the schema; ``fields`` are those of its options."""
        schema = self.schema
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 3 if name == "DEQUANTIZE" else 1
        self.codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.codes) - 1
        output = self.tensor(shape)
        operator.inputs, operator.outputs = list(inputs), [output]
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, f"{options}T")()
            for field, value in fields.items():
                setattr(operator.builtinOptions, field, value)
        self.graph.operators.append(operator)
        return output

    def conv(self, source: int, shape, kernel: int, bias: int, **fields) -> int:
        values = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1, **fields}
        return self.op("CONV_2D", [source, kernel, bias], shape, "Conv2DOptions", **values)

    def depthwise(self, source: int, shape, kernel: int, bias: int, **fields) -> int:
        values = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1, **fields}
        return self.op("DEPTHWISE_CONV_2D", [source, kernel, bias], shape, "DepthwiseConv2DOptions", **values)

    def write(self, path: Path, *outputs: int) -> Path:
        import flatbuffers

        self.graph.inputs, self.graph.outputs = [self.input], list(outputs)
        model = self.schema.ModelT()
        model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, self.codes, [self.graph], self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path

    def _buffer(self, content: bytes):
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(content, np.uint8)
        return buffer

    def _dense(self, size: int):
        dimension = self.schema.DimensionMetadataT()
        dimension.format, dimension.denseSize = self.schema.DimensionType.DENSE, size
        return dimension
