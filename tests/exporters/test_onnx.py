"""ONNX: the exported network gives the results of PyTorch, and predict runs on it."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks.network.blazepose_speed import people
from epipose.cli.main import main
from epipose.errors import EpiposeError, optional
from epipose.inference.predict import predict
from epipose.network.backends import OnnxPoseNet, load_reader
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.network.refiner import WEIGHTS, Refiner
from epipose.pipeline.export import export
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from tests.helpers.drawn_clips import figure_image
from tests.helpers.fixed_detector import JOINTS, Finder
from tests.helpers.landmark_models import landmark_model

CPU = torch.device("cpu")


def _model(folder: Path, backbone: str) -> Path:
    torch.manual_seed(0)
    net = PoseNet(backbone, 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    torch.nn.init.normal_(net.volume.weight, std=0.2)  # says different things of images
    lengths = torch.linspace(0.1, 0.5, 16)
    TrainedPoseNet(net.eval(), H36M17, lengths, True, 1.3).save(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    folder = _model(tmp_path_factory.mktemp("onnx"), "efficientnet_lite0")
    export(folder, folder / "model.onnx")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("images", [1, 3])
def test_the_exported_network_says_the_same(model: Path, images: int) -> None:
    crops = torch.randint(0, 256, (images, 64, 64, 3), dtype=torch.uint8)
    mine, theirs = TrainedPoseNet.load(model), OnnxPoseNet.load(model / "model.onnx")
    expected, found = mine.read(crops, CPU), theirs.read(crops, CPU)
    torch.testing.assert_close(found.uvd, expected.uvd, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.conf, expected.conf, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.scale, expected.scale, atol=0, rtol=1e-2)
    assert found.own is None
    assert theirs.crop == "upright"
    assert float(mine.read(crops, CPU)[0].std(1).min()) > 0.01, "a network that says something"
    assert (theirs.skeleton, theirs.metric, theirs.margin, theirs.input_size) == (H36M17, True, 1.3, 64)
    torch.testing.assert_close(theirs.bone_lengths, mine.bone_lengths)


@pytest.mark.slow
def test_a_network_on_a_landmark_network_says_the_same(tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    mine = TrainedPoseNet.load(landmark_model(tmp_path))
    export(tmp_path, tmp_path / "model.onnx")
    theirs = OnnxPoseNet.load(tmp_path / "model.onnx")
    assert (theirs.crop, theirs.input_size) == ("roi", 256)
    for count in (1, 3):
        crops = torch.from_numpy(people(256)[:count])
        expected, found = mine.read(crops, CPU), theirs.read(crops, CPU)
        assert expected.own is not None
        assert found.own is not None
        for a, b in zip((*found[:2], *found.own), (*expected[:2], *expected.own), strict=True):
            torch.testing.assert_close(a, b, atol=1e-3, rtol=0)
        assert float(expected.uvd.std(1).min()) > 0.01, "a network that says something"
        assert float(expected.scale.std()) > 3e-4


@pytest.mark.slow
def test_predict_runs_on_it(model: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("epipose.inference.predictor.detector_named", lambda name, *_: Finder())
    Image.fromarray(figure_image(JOINTS, 160)).save(tmp_path / "photo.png")
    expected = predict(tmp_path / "photo.png", model)
    arguments = ["predict", str(tmp_path / "photo.png"), "--out", str(tmp_path / "out"), "--model"]
    for which in ([str(model / "model.onnx")], [str(model), "--runtime", "onnx"]):
        assert main([*arguments, *which]) == 0
        found = Poses3D.load(tmp_path / "out" / "predictions.npz")
        torch.testing.assert_close(found.xyz, expected.poses.xyz, atol=1e-3, rtol=0)
    Refiner(H36M17, width=16).save(model / WEIGHTS)
    refined = predict(tmp_path / "photo.png", model, detector="stand-in")
    same = predict(tmp_path / "photo.png", model, detector="stand-in", runtime="onnx")
    torch.testing.assert_close(same.poses.xyz, refined.poses.xyz, atol=1e-3, rtol=0)
    assert load_reader(model / "model.onnx").refiner is None
    (model / WEIGHTS).unlink()
    assert not torch.allclose(refined.poses.xyz, expected.poses.xyz, atol=1e-2)
    alone = tmp_path / "alone.onnx"
    alone.write_bytes((model / "model.onnx").read_bytes())  # the file is enough
    assert load_reader(alone).input_size == 64


@pytest.mark.slow
def test_what_cannot_be_exported_or_read_says_so(model: Path, tmp_path: Path, capsys) -> None:
    assert main(["export", str(model), "--out", str(tmp_path / "model.tflite")]) == 2
    assert "No exporter writes 'model.tflite'" in capsys.readouterr().err
    with pytest.raises(EpiposeError, match="which PyTorch does not run"):
        load_reader(model / "model.onnx", "torch")
    with pytest.raises(EpiposeError, match="There is no file"):
        load_reader(tmp_path, "onnx")
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    with pytest.raises(EpiposeError, match="cannot be read as a network that epipose exported"):
        load_reader(tmp_path / "broken.onnx")


def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(EpiposeError, match=r"pip install 'epipose\[onnx\]'"):
        optional("no_such_package.part", "onnx")
