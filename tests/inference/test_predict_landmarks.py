"""Prediction with a network on a landmark network: frames are decoded once, and each crop is read once."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.network.blazepose_speed import people
from epipose.camera import Camera, Rig
from epipose.detection.blazepose import packaged
from epipose.errors import NoPersonError
from epipose.inference import predictor
from epipose.inference.crop_readings import CropReadings
from epipose.inference.predict import predict
from epipose.io import image_source as source_module
from epipose.io.video import write_video
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.landmark_reader import OnnxHead
from epipose.network.posenet import TrainedPoseNet
from epipose.skeletons import H36M17
from tests.helpers.landmark_models import landmark_model

PERSON = 8  # of the drawn people: one whom the finder finds at once


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return landmark_model(tmp_path_factory.mktemp("model"), refiner=True)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    drawn = people(240)[PERSON]
    Image.fromarray(drawn).save(folder / "a.png")
    Image.fromarray(np.full((90, 120, 3), 60, np.uint8)).save(folder / "b_empty.png")
    wide = np.full((260, 420, 3), 120, np.uint8)
    wide[10:250, 90:330] = drawn
    Image.fromarray(wide).save(folder / "c.png")
    return folder


def test_a_video_is_decoded_once_and_each_crop_is_read_once(model: Path, tmp_path: Path, monkeypatch) -> None:
    frames = [np.roll(people(240)[PERSON], 2 * k, axis=1) for k in range(5)]
    write_video(tmp_path / "clip.mp4", iter(frames), 25.0)
    read, passes, heads = source_module.read_frames, [], []
    monkeypatch.setattr(source_module, "read_frames", lambda path, **how: passes.append(path) or read(path, **how))
    forward = OnnxHead.__call__
    monkeypatch.setattr(
        OnnxHead, "__call__", lambda self, reading: heads.append(len(reading.world)) or forward(self, reading)
    )
    prediction = predict(tmp_path / "clip.mp4", model)
    assert len(passes) == 1
    assert len(heads) == 5, "once a frame, not where a person is looked for"
    assert prediction.poses.xyz.shape == (5, 1, 17, 3)
    assert bool((prediction.poses.conf > 0).all())
    assert float(prediction.poses.xyz.norm(dim=-1).amax((1, 2)).min()) > 0.3
    assert prediction.made_with["boxes"] == "blazepose-full"


def test_photos_of_several_sizes_have_cameras_of_their_own(model: Path, photos: Path) -> None:
    prediction = predict(photos, model)
    assert prediction.names == ("a.png", "b_empty.png", "c.png")
    assert [bool((conf > 0).any()) for conf in prediction.poses.conf] == [True, False, True]
    assert not prediction.poses.xyz[1].any()
    for row, name in ((0, "a.png"), (2, "c.png")):
        alone = predict(photos / name, model)
        torch.testing.assert_close(alone.poses.xyz[0], prediction.poses.xyz[row], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(alone.uv[0], prediction.uv[row], atol=0.05, rtol=0)
    hips = [prediction.uv[row, H36M17.root] for row in (0, 2)]
    torch.testing.assert_close(hips[1] - hips[0], torch.tensor([90.0, 10.0]), atol=15, rtol=0)


def test_given_intrinsics_are_those_of_every_image(model: Path, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "same"
    folder.mkdir()
    for name in "xy":
        shutil.copy(photos / "a.png", folder / f"{name}.png")
    K = torch.tensor([[150.0, 0, 130], [0, 150, 110], [0, 0, 1]], dtype=torch.float64)
    camera = Camera.from_intrinsics(K, torch.zeros(5, dtype=torch.float64), torch.tensor([240, 240]))
    Rig(("any",), camera.spread(1), False).save(tmp_path / "one.json", intrinsics_only=True)
    given, assumed = predict(folder, model, intrinsics=tmp_path / "one.json"), predict(folder, model)
    torch.testing.assert_close(given.poses.xyz[0], given.poses.xyz[1])
    torch.testing.assert_close(given.uv, assumed.uv)
    assert not torch.allclose(given.poses.xyz, assumed.poses.xyz, atol=1e-2)


def test_nobody_is_an_error(model: Path, photos: Path) -> None:
    with pytest.raises(NoPersonError, match="No person was found"):
        predict(photos / "b_empty.png", model)


def test_flips_and_other_detectors_read_crops(model: Path, photos: Path, monkeypatch) -> None:
    """What the detector read is then not used: crops are cut out of the images."""
    seen, add = [], CropReadings.add
    monkeypatch.setattr(CropReadings, "add", lambda *given: seen.append(given) or add(*given))
    plain = predict(photos / "a.png", model)
    assert not seen
    flipped = predict(photos / "a.png", model, detector="pretrained", flip_test=True)
    assert len(seen) == 1
    assert flipped.made_with["boxes"] == "pretrained"
    apart = (flipped.uv - plain.uv).norm(dim=-1)
    assert 0 < float(apart.median()) < 6


def test_a_landmark_network_of_its_own_finds_the_person_but_is_not_the_detector_of_that_name(
    model: Path, photos: Path, tmp_path: Path, monkeypatch
) -> None:
    trained = TrainedPoseNet.load(model)
    assert isinstance(trained.net, LandmarkPoseNet)
    trained.net.take_trunk({key: 0.99 * value for key, value in trained.net.backbone.network.tensors.items()})
    trained.save(tmp_path / "own")
    own = predict(photos / "a.png", tmp_path / "own")
    assert own.made_with["boxes"] == "pretrained"
    other = predict(photos / "a.png", model)
    assert other.made_with["boxes"] == "blazepose-full"
    assert float((own.uv - other.uv).norm(dim=-1).median()) > 0.05
    named: list[str] = []
    monkeypatch.setattr(predictor, "detector_named", lambda name, *_: named.append(name) or packaged())
    asked = predict(photos / "a.png", tmp_path / "own", detector="blazepose-full")
    assert named == [asked.made_with["boxes"]] == ["blazepose-full"]
