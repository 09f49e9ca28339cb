"""The paper's experiments with heads on a frozen landmark network: readings made once, targets, evaluation."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.experiments import head_trainer as head_trainer_module
from epipose.experiments import landmark_readings as readings_module
from epipose.experiments import networks as networks_module
from epipose.experiments import run as run_module
from epipose.experiments.clips import ExperimentClips
from epipose.experiments.head_trainer import HeadEvaluator, HeadTrainer, clip_labels, fit_head
from epipose.experiments.landmark_readings import LandmarkReadings, subject_of, tokens_at
from epipose.experiments.network_evaluator import NetworkEvaluator, ground_truth_poses
from epipose.experiments.options import BenchOptions
from epipose.experiments.result import ExperimentResult, FootageSource
from epipose.experiments.run import bench
from epipose.experiments.trainer import MAIN_RUNS, SETTINGS
from epipose.network.crops import crop_image, pose_from_crop
from epipose.network.posenet import TrainedPoseNet, to_input
from epipose.network.token_head import LandmarkTokens, landmark_tokens
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from epipose.training.options import TrainOptions
from tests.experiments.test_experiments import known_clip
from tests.helpers.landmark_models import landmark_net

TINY = {
    "backbone": "blazepose_full", "channels": 32, "layers": 1, "epochs": 3, "batch_size": 8, "variations": 2,
    "schedule": "cosine", "flip": 0.5,
}  # fmt: skip
OPTIONS = TrainOptions(backbone="blazepose_full", channels=32, layers=1, flip=0.5)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [known_clip(folder / f"clip{number}", frames=4, views=2, seed=number) for number in range(2)]


@pytest.fixture(scope="module")
def trainer(clips: list[Path], tmp_path_factory) -> HeadTrainer:
    return HeadTrainer(clips, tmp_path_factory.mktemp("nets"), None, TINY, 0)


def same(one: LandmarkTokens, other: LandmarkTokens) -> bool:
    fields = [(*part.features, *part.summary, part.own, part.answers, part.keypoints) for part in (one, other)]
    return all(torch.allclose(a.float(), b.float(), rtol=2e-3, atol=2e-3) for a, b in zip(*fields, strict=True))


def test_readings_are_those_of_the_crops(clips: list[Path], tmp_path: Path, monkeypatch) -> None:
    readings = LandmarkReadings(tmp_path, OPTIONS)
    found = readings.tokens(clips[0])
    clip, person = Clip.load(clips[0]), subject_of(clips[0])
    image = next(iter(clip.read(clip.views[1], [2])))
    crop = torch.from_numpy(crop_image(image, person.box[4 + 2].numpy(), 256))
    with torch.inference_mode():
        expected = landmark_tokens(landmark_net().backbone(to_input(crop[None])))
    assert same(tokens_at(found, torch.tensor([6])), expected)
    varied = readings.tokens(clips[0], 1)
    assert not same(varied, found)
    monkeypatch.setattr(readings_module, "load_landmarks", lambda variant: pytest.fail("read again"))
    again = LandmarkReadings(tmp_path, OPTIONS)
    assert same(again.tokens(clips[0], 1), varied)
    other = LandmarkReadings(tmp_path, replace(OPTIONS, rotation_deg=5.0))
    assert same(other.tokens(clips[0]), found), "the crop itself has no variation"
    assert other._key(clips[0], person, 1) != again._key(clips[0], person, 1)


def test_nobody_is_read_where_nobody_was_detected(clips: list[Path], tmp_path: Path) -> None:
    folder = known_clip(tmp_path / "clip", frames=3, views=2)
    poses = Poses2D.load(folder / "poses2d.npz")
    poses.conf[1, 1] = 0
    poses.save(folder / "poses2d.npz")
    found = LandmarkReadings(tmp_path / "readings", OPTIONS).tokens(folder)
    assert not found.answers[4].any()
    assert found.answers[[0, 1, 2, 3, 5]].flatten(1).any(1).all()
    labels = clip_labels(folder, folder / "labels" / "full")
    assert labels.row.tolist() == [0, 1, 2, 3, 5]
    poses.conf[:] = 0
    poses.save(folder / "poses2d.npz")
    with pytest.raises(InputError, match="no image has a box"):
        clip_labels(folder, folder / "labels" / "full")


def test_targets_are_the_poses_of_the_labels(clips: list[Path]) -> None:
    labels = clip_labels(clips[0], clips[0] / "labels" / "full")
    true, _ = ground_truth_poses(clips[0])
    assert labels.row.tolist() == list(range(8))
    pose = pose_from_crop(labels.uvd, labels.camera, labels.box, H36M17, labels.bone_lengths)
    scale = (pose * (true - true[:, :1])).sum((1, 2)) / (pose * pose).sum((1, 2))
    torch.testing.assert_close(scale[:, None, None] * pose, true - true[:, :1], atol=1e-3, rtol=0)
    assert labels.metric
    uniform = clip_labels(clips[0], clips[0], "uniform")
    assert set(uniform.weight.unique().tolist()) <= {0.0, 1.0}


def test_an_image_that_is_late_shows_an_earlier_label(clips: list[Path], tmp_path: Path) -> None:
    folder = known_clip(tmp_path / "clip", frames=6, views=2)
    labels = folder / "labels" / "full"
    before = clip_labels(folder, labels)
    rig = Rig.load(labels / "rig.json")
    replace(rig, lag=torch.tensor([0.0, 2.0])).save(labels / "rig.json")
    late = clip_labels(folder, labels)
    assert late.frame.tolist() == [0, 1, 2, 3, 4, 5, 0, 0, 0, 1, 2, 3]
    torch.testing.assert_close(late.uvd[:6], before.uvd[:6])
    assert not torch.allclose(late.uvd[8:], before.uvd[8:])


def test_the_evaluation_is_that_of_prediction(clips: list[Path], tmp_path: Path) -> None:
    trained = TrainedPoseNet(landmark_net().eval(), H36M17, torch.full((16,), 0.25), True, 1.25)
    fast = HeadEvaluator(clips, clips, 0, LandmarkReadings(tmp_path, OPTIONS)).network(trained)
    slow = NetworkEvaluator(clips, clips, 0).network(trained)
    assert fast.nmpjpe_mm == pytest.approx(slow.nmpjpe_mm, rel=2e-3)
    assert fast.mpjpe_mm == pytest.approx(slow.mpjpe_mm, rel=2e-3)
    heavy = LandmarkReadings(tmp_path / "heavy", replace(OPTIONS, backbone="blazepose_heavy"))
    other = HeadEvaluator(clips, clips, 0, heavy).network(trained)
    assert other.nmpjpe_mm == pytest.approx(slow.nmpjpe_mm), "a network on another landmark network reads for itself"


def test_heads_begin_alike_and_learn_the_labels(trainer: HeadTrainer, clips: list[Path]) -> None:
    assert trainer.run("full").metric
    trainer.run("self")
    losses = [line.loss for line in trainer.log("full")]
    assert len(losses) == 3
    assert losses[2] < losses[0]
    assert abs(trainer.log("self")[0].loss - losses[0]) < 0.1 * losses[0], "the same start, nearly the same labels"
    longer = HeadTrainer(clips, trainer.nets.parent / "longer", None, {**TINY, "epochs": 40, "lr": 3e-3}, 0)
    longer.run("full")
    assert longer.log("full")[-1].loss < 0.7 * losses[0]


def test_what_is_trained_is_loaded(trainer: HeadTrainer, clips: list[Path], monkeypatch) -> None:
    first = trainer.run("true2d").net.own_state()
    monkeypatch.setattr(head_trainer_module, "fit_head", lambda *arguments: pytest.fail("trained again"))
    again = HeadTrainer(clips, trainer.nets, None, TINY, 0).run("true2d").net.own_state()
    assert all(torch.equal(first[name], again[name]) for name in first)
    monkeypatch.setattr(head_trainer_module, "fit_head", fit_head)
    other = HeadTrainer(clips, trainer.nets, None, {**TINY, "epochs": 1}, 0)
    other.run("true2d")
    assert len(other.log("true2d")) == 1, "other settings, another head"


def test_the_collapse_of_a_head(trainer: HeadTrainer, clips: list[Path]) -> None:
    rows = networks_module.collapse_rows(trainer, HeadEvaluator(clips, clips, 0, trainer.readings))
    assert len(rows["unfrozen"].spread or ()) == 3
    assert rows["unfrozen"].nmpjpe_mm != rows["frozen"].nmpjpe_mm


def test_an_init_is_where_heads_begin(trainer: HeadTrainer, clips: list[Path], tmp_path: Path) -> None:
    start = trainer.run("full")
    begun = HeadTrainer(clips, tmp_path, trainer.folder("full"), {**TINY, "epochs": 1, "lr": 0.0}, 0).run("self")
    assert all(torch.equal(a, b) for a, b in zip(start.net.own_state().values(), begun.net.own_state().values()))  # noqa: B905


def test_the_size_landmarks_needs_no_pretraining(clips: list[Path], tmp_path: Path, monkeypatch) -> None:
    source = FootageSource("drawn figures")
    monkeypatch.setattr(run_module, "studio_clips", lambda *a, **k: ExperimentClips(clips, clips, (), source))
    monkeypatch.setattr(run_module, "detected", lambda folders, detector: (folders, []))
    monkeypatch.setattr(run_module, "usable", lambda folders, detector: (folders, []))
    monkeypatch.setitem(SETTINGS, "landmarks", {**TINY, "epochs": 1})
    monkeypatch.setitem(run_module.RUNS, "landmarks", ("full", "self"))
    result = bench("self", tmp_path, None, BenchOptions(network="landmarks", quick=True))
    assert result == ExperimentResult.load(tmp_path / "self_landmarks.json")
    assert set(result.network_rows) == {"full", "self", "mean pose", "pretrained", "pretrained, alone"}
    assert result.network_rows["self"].ratio_to_full is not None
    assert result.config.settings["init"] == "random weights"
    assert not (tmp_path / "quick" / "nets" / "landmarks" / "pretrained").exists()
    assert not any("refined" in name for name in MAIN_RUNS), "a refiner that knows 3D says little of labels"
