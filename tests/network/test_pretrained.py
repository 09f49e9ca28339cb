"""The network that lies in the package: whole, small enough, with its card."""

import json

import pytest
import torch

from epipose.errors import DamagedFileError, EpiposeError
from epipose.experiments.clips import split
from epipose.network import pretrained as package
from epipose.network.blazepose import Variant, landmark_graph
from epipose.network.blazepose_weights import WeightFile, landmark_file
from epipose.network.graph_net import GraphNet
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import PRETRAINED, model_file, pretrained_model
from epipose.network.temporal import WEIGHTS
from epipose.network.tflite_graph import read_tflite
from epipose.skeletons import H36M17

BONES_M = 4.05  # summed lengths of the bones of a person of 1.7 m


@pytest.fixture(autouse=True)
def without_heavy(tmp_path, monkeypatch) -> None:
    """A cache without the heavy landmark network."""
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))


PACKED = "blazepose-full.safetensors"


@pytest.mark.parametrize("variant", ["full", "heavy"])
def test_it_is_whole(variant: Variant) -> None:
    if variant == "heavy" and not landmark_file("heavy").cached:
        pytest.skip("the weights are not in the cache: epipose weights --variant heavy")
    trained = TrainedPoseNet.load(pretrained_model(variant))
    assert (trained.skeleton, trained.metric, trained.crop) == (H36M17, True, "roi")
    assert trained.net.sizes.backbone == f"blazepose_{variant}"
    assert trained.refiner is not None
    assert float(trained.bone_lengths.min()) > 0.05, "it has learned depth"
    grey = torch.full((1, trained.input_size, trained.input_size, 3), 128, dtype=torch.uint8)
    reading = trained.read(grey, torch.device("cpu"))
    assert reading.own is not None
    assert all(bool(torch.isfinite(field).all()) for field in (reading.uvd, reading.scale, *reading.own))


def test_both_networks_share_their_refiners(tmp_path) -> None:
    for name in ("refiner.safetensors", *WEIGHTS.values()):
        assert model_file(PRETRAINED / "heavy", name) == model_file(PRETRAINED, name) == PRETRAINED / name
    assert model_file(PRETRAINED / "heavy", "model.safetensors").parent.name == "heavy"
    assert model_file(tmp_path, "refiner.safetensors") == tmp_path / "refiner.safetensors", "no other folder shares"


def test_files_are_small_and_what_they_were() -> None:
    files = [path for path in PRETRAINED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 32e6
    needed = {"config.json", "model.safetensors", "refiner.safetensors", *WEIGHTS.values()}
    assert {path.name for path in files if path.parent == PRETRAINED} >= {*needed, "CARD.md", "NOTICE", PACKED}
    assert {path.name for path in files if path.parent.name == "heavy"} == {"config.json", "model.safetensors"}
    packaged = GraphNet.load(PRETRAINED / PACKED)  # raises where its hash is another
    if landmark_file("full").cached:
        original = landmark_graph(read_tflite(landmark_file("full").path))
        crop = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            for ours, theirs in zip(packaged(crop)[:2], original(crop)[:2], strict=True):
                torch.testing.assert_close(ours, theirs, atol=0.05, rtol=1e-3)


def test_a_damaged_landmark_network_is_refused(tmp_path) -> None:
    content = bytearray((PRETRAINED / PACKED).read_bytes())
    content[-2] ^= 1
    (tmp_path / PACKED).write_bytes(content)
    with pytest.raises(DamagedFileError):
        GraphNet.load(tmp_path / PACKED)


def test_the_best_whose_landmark_network_is_there_is_taken(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path))
    assert pretrained_model() == PRETRAINED
    monkeypatch.setattr(WeightFile, "cached", True)
    assert pretrained_model() == PRETRAINED / "heavy"
    assert pretrained_model("full") == PRETRAINED


def test_its_card_says_what_it_is() -> None:
    card = (PRETRAINED / "CARD.md").read_text()
    assert "Copyright The MediaPipe Authors" in (PRETRAINED / "NOTICE").read_text()
    for word in ("mocap.cs.cmu.edu", "NSF EIA-0196217", "CC0", "MIT", "Apache-2.0", "h36m17", "Limits", "Numbers"):
        assert word in card, word
    assert not json.loads((PRETRAINED / "config.json").read_text()).keys() & {"stream", "init"}, "no paths of a machine"


def test_a_damaged_installation_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(package, "PRETRAINED", tmp_path)
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EpiposeError, match=r"lacks model.safetensors in .*Install epipose again"):
        pretrained_model()


def test_a_motion_and_its_mirror_image_are_held_out_together(tmp_path) -> None:
    for name in "abcdefghij":
        (tmp_path / f"{name}.bvh").touch()
    (tmp_path / "e_mirror.bvh").touch()
    (tmp_path / "f_mirror.bvh").touch()
    learned, held_out = split(tmp_path)
    assert [path.stem for path in held_out] == ["e", "e_mirror", "j"]
    assert sorted(path.stem for path in learned) == ["a", "b", "c", "d", "f", "f_mirror", "g", "h", "i"]
