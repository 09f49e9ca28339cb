"""Two processes under torchrun: the gradient of the whole batch, one and the same network, one log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from epipose.errors import EpiposeError
from epipose.training.distributed import ProcessGroup, process_group
from tests.helpers.ddp_worker import gradient
from tests.helpers.drawn_clips import clip_folder

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> tuple[Path, Path]:
    """The clip, and the folder in which two processes left what they found."""
    folder = tmp_path_factory.mktemp("team")
    clip = clip_folder(folder / "clip", frames=5, views=2)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*launch, "-m", "tests.helpers.ddp_worker", str(clip), str(folder)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return clip, folder


@pytest.mark.slow
def test_the_gradient_is_that_of_the_whole_batch(outcome) -> None:
    """Five images with weights of their own, shared as three and two: means of means would be wrong."""
    clip, folder = outcome
    alone, loss = gradient(clip, ProcessGroup(0, 1, CPU))
    for rank in range(2):
        found = torch.load(folder / f"rank{rank}.pt", weights_only=True)
        assert float(found["loss"]) == pytest.approx(float(loss), rel=1e-5)
        assert float((found["gradient"] - alone).norm() / alone.norm()) < 1e-4


@pytest.mark.slow
def test_both_have_the_same_network_and_it_has_learned(outcome) -> None:
    _, folder = outcome
    first, second = (torch.load(folder / f"rank{rank}.pt", weights_only=True)["net"] for rank in range(2))
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    log = [json.loads(line) for line in (folder / "model" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log] == [0, 1, 2], "one process writes"
    assert log[-1]["loss"] < log[0]["loss"]
    from epipose.network.posenet import TrainedPoseNet

    saved = TrainedPoseNet.load(folder / "model").net.state_dict()
    assert all(torch.equal(value, saved[key]) for key, value in first.items())


def test_without_torchrun_there_is_one() -> None:
    with process_group(CPU) as processes:
        assert (processes.rank, processes.size, processes.first) == (0, 1, True)
        assert processes.broadcast({"a": 1}) == {"a": 1}
        net = torch.nn.Linear(2, 2)
        assert processes.data_parallel(net) is net


def test_shares_are_all_of_a_batch_and_keep_groups_together() -> None:
    for group in (1, 2):
        shares = [list(range(14))[ProcessGroup(rank, 3, CPU).share(14, group)] for rank in range(3)]
        assert sum(shares, []) == list(range(14))  # noqa: RUF017
        assert all(len(share) % group == 0 for share in shares)
        assert max(map(len, shares)) - min(map(len, shares)) <= group
    with pytest.raises(EpiposeError, match="4 images cannot be shared by 3 processes"):
        ProcessGroup(0, 3, CPU).share(4, group=2)
