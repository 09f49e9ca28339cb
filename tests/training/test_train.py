"""Training: it learns drawn clips, resumes to the last bit, and guards its folder."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tqdm import tqdm

from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.evaluation.metrics import mpjpe_mm
from epipose.inference.clip_views import predict_clip
from epipose.io.files import read_json
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.network.refiner import REFINED
from epipose.poses import Poses3D
from epipose.training import loop
from epipose.training.batches import Shuffled
from epipose.training.samples import clip_samples
from epipose.training.train import train_network
from tests.helpers.drawn_clips import clip_folder

TINY = {"backbone": "resnet18", "input_size": 64, "depth_bins": 8, "channels": 16, "deconvs": 1, "batch_size": 4}
STILL = {"rotation_deg": 0.0, "scale": (1.0, 1.0), "shift": 0.0, "colour": (1.0, 1.0), "occlusion": 0.0, "flip": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return clip_folder(tmp_path_factory.mktemp("train") / "clip", frames=4, views=2)


def _weights(model: TrainedPoseNet) -> dict[str, torch.Tensor]:
    return model.net.state_dict()


def _interrupted(monkeypatch, after: int) -> None:
    """Make the training be cut off after some steps."""
    step, done = loop._TrainingRun.step, []

    def cut(*arguments):
        if len(done) == after:
            raise RuntimeError("cut off")
        done.append(1)
        return step(*arguments)

    monkeypatch.setattr(loop._TrainingRun, "step", cut)


@pytest.mark.slow
def test_overfits_eight_drawn_figures(folder: Path, tmp_path: Path) -> None:
    """Eight images by heart: the poses come back to within a hand's breadth, depth included."""
    options = {**TINY, **STILL, "batch_size": 8, "depth_bins": 16, "channels": 32}
    model = train_network([folder], tmp_path, epochs=60, lr_drops=(40,), **options)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < 0.15 * log[0]["loss"]
    xyz, conf, _ = predict_clip(folder, model, (0, 3))
    camera = Rig.load(folder / "rig.json").camera.to(torch.float32)
    truth = camera.spread(2).into_frame(Poses3D.load(folder / "poses3d.npz").xyz[:, 0])
    assert float(mpjpe_mm(xyz, truth, model.skeleton.root).mean()) < 100
    assert bool((conf > 0).all())


@pytest.mark.slow
def test_resumed_equals_uninterrupted_to_the_last_bit(folder: Path, tmp_path: Path, monkeypatch) -> None:
    """Cut off in the middle of an epoch, two steps after a checkpoint, with everything on that has a state."""
    run = {**TINY, "epochs": 4, "lr_drops": (3,), "checkpoint_steps": 3, "ema": 0.9, "clip_gradient": 0.1}
    whole = train_network([folder], tmp_path / "whole", **run)
    with monkeypatch.context() as patch:
        _interrupted(patch, after=5)
        with pytest.raises(RuntimeError, match="cut off"):
            train_network([folder], tmp_path / "cut", **run)
    assert torch.load(tmp_path / "cut" / "checkpoint.pt", weights_only=True)["step"] == 3
    assert (tmp_path / "cut" / "checkpoint.pt").exists()
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    with (tmp_path / "cut" / "log.jsonl").open("a") as file:
        file.write('{"epoch": 2, "loss": 9}\n{"epo')  # epochs after the last checkpoint: will be run again
    resumed = train_network([folder], tmp_path / "cut", **run)
    assert all(torch.equal(value, _weights(resumed)[key]) for key, value in _weights(whole).items())
    logs = [[json.loads(x) for x in (tmp_path / n / "log.jsonl").read_text().splitlines()] for n in ("whole", "cut")]
    curves = [[[x[key] for key in ("epoch", "loss", "spread", "lr")] for x in log] for log in logs]
    assert curves[0] == curves[1]
    assert [x["lr"] for x in logs[0]] == pytest.approx([1e-3] * 3 + [1e-4])
    assert not (tmp_path / "cut" / "checkpoint.pt").exists()


@pytest.mark.slow
def test_folder_is_guarded(folder: Path, tmp_path: Path, monkeypatch) -> None:
    run = {**TINY, "epochs": 1, "frames": (0, 0)}
    first = train_network([folder], tmp_path, **run)
    with monkeypatch.context() as patch:
        _interrupted(patch, after=0)
        again = train_network([folder], tmp_path, **run)  # finished: nothing is trained
    assert all(torch.equal(value, _weights(again)[key]) for key, value in _weights(first).items())
    with pytest.raises(EpiposeError, match=r"lr 0.001 \(now 0.01\).*--overwrite"):
        train_network([folder], tmp_path, **run, lr=0.01)
    for name in REFINED:
        (tmp_path / name).touch()
    other = train_network([folder], tmp_path, **run, seed=1, overwrite=True)
    assert not any((tmp_path / name).exists() for name in REFINED), "they mended another network"
    assert any(not torch.equal(value, _weights(other)[key]) for key, value in _weights(first).items())
    (tmp_path / "train.json").unlink()
    with pytest.raises(EpiposeError, match="options are unknown"):
        train_network([folder], tmp_path, **run)


@pytest.mark.slow
def test_a_failing_call_leaves_the_folder_alone(folder: Path, tmp_path: Path) -> None:
    run = {**TINY, "epochs": 1, "frames": (0, 0)}
    wrong = (
        {"input_size": 100},
        {"init": tmp_path / "none.pth"},
        {"frames": (0, 9)},
        {"device": "gpu"},
        {"batch_size": 0},
        {"ema": 1.0},
        {"mode": "full"},
        {"mode": "unfrozen", "batch_size": 3},
        {"images_2d": [tmp_path]},
    )
    for options in wrong:
        with pytest.raises(EpiposeError):
            train_network([folder], tmp_path / "out", **{**run, **options})
    first = train_network([folder], tmp_path / "out", **run)
    for options in wrong:
        with pytest.raises(EpiposeError):
            train_network([folder], tmp_path / "out", **{**run, **options}, overwrite=True)
    kept = TrainedPoseNet.load(tmp_path / "out")
    assert all(torch.equal(value, _weights(kept)[key]) for key, value in _weights(first).items())
    with pytest.raises(EpiposeError, match="'seed' is -1"):
        train_network([folder], tmp_path / "out", **run, seed=-1)


@pytest.mark.slow
def test_checkpoint_by_the_clock(folder: Path, tmp_path: Path, monkeypatch) -> None:
    run = {**TINY, "epochs": 3, "frames": (0, 0)}
    for seconds, exists in ((600.0, False), (0.0, True)):
        with monkeypatch.context() as patch:
            _interrupted(patch, after=1)
            with pytest.raises(RuntimeError, match="cut off"):
                train_network([folder], tmp_path, **run, checkpoint_seconds=seconds)
        assert (tmp_path / "checkpoint.pt").exists() == exists


@pytest.mark.slow
def test_the_bar_moves_with_every_batch(folder: Path, tmp_path: Path, monkeypatch) -> None:
    made = []

    class Bar(tqdm):
        def __init__(self, *arguments, quiet: bool, **options) -> None:
            made.append(self)
            self.moves = []
            super().__init__(*arguments, **{**options, "disable": quiet, "delay": 0, "mininterval": 0})

        def update(self, n: float = 1) -> bool | None:
            self.moves.append(n)
            return super().update(n)

    monkeypatch.setattr(loop, "progress", Bar)
    train_network([folder], tmp_path, **TINY, epochs=2)
    assert (made[-1].total, made[-1].unit, made[-1].moves) == (4, "step", [1] * 4)
    assert "epoch=2" in made[-1].postfix
    assert "loss=" in made[-1].postfix


def test_no_batch_of_a_single_image(folder: Path, tmp_path: Path, monkeypatch) -> None:
    sizes, to_input = [], loop.to_input
    monkeypatch.setattr(loop, "to_input", lambda images: sizes.append(len(images)) or to_input(images))
    train_network([folder], tmp_path, **{**TINY, "batch_size": 7}, epochs=1)  # of 8 images
    assert sizes == [4, 4]


def test_unlabelled_folders_and_divergence_say_so(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EpiposeError, match=r"lacks clip.json, rig.json, poses3d.npz"):
        train_network([tmp_path], tmp_path / "out", **TINY)
    with pytest.raises(EpiposeError, match="smaller learning rate"):
        train_network([folder], tmp_path / "out", **TINY, lr=1e30, epochs=3, frames=(0, 1))


@pytest.mark.slow
def test_starts_from_given_weights(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    torch.save(net.backbone.state_dict(), tmp_path / "imagenet.pth")
    run = {**TINY, "epochs": 1, "frames": (0, 0), "lr": 0.0}
    backbone = train_network([folder], tmp_path / "a", init=tmp_path / "imagenet.pth", **run)
    assert torch.equal(backbone.net.backbone.conv1.weight, net.backbone.conv1.weight)
    assert not torch.equal(backbone.net.volume.weight, net.volume.weight)
    further = train_network([folder], tmp_path / "b", init=tmp_path / "a", **run)
    assert torch.equal(further.net.volume.weight, backbone.net.volume.weight)
    torch.manual_seed(6)
    other = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    torch.save(other.backbone.state_dict(), tmp_path / "imagenet.pth")
    with pytest.raises(EpiposeError, match="the labels or the initial weights"):
        train_network([folder], tmp_path / "a", init=tmp_path / "imagenet.pth", **run)
    assert read_json(tmp_path / "b" / "train.json")["options"]["init"] == str(tmp_path / "a")
    with pytest.raises(EpiposeError, match="has sizes"):
        train_network([folder], tmp_path / "c", init=tmp_path / "a", **{**run, "channels": 24})
    with pytest.raises(EpiposeError, match="are on blazepose_full and blazepose_heavy, not on resnet18"):
        train_network([folder], tmp_path / "d", init="pretrained", **run)
    with pytest.raises(EpiposeError, match=r"0\.5 of the initial weights to keep"):
        train_network([folder], tmp_path / "d", init=tmp_path / "a", keep_initial=0.5, **run)
    assert not (tmp_path / "d").exists()


def test_labels_of_several_clips(folder: Path, tmp_path: Path) -> None:
    second = clip_folder(tmp_path / "second", frames=2, views=2)
    labels = Poses3D.load(second / "poses3d.npz")
    replace(labels, metric=False).save(second / "poses3d.npz")
    model = train_network([folder, second], tmp_path / "out", **TINY, epochs=1, frames=(0, 1))
    assert not model.metric
    log = json.loads((tmp_path / "out" / "log.jsonl").read_text())
    assert log["epoch"] == 0
    assert round(log["images_per_second"] * log["seconds"]) == 8


@pytest.mark.slow
def test_compiling_is_an_option_and_changes_nothing(folder: Path, tmp_path: Path, monkeypatch) -> None:
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda net: compiled.append(net) or net)
    run = {**TINY, "epochs": 1, "frames": (0, 0)}
    first, second = (
        train_network([folder], tmp_path / "a", **run),
        train_network([folder], tmp_path / "b", compile=True, **run),
    )
    assert len(compiled) == 1
    assert all(torch.equal(value, _weights(second)[key]) for key, value in _weights(first).items())


@pytest.mark.slow
def test_a_stream_takes_the_place_of_clips(folder: Path, tmp_path: Path) -> None:
    class Stream(Shuffled):
        def __repr__(self) -> str:
            return f"Stream({self.seed})"

    samples = clip_samples(folder, 64)
    run = {**TINY, "epochs": 1}
    from_clips = train_network([folder], tmp_path / "clips", **run)
    streamed = train_network([], tmp_path / "stream", stream=Stream(samples, 0), **run)
    assert all(torch.equal(value, _weights(streamed)[key]) for key, value in _weights(from_clips).items())
    assert read_json(tmp_path / "stream" / "train.json")["options"]["stream"] == "Stream(0)"
    with pytest.raises(EpiposeError, match=r"stream Stream\(0\) \(now Stream\(1\)\)"):
        train_network([], tmp_path / "stream", stream=Stream(samples, 1), **run)
    with pytest.raises(EpiposeError, match="not both"):
        train_network([folder], tmp_path / "both", stream=Stream(samples, 0), **run)
