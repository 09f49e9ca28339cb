"""A training that is killed twice ends as an uninterrupted one: every bit of the weights and of the log."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from epipose.training.train import train_network
from tests.helpers.drawn_clips import clip_folder
from tests.helpers.killed_process import KILLED

RUN = {"backbone": "resnet18", "input_size": 64, "depth_bins": 8, "channels": 16, "deconvs": 1, "batch_size": 2}
RUN |= {"epochs": 3, "checkpoint_steps": 1, "ema": 0.9, "schedule": "cosine", "warmup": 1.0, "flip": 0.5}


def _killed(clip: Path, out: Path, when: str) -> None:
    command = [sys.executable, "-m", "tests.helpers.killed_process", str(clip), str(out), json.dumps(RUN), when]
    assert subprocess.run(command, check=False).returncode == KILLED


def _log(out: Path) -> list[list[float]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [[line[key] for key in ("epoch", "loss", "spread", "lr")] for line in lines]


@pytest.mark.slow
def test_killed_in_a_step_and_in_a_write_it_ends_the_same(tmp_path: Path) -> None:
    """Three epochs of three steps; killed in step 4, and then while writing what step 7 left."""
    clip, cut = clip_folder(tmp_path / "clip", frames=3, views=2), tmp_path / "cut"
    _killed(clip, cut, "step:4")
    assert torch.load(cut / "checkpoint.pt", weights_only=True)["step"] == 4
    assert len(_log(cut)) == 1
    _killed(clip, cut, "write:3")
    assert torch.load(cut / "checkpoint.pt", weights_only=True)["step"] == 7, "the half-written one is not taken"
    assert len(list(cut.glob(".checkpoint*"))) == 1
    resumed, whole = train_network([clip], cut, **RUN), train_network([clip], tmp_path / "whole", **RUN)
    expected = whole.net.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in resumed.net.state_dict().items())
    assert _log(cut) == _log(tmp_path / "whole")
    assert len(_log(cut)) == 3
    assert not list(cut.glob(".*")), "the half-written file is gone"
    assert not (cut / "checkpoint.pt").exists()
