"""A network given as a list of operations: computed step by step, pruned to what is wanted, kept in one file.

The file is safetensors: the trained tensors, and in its metadata the list of operations as JSON. So a converted network
needs neither the format nor the packages that it came from.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epipose.errors import InputError
from epipose.io.files import AnyPath, write_tensors
from epipose.io.guard import reading
from epipose.network.graph_ops import Conv, Op, Pad, Resize, op_as_json, op_from_json

METADATA, DIGEST = "graph", "sha256"  # of the safetensors file


@dataclass(frozen=True)
class Graph:
    """Operations in the order in which they are computed, the name of the input, and the names of the outputs."""

    ops: tuple[Op, ...]
    input: str
    outputs: tuple[str, ...]

    def pruned(self, outputs: Sequence[str]) -> Graph:
        """The graph with these tensors as outputs, without the operations that none of them needs.

        Any tensor of the graph may be an output. Raises InputError for names that are not in it.
        """
        unknown = set(outputs) - {self.input, *(op.output for op in self.ops)}
        if unknown:
            raise InputError(f"The graph has no tensor {', '.join(sorted(unknown))}. Name tensors that it computes.")
        needed, kept = set(outputs), []
        for op in reversed(self.ops):
            if op.output in needed:
                needed.update(op.inputs)
                kept.append(op)
        return Graph(tuple(reversed(kept)), self.input, tuple(outputs))

    def folded(self) -> Graph:
        """The graph with zeros round an image added by the convolutions that read it, not in a step of their own."""
        pads = {op.output: op for op in self.ops if isinstance(op, Pad) and not any(op.channels)}
        ops = tuple(
            _padded(op, pads[op.inputs[0]]) if isinstance(op, Conv) and op.inputs[0] in pads else op for op in self.ops
        )
        return Graph(ops, self.input, self.outputs).pruned(self.outputs)

    def mixed_before_resize(self, tensors: Mapping[str, Tensor]) -> Graph:
        """The graph with 1 x 1 convolutions of enlarged features done before these are enlarged, which costs less.

        Both are linear, and the weights of an interpolation sum to 1, so the outputs are the same.
        """
        readers = Counter(name for op in self.ops for name in op.inputs)
        makers = {op.output: op for op in self.ops}
        ops: list[Op] = []
        for op in self.ops:
            before = makers.get(op.inputs[0])
            if (
                isinstance(op, Conv)
                and isinstance(before, Resize)
                and _mixes_alone(op, tensors)
                and readers[before.output] == 1
            ):
                mixed = f"{op.output}_mixed"
                ops.append(replace(op, inputs=before.inputs, output=mixed, activation="none"))
                ops.append(replace(before, inputs=(mixed,), output=op.output, activation=op.activation))
            else:
                ops.append(op)
        return Graph(tuple(ops), self.input, self.outputs).pruned(self.outputs)


class GraphNet(nn.Module):
    """The network of a graph. Its parameters are the trained tensors by name, in ``tensors``."""

    def __init__(self, graph: Graph, tensors: Mapping[str, Tensor]) -> None:
        """Take those of the tensors that the graph needs; raises InputError where one is missing or of wrong type."""
        super().__init__()
        self.graph = graph
        needed = [name for op in graph.ops for name in op.weights]
        missing = sorted(set(needed) - set(tensors))
        if missing:
            raise InputError(f"The graph needs the tensors {', '.join(missing[:5])}, which were not given.")
        self.tensors = nn.ParameterDict({name: nn.Parameter(tensors[name].float()) for name in needed})
        self._dropped = _after_last_use(graph)

    def forward(self, images: Float[Tensor, "batch channel height width"]) -> tuple[Tensor, ...]:
        """The graph's outputs in their order."""
        values = {self.graph.input: images}
        for op, dropped in zip(self.graph.ops, self._dropped, strict=True):
            weights = [self.tensors[name] for name in op.weights]
            values[op.output] = op.apply([values[name] for name in op.inputs], weights)
            for name in dropped:
                del values[name]
        return tuple(values[name] for name in self.graph.outputs)

    def pruned(self, outputs: Sequence[str]) -> GraphNet:
        """A network with these tensors of the graph as outputs (see `Graph.pruned`); the parameters are shared."""
        return GraphNet(self.graph.pruned(outputs), dict(self.tensors.items()))

    def save(self, path: AnyPath, *, dtype: torch.dtype = torch.float32) -> None:
        """Write graph and tensors to one .safetensors file, whole or not at all.

        ``dtype`` float16 halves the file; nothing is lost where the tensors were read from such numbers.
        """
        graph = {
            "input": self.graph.input,
            "outputs": self.graph.outputs,
            "ops": [op_as_json(op) for op in self.graph.ops],
        }
        tensors = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in self.tensors.items()}
        write_tensors(path, tensors, {METADATA: json.dumps(graph), DIGEST: _digest(tensors)})

    @classmethod
    def load(cls, path: AnyPath) -> GraphNet:
        """Read what `save` wrote, as float32.

        Raises InputError for a missing file, DamagedFileError for another one or where a number is not as written.
        """
        from safetensors import safe_open

        path = Path(path)
        with reading(path, "a network with its graph", "Make it again or remove it."):
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                # copies: tensors that stay mapped to the file change, or crash, with it
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  (not a dict)
            content = json.loads(metadata[METADATA])
            if metadata.get(DIGEST, digest := _digest(tensors)) != digest:
                raise ValueError("the tensors are not those that were written")
            ops = tuple(op_from_json(op) for op in content["ops"])
            return cls(Graph(ops, content["input"], tuple(content["outputs"])), tensors)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names and numbers."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _mixes_alone(conv: Conv, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a convolution combines the channels of each pixel, and nothing else."""
    plain = Conv(conv.inputs, conv.output, conv.weight, conv.bias, activation=conv.activation)
    return conv == plain and tensors[conv.weight].shape[2:] == (1, 1)


def _padded(conv: Conv, pad: Pad) -> Conv:
    left, right, top, bottom = (a + b for a, b in zip(conv.pad, pad.pad, strict=True))
    return replace(conv, inputs=pad.inputs, pad=(left, right, top, bottom))


def _after_last_use(graph: Graph) -> list[list[str]]:
    """For each operation the tensors that nothing reads after it, so that they can be dropped."""
    seen = set(graph.outputs)
    dropped = []
    for op in reversed(graph.ops):
        dropped.append([name for name in dict.fromkeys(op.inputs) if name not in seen])
        seen.update(op.inputs)
    return dropped[::-1]
