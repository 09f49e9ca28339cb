"""Prediction: photos, folders and videos in; files, images and clear errors out. The detector is a stand-in."""

import json
import shutil
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from epipose.camera import Camera, assumed_camera, stack_cameras
from epipose.errors import EpiposeError
from epipose.inference import predict as predict_module
from epipose.inference import predictor
from epipose.inference.clip_views import predict_clip
from epipose.inference.lift import LiftedPoses, lift, read_flipped
from epipose.inference.person_keypoints import PersonKeypoints
from epipose.inference.predict import predict
from epipose.inference.prediction import Prediction
from epipose.io import image_source as source_module
from epipose.io.files import read_npz
from epipose.io.images import read_image
from epipose.io.video import probe
from epipose.network import pretrained
from epipose.network.crops import crop_image
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.network.refiner import WEIGHTS, Refiner
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from tests.helpers.drawn_clips import clip_folder, figure_image, rig
from tests.helpers.fixed_detector import JOINTS, Finder


@pytest.fixture(autouse=True)
def finder(monkeypatch) -> Finder:
    made = Finder()
    monkeypatch.setattr(predictor, "detector_named", lambda name, *_: made)
    return made


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    torch.nn.init.normal_(net.volume.weight, std=0.5)  # an untrained network that says different things of images
    folder = tmp_path_factory.mktemp("model")
    TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), True, 1.25).save(folder)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(figure_image(JOINTS, 160)).save(folder / "a.png")
    Image.fromarray(np.full((120, 90, 3), 60, np.uint8)).save(folder / "b_empty.png")
    Image.fromarray(figure_image(JOINTS * 1.1, 200)).save(folder / "c.jpg")
    return folder


def _crops(image: np.ndarray, boxes: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.stack([crop_image(image, box.numpy(), 64) for box in boxes]))


def unseen(boxes: torch.Tensor) -> PersonKeypoints:
    """Boxes of people whose joints no detector saw."""
    return PersonKeypoints(boxes, torch.zeros(len(boxes), 17, 2), torch.zeros(len(boxes), 17))


def predict_crops(
    trained: TrainedPoseNet, crops: torch.Tensor, person: PersonKeypoints, cameras: Camera, flip_test: bool = False
) -> LiftedPoses:
    reading = read_flipped(trained, crops, torch.device("cpu"), flip_test)
    return lift(trained, reading, person.box, cameras, person)


def test_photo(model: Path, photos: Path, tmp_path: Path) -> None:
    prediction = predict(photos / "a.png", model, tmp_path, device="cpu")
    poses = Poses3D.load(tmp_path / "predictions.npz")
    assert (poses.space, poses.metric, poses.skeleton) == ("camera", True, H36M17)
    assert poses.xyz.shape == (1, 1, 17, 3)
    torch.testing.assert_close(poses.xyz, prediction.poses.xyz)
    assert bool((poses.xyz[0, 0, H36M17.root] == 0).all())
    bones = torch.stack([(poses.xyz[0, 0, c] - poses.xyz[0, 0, p]).norm() for p, c in H36M17.bones])
    assert bones.sum().item() == pytest.approx(16 * 0.25, rel=1e-4)
    uv = read_npz(tmp_path / "predictions.npz", ("uv", "names"), "")["uv"]
    sure_person = torch.tensor([[70.0, 75.0, 1.25 * 90, 0.0]])  # not the larger, unlikely one
    camera = stack_cameras([assumed_camera(160, 160)])
    crop = _crops(read_image(photos / "a.png"), sure_person)
    _, _, expected = predict_crops(TrainedPoseNet.load(model), crop, unseen(sure_person), camera)
    np.testing.assert_allclose(uv, expected, atol=1e-3)
    readable = json.loads((tmp_path / "predictions.json").read_text())
    assert readable["unit"] == "metre"
    assert readable["frames"][0]["joints"]["left_knee"] == pytest.approx(poses.xyz[0, 0, 5].tolist(), abs=1e-5)
    assert read_image(tmp_path / "overlay.jpg").shape == (640, 960, 3)


def test_folder_with_a_image_of_nobody(model: Path, photos: Path, tmp_path: Path, finder: Finder) -> None:
    prediction = predict(photos, model, tmp_path, batch_size=2)
    assert prediction.names == ("a.png", "b_empty.png", "c.jpg")
    assert finder.resets == 3, "photos have nothing to do with each other"
    assert [bool((c > 0).any()) for c in prediction.poses.conf] == [True, False, True]
    assert bool((prediction.poses.xyz[1] == 0).all())
    frames = json.loads((tmp_path / "predictions.json").read_text())["frames"]
    assert [frame["person_found"] for frame in frames] == [True, False, True]
    alone = predict(photos / "c.jpg", model)
    torch.testing.assert_close(alone.poses.xyz[0], prediction.poses.xyz[2], atol=1e-5, rtol=1e-4)
    assert (tmp_path / "overlay.jpg").exists()


def test_video(model: Path, tmp_path: Path) -> None:
    clip = clip_folder(tmp_path / "clip", frames=5, views=2)
    prediction = predict(clip / "cam1.mp4", model, tmp_path / "out", batch_size=2)
    assert prediction.poses.xyz.shape == (5, 1, 17, 3)
    info = probe(tmp_path / "out" / "overlay.mp4")
    assert (info.frames, info.fps, info.height) == (5, 10.0, 640)
    assert not (tmp_path / "clip" / "overlay.mp4").exists()


def test_the_poses_of_a_video_have_times(model: Path, tmp_path: Path) -> None:
    clip = clip_folder(tmp_path / "clip", frames=3, views=2)
    prediction = predict(clip / "cam1.mp4", model, tmp_path / "out")
    assert prediction.poses.times is not None
    assert prediction.poses.times.tolist() == pytest.approx([0.0, 0.1, 0.2])
    assert prediction.poses.fps == pytest.approx(10.0)
    again = Prediction.load(tmp_path / "out")
    assert again.poses.times is not None
    assert torch.equal(again.poses.times, prediction.poses.times)


def test_a_video_is_decoded_once_though_it_is_drawn_on(model: Path, tmp_path: Path, monkeypatch) -> None:
    clip = clip_folder(tmp_path / "clip", frames=5, views=2)
    read, passes = source_module.read_frames, []
    monkeypatch.setattr(source_module, "read_frames", lambda path, **how: passes.append(path) or read(path, **how))
    monkeypatch.setattr(source_module, "probe", lambda path: replace(probe(path), frames=7))  # headers may lie
    prediction = predict(clip / "cam1.mp4", model, tmp_path / "out", batch_size=2)
    assert len(passes) == 1
    assert probe(tmp_path / "out" / "overlay.mp4").frames == 5
    assert prediction.names == tuple(f"frame {index}" for index in range(5))
    assert len(prediction.poses.xyz) == 5


def test_images_are_not_kept(model: Path) -> None:
    made, alive = [], []

    def images():
        for _ in range(6):
            image = figure_image(JOINTS, 160)
            made.append(weakref.ref(image))
            alive.append(sum(ref() is not None for ref in made))
            yield image

    people = unseen(torch.tensor([[70.0, 75.0, 100.0, 0.0]]).repeat(6, 1))
    xyz, _, _ = predict_module.predict_images(
        TrainedPoseNet.load(model), images(), people, None, None, torch.device("cpu")
    )
    assert len(xyz) == 6
    assert max(alive) <= 2


def test_without_a_model_the_one_that_comes_with_epipose_reads(
    model: Path, photos: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(pretrained, "PRETRAINED", model)
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path))  # without the heavy landmark network
    torch.testing.assert_close(predict(photos / "a.png").poses.xyz, predict(photos / "a.png", model).poses.xyz)
    with pytest.raises(EpiposeError, match=r"Write one, epipose export .* --model epipose\.onnx"):
        predict(photos / "a.png", runtime="onnx")
    monkeypatch.setattr(pretrained, "PRETRAINED", tmp_path)
    with pytest.raises(EpiposeError, match=r"lacks config.json and model.safetensors .* Install epipose again"):
        predict(photos / "a.png")


def test_intrinsics_are_used_and_checked(model: Path, photos: Path, tmp_path: Path) -> None:
    rig(2, size=160).save(tmp_path / "two.json")
    with pytest.raises(EpiposeError, match="none is called 'a'"):
        predict(photos / "a.png", model, intrinsics=tmp_path / "two.json")
    one = rig(1, size=160)
    one.save(tmp_path / "one.json")
    given = predict(photos / "a.png", model, intrinsics=tmp_path / "one.json")
    assumed = predict(photos / "a.png", model)
    assert not torch.allclose(given.poses.xyz, assumed.poses.xyz, atol=1e-4)
    torch.testing.assert_close(given.uv, assumed.uv)
    with pytest.raises(EpiposeError, match="An image is 90 x 120, its intrinsics are for 160 x 160"):
        predict(photos, model, intrinsics=tmp_path / "one.json")


def test_the_result_moves_with_the_image(model: Path) -> None:
    """The same pixels elsewhere in a larger image, box and principal point moved along: the same pose."""
    trained = TrainedPoseNet.load(model)
    image = figure_image(JOINTS, 160)
    larger = np.full((300, 320, 3), 9, np.uint8)
    larger[100:260, 130:290] = image
    camera = rig(1).camera
    moved = camera.cropped(-130, -100, 320, 300)
    box = torch.tensor([[70.0, 75.0, 100.0, 0.0]])
    box_there = box + torch.tensor([130.0, 100.0, 0.0, 0.0])
    here = predict_crops(trained, _crops(image, box), unseen(box), camera)
    there = predict_crops(trained, _crops(larger, box_there), unseen(box_there), moved)
    torch.testing.assert_close(here[0], there[0], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(here[2] + torch.tensor([130.0, 100.0]), there[2], atol=0.01, rtol=0)


def test_clip_views(model: Path, tmp_path: Path) -> None:
    clip, trained = clip_folder(tmp_path / "clip", frames=4, views=2), TrainedPoseNet.load(model)
    xyz, conf, _ = predict_clip(clip, trained, (1, 3), batch_size=2)
    assert xyz.shape == (2, 3, 17, 3)
    assert conf.shape == (2, 3, 17)
    part, _, _ = predict_clip(clip, trained, (2, 2))
    torch.testing.assert_close(part[:, 0], xyz[:, 1], atol=1e-5, rtol=1e-4)
    with pytest.raises(EpiposeError, match="frames 0 to 3; 2 to 9"):
        predict_clip(clip, trained, (2, 9))


def test_bad_sources_say_so(model: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(EpiposeError, match="Unknown device 'gpu'"):
        predict(photos / "a.png", model, device="gpu")
    with pytest.raises(EpiposeError, match="No person was found"):
        predict(photos / "b_empty.png", model)
    with pytest.raises(EpiposeError, match="no file or folder"):
        predict(photos / "z.png", model)
    with pytest.raises(EpiposeError, match="holds no image"):
        predict(tmp_path, model)
    with pytest.raises(EpiposeError, match="no trained model"):
        predict(photos / "a.png", tmp_path)
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(EpiposeError, match="cannot be read as an image"):
        predict(tmp_path / "broken.jpg", model)


def test_flip_test_is_the_mean_of_the_image_and_its_mirror_image(model: Path) -> None:
    """What is said of an image and of its mirror image must then be mirror images too, left and right swapped."""
    trained = TrainedPoseNet.load(model)
    image = figure_image(JOINTS, 160)
    box, camera = torch.tensor([[79.5, 75.0, 100.0, 0.0]]), stack_cameras([assumed_camera(160, 160)])
    crops = _crops(image, box)
    plain = predict_crops(trained, crops, unseen(box), camera)
    here = predict_crops(trained, crops, unseen(box), camera, flip_test=True)
    there = predict_crops(trained, crops.flip(2), unseen(box), camera, flip_test=True)
    order, mirror = list(H36M17.flip), torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(there[0][:, order] * mirror, here[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(there[1][:, order], here[1])
    assert float((here[0] - plain[0]).norm(dim=-1).max()) > 1e-3
    other = predict_crops(trained, crops.flip(2), unseen(box), camera)
    middle = torch.tensor([79.5, 0.0])
    mean = (plain[2] + (other[2][:, order] - middle) * mirror[:2] + middle) / 2
    torch.testing.assert_close(here[2], mean, atol=1e-3, rtol=0)


def test_a_refiner_compares_what_was_read_with_what_was_seen(model: Path, photos: Path, tmp_path: Path) -> None:
    """An untrained refiner leaves joints where the detector saw them, and where it saw none, where the network did.

    Depth stays the network's.
    """
    plain = predict(photos / "a.png", model, detector="stand-in")
    mended = tmp_path / "mended"
    shutil.copytree(model, mended)
    refiner = Refiner(H36M17, width=32)
    refiner.save(mended / WEIGHTS)
    refined = predict(photos / "a.png", mended, detector="stand-in")
    np.testing.assert_allclose(refined.uv[0], JOINTS, atol=1e-3)
    assert float((plain.uv[0] - refined.uv[0]).norm(dim=-1).max()) > 5
    torch.testing.assert_close(refined.poses.conf, plain.poses.conf)

    trained = TrainedPoseNet.load(mended)
    assert trained.refiner is not None
    box, camera = torch.tensor([[70.0, 75.0, 100.0, 0.0]]), stack_cameras([assumed_camera(160, 160)])
    crops = _crops(read_image(photos / "a.png"), box)
    alone = predict_crops(trained, crops, unseen(box), camera)
    torch.testing.assert_close(alone[2], predict_crops(replace(trained, refiner=None), crops, unseen(box), camera)[2])
    nobody = predict_crops(trained, crops, unseen(0 * box), camera)
    assert not any(bool(part.any()) for part in nobody)
