import json
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from epipose.errors import DamagedFileError, InputError
from epipose.network.blazepose import CROP_SIDE, load_landmarks
from epipose.network.crop_network import OnnxCrops, TorchCrops, crop_network
from epipose.network.graph_net import Graph, GraphNet
from epipose.network.graph_onnx import feature_sides, onnx_model
from epipose.network.graph_ops import (
    KINDS,
    Add,
    Conv,
    Flatten,
    MaxPool,
    Op,
    Pad,
    Resize,
    Sigmoid,
    op_as_json,
    op_from_json,
)

OPS = (
    Pad(("image",), "padded", (1, 1, 1, 1)),
    Conv(("padded",), "a", "w1", "b1", (2, 2), activation="relu6"),
    MaxPool(("a",), "small", (2, 2), (2, 2)),
    Resize(("small",), "large", (8, 8)),
    Add(("a", "large"), "sum", "relu"),
    Sigmoid(("sum",), "mask"),
    Conv(("sum",), "mixed", "w2", "b2"),
    Flatten(("mixed",), "flat", (8 * 8 * 2,)),
)


@pytest.fixture
def net():
    torch.manual_seed(0)
    shapes = {"w1": (4, 3, 3, 3), "b1": (4,), "w2": (2, 4, 1, 1), "b2": (2,)}
    return GraphNet(Graph(OPS, "image", ("flat", "mask")), {name: torch.randn(shape) for name, shape in shapes.items()})


def test_what_no_output_needs_is_left_out(net):
    images = torch.rand(2, 3, 16, 16)
    flat, mask = net(images)
    assert flat.shape == (2, 128)
    part = net.pruned(["flat", "small"])
    assert [op.output for op in part.graph.ops] == ["padded", "a", "small", "large", "sum", "mixed", "flat"]
    again, small = part(images)
    torch.testing.assert_close(again, flat)
    assert small.shape == (2, 4, 4, 4)
    assert set(net.pruned(["mask"]).tensors) == {"w1", "b1"}
    torch.testing.assert_close(net.pruned(["mask"])(images)[0], mask)
    with pytest.raises(InputError, match="The graph has no tensor what"):
        net.pruned(["what"])


def test_it_learns(net):
    flat, _ = net(torch.rand(2, 3, 16, 16))
    flat.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_features_are_dropped_after_their_last_use(net):
    assert net._dropped == [["image"], ["padded"], [], ["small"], ["a", "large"], [], ["sum"], ["mixed"]]


def test_tensors_that_are_missing_are_named():
    with pytest.raises(InputError, match="needs the tensors b1, b2, w1, w2"):
        GraphNet(Graph(OPS, "image", ("flat",)), {})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_file_holds_all_that_is_needed(net, tmp_path, dtype):
    images = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(parameter.to(dtype))
    net.save(tmp_path / "net.safetensors", dtype=dtype)
    read = GraphNet.load(tmp_path / "net.safetensors")
    assert read.graph == net.graph
    for found, expected in zip(read(images), net(images), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert load_file(tmp_path / "net.safetensors")["w1"].dtype == dtype


def test_damaged_files_are_named(net, tmp_path):
    path = tmp_path / "net.safetensors"
    with pytest.raises(InputError, match="There is no file"):
        GraphNet.load(path)
    net.save(path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-2] ^= 1
    for content in (b"", whole[:-1], whole[: len(whole) // 3], bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises(DamagedFileError, match=r"net\.safetensors cannot be read as a network with its graph"):
            GraphNet.load(path)


@pytest.mark.parametrize(
    "graph", ["nothing", "[]", json.dumps({"input": "image", "outputs": ["a"], "ops": [{"kind": "Magic"}]}), None]
)
def test_files_of_another_kind_are_named(graph, tmp_path):
    save_file({"w1": torch.zeros(1)}, tmp_path / "other.safetensors", {"graph": graph} if graph else None)
    with pytest.raises(DamagedFileError, match=r"other\.safetensors cannot be read as a network with its graph"):
        GraphNet.load(tmp_path / "other.safetensors")


def test_operations_are_the_same_after_json():
    assert {type(op) for op in OPS} <= set(KINDS.values())
    for op in OPS:
        assert op_from_json(json.loads(json.dumps(op_as_json(op)))) == op


def test_the_onnx_model_is_valid_and_has_open_batches(net):
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(onnx_model(net, 16, 1 / 255, 0.0))
    onnx.checker.check_model(model, full_check=True)
    assert [len(output.type.tensor_type.shape.dim) for output in model.graph.output] == [2, 4]


def test_an_operation_without_a_counterpart_in_onnx_is_named():
    with pytest.raises(InputError, match="Op has no counterpart in ONNX"):
        onnx_model(GraphNet(Graph((Op(("image",), "a"),), "image", ("a",)), {}), 16, 1.0, 0.0)


def test_both_programs_read_the_same_in_one_crop_and_in_many(net):
    crops = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)
    torch_outputs = TorchCrops(net, 1 / 255, -0.5)(crops)
    onnx = crop_network(net, 16, scale=1 / 255, offset=-0.5)
    assert isinstance(onnx, OnnxCrops)
    for batch in (slice(0, 5), slice(2, 3)):
        for found, expected in zip(onnx(crops[batch]), torch_outputs, strict=True):
            np.testing.assert_allclose(found, expected[batch], atol=1e-5)


def test_pytorch_stands_in_for_onnx_runtime(net, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert isinstance(crop_network(net, 16, scale=1.0), TorchCrops)


def test_sides_of_features_are_known_without_running_the_network(net):
    """Of the steps above, and of a whole network with strides, paddings and resizes."""
    for whole, size in ((net, 16), (load_landmarks("full").network, CROP_SIDE)):
        names = [op.output for op in whole.graph.ops]
        with torch.inference_mode():
            features = whole.pruned(names)(torch.zeros(1, 3, size, size))
        sides = feature_sides(whole, size)
        for name, feature in zip(names, features, strict=True):
            assert sides[name] == (tuple(feature.shape[2:]) if feature.ndim == 4 else ()), name
