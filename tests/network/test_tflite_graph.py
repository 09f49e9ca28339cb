"""Every operation of BlazePose's networks, in small networks of our own, against LiteRT."""

import numpy as np
import pytest

from benchmarks.network.litert import LiteRtNetwork
from epipose.errors import DamagedFileError, InputError
from epipose.network.crop_network import OnnxCrops, TorchCrops
from epipose.network.graph_net import GraphNet
from epipose.network.tflite_graph import read_tflite
from tests.helpers.tflite_files import TfliteFile

SAME, VALID = 0, 1
RELU, RELU6 = 1, 3


def conv_same(file):
    return file.conv(file.input, (1, 5, 5, 8), file.weights(8, 3, 3, 3), file.weights(8), strideH=2, strideW=2)


def conv_same_of_even_kernel(file):
    return file.conv(file.input, (1, 10, 10, 8), file.weights(8, 2, 4, 3), file.weights(8))


def conv_valid_dilated(file):
    ways = {"padding": VALID, "dilationHFactor": 2, "dilationWFactor": 3, "fusedActivationFunction": RELU}
    return file.conv(file.input, (1, 6, 4, 8), file.weights(8, 3, 3, 3), file.weights(8), **ways)


def depthwise_same(file):
    ways = {"strideH": 2, "strideW": 2, "fusedActivationFunction": RELU6, "depthMultiplier": 1}
    return file.depthwise(features(file, 8), (1, 5, 5, 8), file.weights(1, 5, 5, 8), file.weights(8), **ways)


def depthwise_of_two_per_channel(file):
    ways = {"padding": VALID, "depthMultiplier": 2}
    return file.depthwise(features(file, 4), (1, 8, 8, 8), file.weights(1, 3, 3, 8), file.weights(8), **ways)


def halves_and_zeros(file):
    kernel, bias = file.half(8, 1, 1, 6), file.half(8)
    return file.conv(features(file, 6), (1, 10, 10, 8), kernel, bias)


def sparse_weights(file):
    return file.conv(features(file, 12), (1, 10, 10, 8), file.sparse(8, 1, 1, 12), file.weights(8))


def pad_read_by_two(file):
    x = features(file, 8)
    padded = file.op(
        "PAD", [x, file.constant(np.int32([[0, 0], [1, 2], [2, 1], [0, 0]]))], (1, 13, 13, 8), "PadOptions"
    )
    ways = {"padding": VALID, "strideH": 2, "strideW": 2}
    a = file.conv(padded, (1, 6, 6, 8), file.weights(8, 3, 3, 8), file.weights(8), **ways)
    b = file.conv(padded, (1, 6, 6, 8), file.weights(8, 3, 3, 8), file.weights(8), **ways)
    return file.op("ADD", [a, b], (1, 6, 6, 8), "AddOptions", fusedActivationFunction=RELU6)


def pad_with_channels(file):
    pads = file.constant(np.int32([[0, 0], [0, 0], [0, 0], [1, 4]]))
    return file.op("PAD", [features(file, 3), pads], (1, 10, 10, 8), "PadOptions")


def add(file):
    return file.op("ADD", [features(file, 8), features(file, 8)], (1, 10, 10, 8), "AddOptions")


def add_with_tanh(file):
    return file.op("ADD", [file.input, file.input], (1, 10, 10, 3), "AddOptions", fusedActivationFunction=4)


def resize(file, side=20, **ways):
    size = file.constant(np.int32([side, side]))
    return file.op("RESIZE_BILINEAR", [features(file, 8), size], (1, side, side, 8), "ResizeBilinearOptions", **ways)


def resize_by_two(file):
    return resize(file, halfPixelCenters=True)


def resize_by_a_fraction(file):
    return resize(file, 13, halfPixelCenters=True)


def resize_with_aligned_corners(file):
    return resize(file, 17, alignCorners=True)


def mixed_after_resize(file):
    large = resize(file, halfPixelCenters=True)
    return file.conv(large, (1, 20, 20, 4), file.weights(4, 1, 1, 8), file.weights(4), fusedActivationFunction=RELU6)


def filtered_after_resize(file):
    large = resize(file, halfPixelCenters=True)
    return file.conv(large, (1, 20, 20, 4), file.weights(4, 3, 3, 8), file.weights(4))


def max_pool(file, padding=VALID, side=5, reach=2):
    ways = {"padding": padding, "strideH": 2, "strideW": 2, "filterHeight": reach, "filterWidth": reach}
    return file.op("MAX_POOL_2D", [features(file, 8)], (1, side, side, 8), "Pool2DOptions", **ways)


def max_pool_same(file):
    return max_pool(file, SAME, reach=3)


def logistic(file):
    return file.op("LOGISTIC", [features(file, 8)], (1, 10, 10, 8))


def depth_to_space(file):
    return file.op("DEPTH_TO_SPACE", [features(file, 12)], (1, 20, 20, 3), "DepthToSpaceOptions", blockSize=2)


def flat(file, shape=(1, 400, 2)):
    return file.op("RESHAPE", [features(file, 8), file.constant(np.int32(shape))], shape, "ReshapeOptions")


def concat_of_flat(file):
    return file.op("CONCATENATION", [flat(file), flat(file)], (1, 800, 2), "ConcatenationOptions", axis=1)


def concat_of_channels(file):
    parts = [features(file, 3), features(file, 5)]
    return file.op("CONCATENATION", parts, (1, 10, 10, 8), "ConcatenationOptions", axis=-1)


def features(file, channels):
    """Something signed to work on."""
    return file.conv(file.input, (1, 10, 10, channels), file.weights(channels, 1, 1, 3), file.weights(channels))


CASES = [
    conv_same, conv_same_of_even_kernel, conv_valid_dilated, depthwise_same, depthwise_of_two_per_channel,
    halves_and_zeros, sparse_weights, pad_read_by_two, pad_with_channels, add, resize_by_two, resize_by_a_fraction,
    resize_with_aligned_corners, mixed_after_resize, filtered_after_resize, max_pool, max_pool_same, logistic,
    depth_to_space, flat, concat_of_flat, concat_of_channels,
]  # fmt: skip


@pytest.mark.parametrize("build", CASES, ids=lambda build: build.__name__)
def test_as_litert_computes_it(build, tmp_path):
    file = TfliteFile(1, 10, 10, 3)
    path = file.write(tmp_path / "net.tflite", build(file))
    crops = np.random.default_rng(1).integers(0, 256, (3, 10, 10, 3)).astype(np.uint8)
    oracle = LiteRtNetwork(path)
    expected = np.concatenate([oracle(crop[None].astype(np.float32) / 100 - 1)[0] for crop in crops])
    expected = np.moveaxis(expected, -1, 1) if expected.ndim == 4 else expected
    network = read_tflite(path)
    for graph in (network.graph, network.graph.folded(), network.graph.mixed_before_resize(network.tensors)):
        net = GraphNet(graph, network.tensors)
        for run in (TorchCrops(net, 0.01, -1.0), OnnxCrops(net, 10, 0.01, -1.0, 2)):
            (found,) = run(crops)
            np.testing.assert_allclose(found, expected, atol=2e-5, rtol=1e-5)
            np.testing.assert_allclose(run(crops[1:2])[0], expected[1:2], atol=2e-5, rtol=1e-5)


def test_zeros_round_the_image_cost_no_step_and_enlarging_comes_last(tmp_path):
    file = TfliteFile(1, 10, 10, 3)
    graph = read_tflite(file.write(tmp_path / "net.tflite", pad_read_by_two(file))).graph
    assert [type(op).__name__ for op in graph.folded().ops] == ["Conv", "Conv", "Conv", "Add"]
    file = TfliteFile(1, 10, 10, 3)
    network = read_tflite(file.write(tmp_path / "net.tflite", mixed_after_resize(file)))
    kinds = [type(op).__name__ for op in network.graph.mixed_before_resize(network.tensors).ops]
    assert kinds == ["Conv", "Conv", "Resize"]


def test_outputs_are_in_the_order_of_their_names(tmp_path):
    file = TfliteFile(1, 10, 10, 3)
    second, first = features(file, 3), features(file, 5)
    file.graph.tensors[second].name, file.graph.tensors[first].name = "b", "a"
    network = read_tflite(file.write(tmp_path / "net.tflite", second, first))
    assert [network.shapes[name] for name in network.graph.outputs] == [(5, 10, 10), (3, 10, 10)]


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (lambda file: resize(file), "half-pixel centres"),
        (lambda file: file.op("FLOOR", [file.input], (1, 10, 10, 3)), "operator 8"),
        (
            lambda file: file.op(
                "ADD", [file.input, file.input], (1, 10, 10, 3), "AddOptions", fusedActivationFunction=4
            ),
            "activation 4",
        ),
    ],
)
def test_what_is_not_supported_is_named(build, what, tmp_path):
    file = TfliteFile(1, 10, 10, 3)
    path = file.write(tmp_path / "net.tflite", build(file))
    with pytest.raises(InputError, match=rf"net.tflite: .*{what}"):
        read_tflite(path)


def test_damaged_files_are_named(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        read_tflite(tmp_path / "none.tflite")
    (tmp_path / "text.tflite").write_text("not a network at all")
    with pytest.raises(DamagedFileError, match=r"text\.tflite is not a TensorFlow Lite network"):
        read_tflite(tmp_path / "text.tflite")
    file = TfliteFile(1, 10, 10, 3)
    whole = file.write(tmp_path / "net.tflite", sparse_weights(file)).read_bytes()
    for share in range(1, 20):
        (tmp_path / "cut.tflite").write_bytes(whole[: len(whole) * share // 20])
        with pytest.raises(DamagedFileError, match=r"cut.tflite (cannot be read as|is not) a TensorFlow Lite"):
            read_tflite(tmp_path / "cut.tflite")
