"""Head and refiner by ONNX Runtime against PyTorch, and PyTorch where there is no ONNX Runtime."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.network.blazepose_speed import people
from epipose.camera import assumed_camera, stack_cameras
from epipose.detection.blazepose import landmark_crops
from epipose.inference.lift import lift
from epipose.network.backends import PoseReader, load_reader
from epipose.network.blazepose import landmark_reading
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.landmark_reader import LandmarkReader, TorchHead, on_onnx_runtime
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.network.refiner import Refiner, evidence_of
from epipose.network.token_head import TokenHead
from epipose.skeletons import H36M17
from tests.helpers.landmark_models import landmark_model, landmark_net

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained() -> TrainedPoseNet:
    """Random weights everywhere: zeros and ones of new layers would hide what is left out."""
    torch.manual_seed(3)
    net, refiner = landmark_net(), Refiner(H36M17, width=32, layers=2)
    for module in (net.head, refiner):
        for weight in module.parameters():
            torch.nn.init.normal_(weight, std=0.2) if weight.ndim > 1 else torch.nn.init.normal_(weight, 0.3, 0.3)
    return TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), True, 1.25, refiner.eval())


@pytest.fixture(scope="module")
def crops() -> torch.Tensor:
    return torch.from_numpy(np.stack(people(256)[:3]))


def test_it_reads_what_pytorch_reads(trained: TrainedPoseNet, crops: torch.Tensor) -> None:
    reader = on_onnx_runtime(trained)
    assert isinstance(reader, PoseReader)
    assert reader.refiner is not None
    got, expected = reader.read(crops, CPU), trained.read(crops, CPU)
    assert got.own is not None
    assert expected.own is not None
    for one, other in zip((*got[:2], *got.own), (*expected[:2], *expected.own), strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)
    assert float(got.uvd.std()) > 0.05, "random weights say something"
    evidence = evidence_of(expected)
    assert trained.refiner is not None
    with torch.inference_mode():
        refined = trained.refiner(evidence)
    torch.testing.assert_close(reader.refiner(evidence).uvd, refined.uvd, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(reader.refiner(evidence).scale, refined.scale, atol=2e-5, rtol=1e-4)
    assert float((refined.uvd - expected.uvd).abs().max()) > 0.01


def test_a_head_by_pytorch_reads_the_landmarks_of_any_runtime(trained: TrainedPoseNet, crops: torch.Tensor) -> None:
    assert isinstance(trained.net, LandmarkPoseNet)
    landmarks = landmark_crops(trained.net.backbone.network)(crops.numpy())
    reading = landmark_reading([torch.from_numpy(part) for part in landmarks])
    got, expected = TorchHead(trained.net.head, CPU)(reading), trained.read(crops, CPU)
    torch.testing.assert_close(got.uvd, expected.uvd, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(got.scale, expected.scale, atol=2e-5, rtol=1e-4)


def test_poses_of_a_real_head_differ_by_less_than_a_tenth_of_a_millimetre(crops: torch.Tensor) -> None:
    from epipose.network.pretrained import pretrained_model

    trained = TrainedPoseNet.load(pretrained_model("full"))
    reader = on_onnx_runtime(trained)
    assert reader is not None
    box = torch.tensor([[128.0, 128.0, 256.0, 0.0]]).repeat(len(crops), 1)
    cameras = stack_cameras([assumed_camera(256, 256)] * len(crops))
    got = lift(reader, reader.read(crops, CPU), box, cameras)
    expected = lift(trained, trained.read(crops, CPU), box, cameras)
    assert float((got.xyz - expected.xyz).norm(dim=-1).max()) < 1e-4
    assert float((got.uv - expected.uv).norm(dim=-1).max()) < 0.01


def test_the_fastest_runtime_is_taken_unless_another_is_asked_for(tmp_path: Path, monkeypatch) -> None:
    folder = landmark_model(tmp_path, refiner=True)
    assert isinstance(load_reader(folder), LandmarkReader)
    assert isinstance(load_reader(folder, "torch"), TrainedPoseNet)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # not installed
    assert isinstance(load_reader(folder), TrainedPoseNet)


def test_other_networks_stay_with_pytorch() -> None:
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    assert on_onnx_runtime(TrainedPoseNet(net, H36M17, torch.full((16,), 0.25), True, 1.25)) is None


def test_it_tells_what_the_network_tells(trained: TrainedPoseNet) -> None:
    reader = on_onnx_runtime(replace(trained, refiner=None))
    assert reader is not None
    assert (reader.input_size, reader.crop, reader.metric, reader.margin) == (256, "roi", True, 1.25)
    assert reader.skeleton == H36M17
    assert reader.refiner is None
    assert torch.equal(reader.bone_lengths, trained.bone_lengths)


def test_the_head_is_not_run_by_pytorch(trained: TrainedPoseNet, crops: torch.Tensor, monkeypatch) -> None:
    reader = on_onnx_runtime(trained)
    assert reader is not None
    monkeypatch.setattr(TokenHead, "answered", lambda *_: pytest.fail("PyTorch was asked"))
    assert reader.read(crops[:1], CPU).uvd.shape == (1, 17, 3)
