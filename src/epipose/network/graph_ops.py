"""Operations of a convolutional network as records: each is one step of a graph, and computes its output.

A graph names its tensors; a record says which of them it reads and which it makes. Images and features are
(batch, channel, height, width). Records are written as JSON, so that a network is rebuilt from its file alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NOTHING = (0, 0, 0, 0)


@dataclass(frozen=True)
class Op:
    """One step: the tensors it reads, the tensor it makes."""

    inputs: tuple[str, ...]
    output: str

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the trained tensors that it needs beside its inputs."""
        return ()

    def apply(self, inputs: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """The output from the inputs and weights, each in the order of their names."""
        raise NotImplementedError


@dataclass(frozen=True)
class Conv(Op):
    """2D convolution with bias and activation; ``pad`` is left, right, top, bottom, in pixels, filled with zeros."""

    weight: str
    bias: str
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = NOTHING
    groups: int = 1
    activation: str = "none"

    @property
    def weights(self) -> tuple[str, ...]:
        """Kernel (out, in / groups, height, width) and bias (out,)."""
        return self.weight, self.bias

    def apply(self, inputs: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """The convolution; see `Op`."""
        (x,), (kernel, bias) = inputs, weights
        left, right, top, bottom = self.pad
        if (left, top) != (right, bottom):
            x, left, top = F.pad(x, self.pad), 0, 0
        y = F.conv2d(x, kernel, bias, self.stride, (top, left), self.dilation, self.groups)
        return _activated(y, self.activation)


@dataclass(frozen=True)
class Add(Op):
    """Sum of two tensors of one shape, with activation."""

    activation: str = "none"

    def apply(self, inputs: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """The sum; see `Op`."""
        return _activated(inputs[0] + inputs[1], self.activation)


@dataclass(frozen=True)
class Pad(Op):
    """Zeros round the image: left, right, top, bottom, then channels before and after."""

    pad: tuple[int, int, int, int] = NOTHING
    channels: tuple[int, int] = (0, 0)

    def apply(self, inputs: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """The padded tensor; see `Op`."""
        return F.pad(inputs[0], (*self.pad, *self.channels))


@dataclass(frozen=True)
class Resize(Op):
    """Bilinear resize to (height, width), with half-pixel centres unless the corners are aligned, and activation."""

    size: tuple[int, int]
    align_corners: bool = False
    activation: str = "none"

    def apply(self, inputs: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """The resized tensor; see `Op`."""
        y = F.interpolate(inputs[0], size=self.size, mode="bilinear", align_corners=self.align_corners)
        return _activated(y, self.activation)


@dataclass(frozen=True)
class MaxPool(Op):
    """Maximum over windows; ``pad`` (left, right, top, bottom) is never the maximum."""

    size: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int, int, int] = NOTHING

    def apply(self, inputs: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """The maxima; see `Op`."""
        x = F.pad(inputs[0], self.pad, value=float("-inf")) if any(self.pad) else inputs[0]
        return F.max_pool2d(x, self.size, self.stride)


@dataclass(frozen=True)
class Sigmoid(Op):
    """Logistic function."""

    def apply(self, inputs: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """Values in [0, 1]; see `Op`."""
        return torch.sigmoid(inputs[0])


@dataclass(frozen=True)
class DepthToSpace(Op):
    """Channels to blocks of ``block`` x ``block`` pixels; of the channels, the block's rows and columns run slowest."""

    block: int

    def apply(self, inputs: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """Channels / block², sides * block; see `Op`."""
        batch, channels, height, width = inputs[0].shape
        b, depth = self.block, channels // self.block**2
        blocks = inputs[0].reshape(batch, b, b, depth, height, width).permute(0, 3, 4, 1, 5, 2)
        return blocks.reshape(batch, depth, height * b, width * b)


@dataclass(frozen=True)
class Flatten(Op):
    """Features to (batch, *shape), read with the channel running fastest, then the column, then the row."""

    shape: tuple[int, ...]

    def apply(self, inputs: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """The flattened features; see `Op`."""
        return inputs[0].permute(0, 2, 3, 1).reshape(-1, *self.shape)


@dataclass(frozen=True)
class Concat(Op):
    """Tensors one behind another along an axis."""

    axis: int

    def apply(self, inputs: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """The concatenation; see `Op`."""
        return torch.cat(list(inputs), self.axis)


KINDS: dict[str, type[Op]] = {
    kind.__name__: kind for kind in (Conv, Add, Pad, Resize, MaxPool, Sigmoid, DepthToSpace, Flatten, Concat)
}


def op_as_json(op: Op) -> Mapping[str, Any]:
    """The fields of a record and its kind."""
    return {"kind": type(op).__name__, **asdict(op)}


def op_from_json(content: Mapping[str, Any]) -> Op:
    """A record from its JSON; raises ValueError, KeyError or TypeError for anything else."""
    kind = KINDS[content["kind"]]
    names = {field.name for field in fields(kind)} & set(content)
    values: dict[str, Any] = {name: _tuples(content[name]) for name in names}
    return kind(**values)


def _tuples(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _activated(x: Tensor, activation: str) -> Tensor:
    if activation == "relu6":
        return F.relu6(x)
    return F.relu(x) if activation == "relu" else x
