"""Training on a landmark network: the head learns, the landmark network stays, and so does a share of before."""

from pathlib import Path

import pytest
import torch

from epipose.errors import InputError
from epipose.network.blazepose import load_landmarks
from epipose.network.posenet import TrainedPoseNet
from epipose.training.train import train_network
from tests.helpers.drawn_clips import clip_folder
from tests.helpers.landmark_models import landmark_model

TINY = {
    "backbone": "blazepose_full", "channels": 32, "layers": 1, "batch_size": 2, "epochs": 1, "frames": (0, 1),
    "lr_drops": (), "device": "cpu",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return clip_folder(tmp_path_factory.mktemp("train") / "clip", frames=2, views=2)


def test_only_the_head_changes(folder: Path, tmp_path: Path) -> None:
    start = landmark_model(tmp_path / "start")
    trained = train_network([folder], tmp_path / "out", init=start, **TINY)
    published = load_landmarks("full").state_dict()
    assert all(torch.equal(value, published[key]) for key, value in trained.net.backbone.state_dict().items())
    before = TrainedPoseNet.load(start).net.own_state()
    changed = [key for key, value in trained.net.own_state().items() if not torch.equal(value, before[key])]
    assert "head.answer.weight" in changed
    assert "head.base.weight" in changed
    assert trained.crop == "roi"
    again = TrainedPoseNet.load(tmp_path / "out").net.own_state()
    for key, value in trained.net.own_state().items():
        torch.testing.assert_close(again[key], value, atol=1e-3, rtol=1e-3)


def test_an_averaged_network_keeps_its_landmarks(folder: Path, tmp_path: Path) -> None:
    trained = train_network([folder], tmp_path / "out", ema=0.5, **TINY)
    published = load_landmarks("full").state_dict()
    assert all(torch.equal(value, published[key]) for key, value in trained.net.backbone.state_dict().items())


def test_the_outcome_keeps_a_share_of_the_initial_weights(folder: Path, tmp_path: Path) -> None:
    start = landmark_model(tmp_path / "start")
    before = TrainedPoseNet.load(start).net.own_state()
    all_new = train_network([folder], tmp_path / "new", init=start, **TINY).net.own_state()
    for share in (0.25, 1.0):
        kept = train_network([folder], tmp_path / f"{share}", init=start, keep_initial=share, **TINY).net.own_state()
        for key, value in kept.items():
            torch.testing.assert_close(value, (1 - share) * all_new[key] + share * before[key], atol=1e-6, rtol=1e-5)


def test_what_cannot_be_is_refused(folder: Path, tmp_path: Path) -> None:
    start = landmark_model(tmp_path / "start")
    (tmp_path / "weights.pth").write_bytes(b"")
    wrong = (
        ({"keep_initial": 0.5}, "of the initial weights to keep"),  # without an init
        ({"keep_initial": 1.5, "init": start}, "'keep_initial' is 1.5"),
        ({"keep_initial": -0.5, "init": start}, "'keep_initial' is -0.5"),
        ({"init": start, "channels": 64}, "has sizes"),
        ({"init": start, "layers": 2}, "has sizes"),
        ({"init": "imagenet"}, "blazepose_full"),
        ({"init": tmp_path / "weights.pth"}, "has its own weights"),
        ({"input_size": 128}, "256"),
        ({"channels": 30}, "channels"),
        ({"layers": 0}, "layers"),
    )
    for options, message in wrong:
        with pytest.raises(InputError, match=message):
            train_network([folder], tmp_path / "out", **{**TINY, **options})
        assert not (tmp_path / "out").exists(), options
