"""Refinement over time of a video's predictions: tracks, units, and the option of predict."""

import shutil
from pathlib import Path

import pytest
import torch

from epipose.inference import predictor
from epipose.inference.main_person import PersonKeypoints
from epipose.inference.over_time import refined_over_time, temporal_refiner
from epipose.inference.predict import predict
from epipose.inference.prediction import Prediction
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.network.temporal import WEIGHTS, TemporalRefiner
from epipose.skeletons import COCO17, H36M17
from tests.helpers.drawn_clips import clip_folder
from tests.helpers.fixed_detector import Finder

FPS = 25.0


def random_refiner(skeleton=H36M17, causal: bool = False) -> TemporalRefiner:
    torch.manual_seed(2)
    refiner = TemporalRefiner(skeleton, causal=causal, width=16, dilations=(1, 2), taps=(0, 1, 3))
    with torch.no_grad():
        refiner.answer.weight.normal_(0, 0.1)
    return refiner.eval()


def random_track(frames: int) -> tuple[torch.Tensor, torch.Tensor, PersonKeypoints]:
    g = torch.Generator().manual_seed(5)
    xyz = 0.3 * torch.randn(frames, 17, 3, generator=g)
    xyz = xyz - xyz[:, :1]
    uv = 400 * xyz[..., :2] + torch.tensor([320.0, 240.0])
    xy = uv + 5 * torch.randn(frames, 17, 2, generator=g)
    box = torch.tensor([320.0, 240.0, 500.0, 0.0]).repeat(frames, 1)
    return xyz, uv, PersonKeypoints(box, xy, torch.rand(frames, 17, generator=g))


def without(person: PersonKeypoints, frames: list[int]) -> PersonKeypoints:
    box, conf = person.box.clone(), person.conf.clone()
    box[frames], conf[frames] = 0, 0
    return person._replace(box=box, conf=conf)


def test_the_unit_of_the_poses_does_not_matter():
    xyz, uv, person = random_track(20)
    poses = refined_over_time(random_refiner(), xyz, uv, person, FPS)
    again = refined_over_time(random_refiner(), 1000 * xyz, uv, person, FPS)
    torch.testing.assert_close(again, 1000 * poses, atol=1e-2, rtol=1e-4)
    assert (poses - xyz).abs().max() > 0.01


def test_frames_without_the_person_are_zeros_and_do_not_matter():
    xyz, uv, person = random_track(20)
    person = without(person, [0, 8, 9, 19])
    poses = refined_over_time(random_refiner(), xyz, uv, person, FPS)
    assert (poses.abs().amax((1, 2)) == 0).nonzero()[:, 0].tolist() == [0, 8, 9, 19]
    xyz[[0, 8, 9, 19]], uv[[0, 8, 9, 19]] = 0.0, 0.0
    torch.testing.assert_close(refined_over_time(random_refiner(), xyz, uv, person, FPS), poses)


def test_a_long_gap_ends_the_track():
    xyz, uv, person = random_track(50)
    person = without(person, list(range(20, 34)))
    poses = refined_over_time(random_refiner(), xyz, uv, person, FPS)
    alone = refined_over_time(random_refiner(), xyz[:20], uv[:20], PersonKeypoints(*(f[:20] for f in person)), FPS)
    torch.testing.assert_close(poses[:20], alone, atol=1e-4, rtol=0)
    short = without(random_track(50)[2], list(range(20, 30)))
    longer = refined_over_time(random_refiner(), xyz, uv, short, FPS)
    assert (longer[19] - alone[19]).abs().max() > 1e-3, "a short gap does not"


def test_nobody_at_all():
    xyz, uv, person = random_track(4)
    assert refined_over_time(random_refiner(), xyz, uv, without(person, [0, 1, 2, 3]), FPS).abs().max() == 0


@pytest.fixture
def model(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(predictor, "detector_named", lambda name, *_: Finder())
    torch.manual_seed(0)
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    TrainedPoseNet(net, H36M17, torch.full((16,), 0.25), True, 1.25).save(tmp_path / "model")
    return tmp_path / "model"


def test_a_video_is_refined_where_the_model_has_a_temporal_refiner(model: Path, tmp_path: Path):
    video = clip_folder(tmp_path / "clip", frames=5, views=2) / "cam1.mp4"
    plain = predict(video, model)
    random_refiner().save(model / WEIGHTS["centred"])
    refined = predict(video, model, tmp_path / "out")
    assert "over time" not in plain.made_with
    assert Prediction.load(tmp_path / "out").made_with["over time"] == "centred"
    assert (refined.xyz - plain.xyz).abs().max() > 1e-3
    assert torch.equal(refined.conf, plain.conf)
    off = predict(video, model, temporal=False)
    assert torch.equal(off.xyz, plain.xyz)
    assert off.made_with == plain.made_with


def test_a_refiner_of_other_joints_is_none(model: Path):
    assert temporal_refiner(model, H36M17) is None
    random_refiner(COCO17).save(model / WEIGHTS["centred"])
    assert temporal_refiner(model, H36M17) is None
    random_refiner().save(model / WEIGHTS["centred"])
    assert temporal_refiner(model, H36M17) is not None
    random_refiner(causal=True).save(model / WEIGHTS["causal"])
    causal = temporal_refiner(model, H36M17, causal=True)
    assert causal is not None
    assert causal.causal
    shutil.copy(model / WEIGHTS["centred"], model.parent / WEIGHTS["centred"])
    assert temporal_refiner(model.parent / "model.onnx", H36M17) is not None, "beside an ONNX file"
