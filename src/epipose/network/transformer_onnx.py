"""ONNX models of the transformers over tokens: the head on a landmark network, and the refiner."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from epipose.network.blazepose import LANDMARKS
from epipose.network.onnx_file import OnnxModel, tensor_value
from epipose.network.refiner import Refiner
from epipose.network.token_head import TokenHead, TokenLayer

ANSWER = "answer"  # the output of both


def head_model(head: TokenHead) -> bytes:
    """`TokenHead.answered` as an ONNX model: inputs ``answers``, ``feature_0``, ..., ``summary_0``, ..., any batch."""
    model = OnnxModel()
    entered = _plus(model, _linear(model, "answers", head.enter), head.place)
    sources = [tensor_value("answers", np.float32, ("batch", LANDMARKS, head.enter.in_features))]
    for number, layer in enumerate(head.features):
        assert isinstance(layer, nn.Linear)
        name = f"feature_{number}"
        sources.append(tensor_value(name, np.float32, ("batch", LANDMARKS, layer.in_features)))
        entered = model.node("Add", [entered, _linear(model, name, layer)])
    tokens = [_for_each(model, head.query, "answers"), entered]
    one = model.constant(np.array([1]))
    for number, layer in enumerate(head.summary):
        assert isinstance(layer, nn.Linear)
        name = f"summary_{number}"
        sources.append(tensor_value(name, np.float32, ("batch", layer.in_features)))
        tokens.append(model.node("Unsqueeze", [_linear(model, name, layer), one]))
    hidden = _layers(model, model.node("Concat", tokens, axis=1), head.layers, head.joints)
    return _answered(model, hidden, head.norm, head.answer, sources)


def refiner_model(refiner: Refiner) -> bytes:
    """`Refiner.answered` as an ONNX model: input ``evidence``, any batch."""
    model = OnnxModel()
    joints, inputs = len(refiner.skeleton.joints), refiner.enter.in_features
    hidden = _plus(model, _linear(model, "evidence", refiner.enter), refiner.place)
    source = tensor_value("evidence", np.float32, ("batch", joints, inputs))
    return _answered(model, _layers(model, hidden, refiner.layers, joints), refiner.norm, refiner.answer, [source])


def _answered(model: OnnxModel, hidden: str, norm: nn.LayerNorm, answer: nn.Linear, sources: list[bytes]) -> bytes:
    """The model whose output is the last layer's answer for every joint."""
    model.node("Identity", [_linear(model, _normed(model, hidden, norm), answer)], ANSWER)
    return model.encoded(sources, [tensor_value(ANSWER, np.float32, ("batch", "joint", answer.out_features))])


def _layers(model: OnnxModel, hidden: str, layers: nn.ModuleList, joints: int) -> str:
    """The first so many tokens behind the layers: the last layer answers for no others."""
    for number, layer in enumerate(layers):
        assert isinstance(layer, TokenLayer)
        mixed = _attention(model, _normed(model, hidden, layer.before), layer)
        if number == len(layers) - 1:
            mixed, hidden = _first(model, mixed, joints), _first(model, hidden, joints)
        hidden = model.node("Add", [hidden, _linear(model, mixed, layer.out)])
        widen, _, narrow = layer.mlp
        assert isinstance(widen, nn.Linear)
        assert isinstance(narrow, nn.Linear)
        wide = _gelu(model, _linear(model, _normed(model, hidden, layer.between), widen))
        hidden = model.node("Add", [hidden, _linear(model, wide, narrow)])
    return hidden


def _first(model: OnnxModel, tokens: str, count: int) -> str:
    ends = (model.constant(np.array([value])) for value in (0, count, 1))
    return model.node("Slice", [tokens, *ends])


def _attention(model: OnnxModel, tokens: str, layer: TokenLayer) -> str:
    """Scaled dot-product attention of every head, before the layer that mixes the heads."""
    width = layer.out.in_features
    size = width // layer.heads
    apart = model.node(
        "Reshape", [_linear(model, tokens, layer.qkv), model.constant(np.array([0, 0, 3, layer.heads, size]))]
    )
    parts = model.node("Transpose", [apart], perm=[2, 0, 3, 1, 4])
    q, k, v = (model.node("Gather", [parts, model.constant(np.int64(part))], axis=0) for part in range(3))
    likeness = model.node("MatMul", [q, model.node("Transpose", [k], perm=[0, 1, 3, 2])])
    share = model.node("Softmax", [model.node("Mul", [likeness, model.constant(np.float32(size**-0.5))])], axis=-1)
    mixed = model.node("Transpose", [model.node("MatMul", [share, v])], perm=[0, 2, 1, 3])
    return model.node("Reshape", [mixed, model.constant(np.array([0, 0, width]))])


def _gelu(model: OnnxModel, x: str) -> str:
    """Written as ONNX Runtime finds it and puts its own operation in place."""
    half, one, root = (model.constant(np.float32(value)) for value in (0.5, 1.0, 2**0.5))
    error = model.node("Erf", [model.node("Div", [x, root])])
    return model.node("Mul", [model.node("Mul", [x, model.node("Add", [error, one])]), half])


def _linear(model: OnnxModel, x: str, layer: nn.Linear) -> str:
    product = model.node("MatMul", [x, model.constant(_numbers(layer.weight.T))])
    return product if layer.bias is None else _plus(model, product, layer.bias)


def _normed(model: OnnxModel, x: str, norm: nn.LayerNorm) -> str:
    weights = [model.constant(_numbers(tensor)) for tensor in (norm.weight, norm.bias)]
    return model.node("LayerNormalization", [x, *weights], axis=-1, epsilon=float(norm.eps))


def _plus(model: OnnxModel, x: str, values: Tensor) -> str:
    return model.node("Add", [x, model.constant(_numbers(values))])


def _for_each(model: OnnxModel, values: Tensor, like: str) -> str:
    """The same values for each row of a batch."""
    batch = model.node("Shape", [like], start=0, end=1)
    shape = model.node("Concat", [batch, model.constant(np.array(values.shape))], axis=0)
    return model.node("Expand", [model.constant(_numbers(values)), shape])


def _numbers(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().to(torch.float32).numpy())
