"""The demo's comparison of networks: three views without any data of the fourth, and errors on the held-out images."""

from pathlib import Path

import pytest
import torch

from benchmarks.network import demo_network
from benchmarks.network.demo_network import Reference, clip_without, errors, headline, mean_pose, network_results
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.io.files import read_json
from epipose.network import pretrained
from epipose.network.config import HeadSizes
from epipose.network.posenet import PoseNet, TrainedPoseNet, build_posenet
from epipose.network.refiner import WEIGHTS, Refiner
from epipose.pipeline import stages
from epipose.poses import Poses2D, Poses3D, in_camera_frames
from epipose.skeletons import H36M17
from epipose.training.presets import adapt_options
from tests.helpers.dot_videos import Dots, small_rig, videos
from tests.helpers.drawn_clips import clip_folder, rig


@pytest.fixture(scope="module")
def four(tmp_path_factory) -> Path:
    """Four videos of the dotted person, detected."""
    folder = tmp_path_factory.mktemp("demo")
    small_rig().save(folder / "intrinsics.json", intrinsics_only=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("epipose.pipeline.detect.detector_named", lambda name, *_: Dots())
        stages.detect_clip(videos(folder / "videos", frames=30), folder / "full", sync="none")
    return folder


@pytest.mark.slow
def test_three_views_are_a_clip_of_their_own(four: Path) -> None:
    full, out, held_out = four / "full", four / "three", small_rig().names[-1]
    detections = Poses2D.load(full / "detections.npz")
    clip_without(full, held_out, out, four / "intrinsics.json")
    others = small_rig().names[:-1]
    assert Clip.load(out).names == Rig.load(out / "rig.json").names == Poses2D.load(out / "poses2d.npz").views == others
    before = (out / "poses3d.npz").read_bytes()
    assert Poses3D.load(out / "poses3d.npz").conf.mean() > 0.5

    # What the held-out camera saw changes nothing.
    wrong = detections.xy.clone()
    wrong[-1] += 200 * torch.rand(wrong[-1].shape, generator=torch.Generator().manual_seed(0))
    Poses2D(wrong, detections.conf, detections.skeleton, detections.views).save(full / "detections.npz")
    clip_without(full, held_out, four / "again", four / "intrinsics.json")
    detections.save(full / "detections.npz")
    assert (four / "again" / "poses3d.npz").read_bytes() == before
    assert (four / "again" / "rig.json").read_bytes() == (out / "rig.json").read_bytes()
    assert read_json(out / "calibration.json")["verdict"]["word"] != "reject"


def _known(views: int, frames: int) -> Reference:
    generator = torch.Generator().manual_seed(1)
    return Reference(torch.randn(views, frames, 17, 3, generator=generator), torch.ones(frames, 17))


def test_errors_are_of_the_views_and_frames_asked_for() -> None:
    known = _known(3, 6)
    answer = known.xyz.clone()
    answer[1, 4:] += torch.randn(2, 17, 3, generator=torch.Generator().manual_seed(2))
    assert errors({"it": answer}, known, [0, 2], (0, 5))["it"].pmpjpe_mm < 0.01
    assert errors({"it": answer}, known, [1], (0, 3))["it"].pmpjpe_mm < 0.01
    found = errors({"it": answer}, known, [1], (4, 5))["it"]
    assert found.pmpjpe_mm > 100
    assert found.poses == 2
    hidden = known.conf.clone()
    hidden[5] = 0
    assert errors({"it": answer}, Reference(known.xyz, hidden), range(3), (4, 5))["it"].poses == 3


@pytest.mark.slow
def test_the_mean_pose_is_that_of_the_training_frames_root_centred() -> None:
    known = _known(2, 5)
    conf = known.conf.clone()
    conf[1, 3] = 0
    mean = mean_pose(Reference(known.xyz, conf), (0, 1))
    centred = known.xyz - known.xyz[:, :, H36M17.root, None]
    expected = centred[:, :2].mean(1)
    expected[:, 3] = centred[:, 0, 3]
    assert mean.shape == known.xyz.shape
    for frame in range(5):
        torch.testing.assert_close(mean[:, frame], expected)


@pytest.mark.slow
def test_before_and_after_on_four_cameras_and_on_one(tmp_path: Path, monkeypatch) -> None:
    """The detector's own 3D is the truth; the networks are random."""
    monkeypatch.setattr(demo_network, "TRAIN", (0, 2))
    monkeypatch.setattr(demo_network, "TEST", (4, 5))
    folder = clip_folder(tmp_path / "clip", frames=6, views=3)
    poses, truth = Poses2D.load(folder / "poses2d.npz"), Poses3D.load(folder / "poses3d.npz")
    seen = in_camera_frames(truth, rig(3)).float()
    Poses2D(poses.xy, poses.conf, H36M17, poses.views, seen).save(folder / "poses2d.npz")
    models = {}
    for seed, name in enumerate(("pretrained", "adapted", "adapted_without")):
        torch.manual_seed(seed)
        net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
        torch.nn.init.normal_(net.volume.weight, std=0.2)
        models[name] = tmp_path / name
        TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), False, 1.25).save(models[name])
    found = network_results(folder, models, "cam3", rig(3))
    four, alone = found["four_cameras"], found["held_out_camera"]
    assert [part["pretrained"]["poses"] for part in (four, alone["new_frames"], alone["all_frames"])] == [6, 2, 6]
    assert four["blazepose_world_landmarks"]["pmpjpe_mm"] < 60 < four["pretrained"]["pmpjpe_mm"]
    assert four["pretrained"] == four["pretrained_alone"], "nobody trained a refiner"
    Refiner(H36M17, width=16).save(models["adapted"] / WEIGHTS)
    refined = network_results(folder, models, "cam3", rig(3))["four_cameras"]
    assert refined["adapted"] != refined["adapted_alone"] == four["adapted_alone"]
    (models["adapted"] / WEIGHTS).unlink()
    same = network_results(folder, {**models, "adapted": models["pretrained"]}, "cam3", rig(3))
    assert same["four_cameras"]["adapted"] == four["pretrained"] != four["adapted"]
    assert same["held_out_camera"] == alone, "what adapted to all cameras has no say about the one held out"
    figures = headline(found)
    assert len(figures) == 8
    assert figures["adapted_pmpjpe_mm"] == alone["new_frames"]["adapted"]["pmpjpe_mm"]
    assert figures["blazepose_pmpjpe_mm_all_frames"] == alone["all_frames"]["blazepose_world_landmarks"]["pmpjpe_mm"]


def test_sizes_are_read_from_the_package(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pretrained, "PRETRAINED", tmp_path)
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path))  # without the heavy landmark network
    with pytest.raises(EpiposeError, match="Install epipose again"):
        pretrained.pretrained_config()
    net = build_posenet(HeadSizes("blazepose_full", 17, 256, 64, 2))
    TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), False, 1.4).save(tmp_path)
    config, options = pretrained.pretrained_config(), adapt_options()
    assert config.sizes == net.sizes
    assert config.margin == options.margin == 1.4
    sizes = {"backbone": "blazepose_full", "input_size": 256, "channels": 64, "layers": 2}
    assert {name: getattr(options, name) for name in sizes} == sizes
