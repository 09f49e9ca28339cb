"""ONNX networks of others: what arrives in them, and files that are not theirs."""

import numpy as np
import pytest

pytest.importorskip("onnx")

from onnx import TensorProto, helper, save

from epipose.errors import DamagedFileError, InputError
from epipose.network import onnx_network
from epipose.network.onnx_network import OnnxNetwork
from tests.helpers import onnx_models
from tests.helpers.onnx_models import Model


@pytest.mark.parametrize("name", ["IMAGENET", "RAW_BGR", "UNIT_RGB"])
def test_networks_get_the_numbers_that_they_were_trained_on(name, tmp_path):
    model = Model(getattr(onnx_models, name), 12, 8)
    network = OnnxNetwork(model.save(tmp_path / "net.onnx", pixels=model.pixels), getattr(onnx_network, name))
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3)).astype(np.uint8)
    (found,) = network(images)
    np.testing.assert_allclose(found.numpy().transpose(0, 2, 3, 1), images, atol=0.01)
    assert (network.width, network.height) == (12, 8)


def test_more_people_in_one_image_than_in_another_where_images_go_one_by_one(tmp_path):
    """A network with a batch of one that answers as many rows as the image has bright columns."""
    model = Model(onnx_models.UNIT_RGB, 6, 4, batch=1)
    columns = model("ReduceMax", model.spots, np.array([1, 2]), keepdims=0)
    rows = model("Transpose", model("NonZero", columns), perm=[1, 0])
    answer = model("Cast", model("Unsqueeze", rows, np.array([0])), to=TensorProto.FLOAT)
    network = OnnxNetwork(model.save(tmp_path / "net.onnx", rows=answer), onnx_network.UNIT_RGB)
    images = np.zeros((3, 4, 6, 3), np.uint8)
    images[0, 1, [2, 4]] = images[2, 0, 5] = 255
    (found,) = network(images)
    assert found.shape == (3, 2, 2)
    assert found[..., 1].tolist() == [[2.0, 4.0], [0.0, 0.0], [5.0, 0.0]]


def test_a_network_that_reads_no_images_is_refused(tmp_path):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 7))
    node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([node], "g", [value], [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 7))])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), str(tmp_path / "n.onnx"))
    with pytest.raises(DamagedFileError, match=r"reads x \[1, 7\]; expected one input \(images, 3, height, width\)"):
        OnnxNetwork(tmp_path / "n.onnx", onnx_network.IMAGENET)
    with pytest.raises(InputError, match="There is no file"):
        OnnxNetwork(tmp_path / "missing.onnx", onnx_network.IMAGENET)
