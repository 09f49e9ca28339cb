"""The network that lies in the package: whole, small enough, with its card."""

import json

import pytest
import torch

from epipose.errors import EpiposeError
from epipose.model import shipped
from epipose.model.posenet import TrainedPoseNet
from epipose.model.shipped import SHIPPED, shipped_model
from epipose.skeleton import H36M17


def test_it_is_whole_and_small() -> None:
    assert shipped_model() == SHIPPED
    assert (SHIPPED / "model.safetensors").stat().st_size <= 32e6
    trained = TrainedPoseNet.load(SHIPPED)
    assert (trained.skeleton, trained.metric) == (H36M17, True)
    assert float(trained.bone_lengths.min()) > 0.05, "it has learned depth"
    grey = torch.full((1, trained.input_size, trained.input_size, 3), 128, dtype=torch.uint8)
    uvd, conf = trained.read(grey, torch.device("cpu"))
    assert bool(torch.isfinite(uvd).all())
    assert bool(torch.isfinite(conf).all())


def test_its_card_says_what_it_is() -> None:
    card = (SHIPPED / "CARD.md").read_text()
    for word in ("mocap.cs.cmu.edu", "NSF EIA-0196217", "CC0", "MIT", "Apache-2.0", "h36m17", "Limits", "Numbers"):
        assert word in card, word
    assert not json.loads((SHIPPED / "config.json").read_text()).keys() & {"stream", "init"}, "no paths of a machine"


def test_a_damaged_installation_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EpiposeError, match=r"lacks model.safetensors in .*Install epipose again"):
        shipped_model()
