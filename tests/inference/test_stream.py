"""Live prediction: what `predict` gives of the same frames, one person throughout, and times that make sense."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import epipose
from benchmarks.network.blazepose_speed import people
from epipose.camera import Camera, Rig
from epipose.errors import InputError
from epipose.inference.over_time import refined_over_time, temporal_refiner
from epipose.inference.person_keypoints import PersonKeypoints
from epipose.inference.predict import predict
from epipose.inference.stream import PoseStream, checked_image
from epipose.io.video import read_frames, write_video
from epipose.network.pretrained import pretrained_model
from epipose.network.refiner import WEIGHTS as REFINER
from epipose.network.temporal import WEIGHTS
from epipose.skeletons import H36M17
from tests.helpers.drawn_clips import rig
from tests.helpers.landmark_models import landmark_model

PERSON = 8  # of the drawn people: one whom the finder finds at once
FPS = 25.0


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = landmark_model(tmp_path_factory.mktemp("model"), refiner=True)
    for name in (*WEIGHTS.values(), REFINER):
        shutil.copy(pretrained_model("full") / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    write_video(path, (np.roll(people(240)[PERSON], 2 * k, axis=1) for k in range(12)), FPS)
    return path


def test_the_poses_are_those_of_predict(model: Path, video: Path) -> None:
    expected = predict(video, model, temporal=False)
    stream = PoseStream(model)
    assert (stream.skeleton, stream.metric) == (H36M17, True)
    for row, image in enumerate(read_frames(video)):
        pose = stream(image, row / FPS)
        assert pose is not None
        assert pose.t == row / FPS
        np.testing.assert_allclose(pose.xyz, expected.xyz[row], atol=1e-5)
        np.testing.assert_allclose(pose.conf, expected.conf[row], atol=1e-5)
        np.testing.assert_allclose(pose.uv, expected.uv[row], atol=1e-3)
        assert pose.box.shape == (4,)
        assert 60 < pose.box[2] < 600


def test_other_detectors_and_crops_give_the_poses_of_predict_too(model: Path, video: Path) -> None:
    expected = predict(video, model, temporal=False, detector="pretrained", runtime="torch")
    stream = PoseStream(model, detector="pretrained", runtime="torch")
    for row, image in enumerate(read_frames(video)):
        pose = stream(image)
        assert pose is not None
        np.testing.assert_allclose(pose.xyz, expected.xyz[row], atol=1e-5)


def test_over_time_it_is_the_causal_refiner(model: Path, video: Path) -> None:
    """The same as the refiner of the whole track, but for bone lengths, which a live track does not know yet."""
    plain = predict(video, model, temporal=False)
    stream, live = PoseStream(model, temporal=True, fps=FPS), []
    for row, image in enumerate(read_frames(video)):
        pose = stream(image, row / FPS)
        assert pose is not None
        live.append(torch.from_numpy(pose.xyz))
    refiner = temporal_refiner(model, H36M17, causal=True)
    assert refiner is not None
    again, keypoints = PoseStream(model), []
    for image in read_frames(video):
        chosen = again._person.choose(again._predictor.detector(image), 0.0)
        assert chosen is not None
        keypoints.append(again._read(image, chosen, again._camera((240, 240)))[0])
    person = PersonKeypoints(*(torch.cat(field) for field in zip(*keypoints, strict=True)))
    expected = refined_over_time(refiner, plain.xyz, plain.uv, person, FPS)
    apart = (torch.stack(live) - expected).norm(dim=-1).mean(-1)
    moved = (plain.xyz - expected).norm(dim=-1).mean(-1)
    assert float(apart[-1]) < 1e-4, "at the last frame as much is known as of the whole track"
    assert float(apart.max()) < 0.5 * float(moved.max())


def test_five_lines(model: Path) -> None:
    stream = epipose.PoseStream(model)
    assert stream(np.full((90, 120, 3), 60, np.uint8), 0.0) is None
    assert stream(people(240)[PERSON], 0.1) is not None
    assert stream(np.full((240, 240, 3), 60, np.uint8), 0.2) is None
    stream.reset()
    pose = stream(people(240)[PERSON], 0.0)
    assert isinstance(pose, epipose.FramePose)
    assert pose.xyz.shape == (17, 3)
    assert not pose.xyz[H36M17.root].any()


def test_intrinsics_are_used_and_checked(model: Path, tmp_path: Path) -> None:
    K = torch.tensor([[150.0, 0, 130], [0, 150, 110], [0, 0, 1]], dtype=torch.float64)
    camera = Camera.from_intrinsics(K, torch.zeros(5, dtype=torch.float64), torch.tensor([240, 240]))
    Rig(("any",), camera.spread(1), False).save(tmp_path / "one.json", intrinsics_only=True)
    image = people(240)[PERSON]
    assumed, given, read = (PoseStream(model, which)(image) for which in (None, camera, tmp_path / "one.json"))
    assert assumed is not None
    assert given is not None
    assert read is not None
    np.testing.assert_allclose(given.xyz, read.xyz, atol=1e-6)
    assert float(np.abs(given.xyz - assumed.xyz).max()) > 0.01
    with pytest.raises(InputError, match="An image is 90 x 120, its intrinsics are for 240 x 240"):
        PoseStream(model, camera)(np.zeros((120, 90, 3), np.uint8))
    rig(2, size=240).save(tmp_path / "two.json")
    with pytest.raises(InputError, match="one camera was expected"):
        PoseStream(model, tmp_path / "two.json")


def test_what_cannot_be_is_refused(model: Path, tmp_path: Path) -> None:
    stream = PoseStream(model)
    with pytest.raises(InputError, match=r"expected RGB bytes .*\[\.\.\., ::-1\]"):
        checked_image(np.zeros((100, 100), np.uint8))
    with pytest.raises(InputError, match="expected RGB bytes"):
        checked_image(np.zeros((100, 100, 3), np.float32))
    blank = np.full((100, 100, 3), 60, np.uint8)
    stream(blank, 2.0)
    with pytest.raises(InputError, match=r"at 1\.0 s after one at 2\.0 s"):
        stream(blank, 1.0)
    with pytest.raises(InputError, match="at nan s"):
        stream(blank, float("nan"))
    with pytest.raises(InputError, match="must be over 0"):
        PoseStream(model, fps=0.0)
    alone = landmark_model(tmp_path / "alone")
    with pytest.raises(InputError, match="no causal temporal refiner"):
        PoseStream(alone, temporal=True)
