"""The network that lies in the package: whole, small enough, with its card."""

import json

import pytest
import torch

from benchmarks.network.pretrained import split
from epipose.errors import EpiposeError
from epipose.network import pretrained as package
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import PRETRAINED, pretrained_model
from epipose.skeletons import H36M17


def test_it_is_whole_and_small() -> None:
    assert pretrained_model() == PRETRAINED
    assert (PRETRAINED / "model.safetensors").stat().st_size <= 32e6
    trained = TrainedPoseNet.load(PRETRAINED)
    assert (trained.skeleton, trained.metric) == (H36M17, True)
    assert float(trained.bone_lengths.min()) > 0.05, "it has learned depth"
    grey = torch.full((1, trained.input_size, trained.input_size, 3), 128, dtype=torch.uint8)
    uvd, conf = trained.read(grey, torch.device("cpu"))
    assert bool(torch.isfinite(uvd).all())
    assert bool(torch.isfinite(conf).all())


def test_its_card_says_what_it_is() -> None:
    card = (PRETRAINED / "CARD.md").read_text()
    for word in ("mocap.cs.cmu.edu", "NSF EIA-0196217", "CC0", "MIT", "Apache-2.0", "h36m17", "Limits", "Numbers"):
        assert word in card, word
    assert not json.loads((PRETRAINED / "config.json").read_text()).keys() & {"stream", "init"}, "no paths of a machine"


def test_a_damaged_installation_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(package, "PRETRAINED", tmp_path)
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
