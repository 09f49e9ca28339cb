"""Targets from the network's own 2D: right where its 2D is, and a way to collapse when it may move them."""

import json
from pathlib import Path

import pytest
import torch

from epipose.camera import Rig
from epipose.pipeline.train import train
from epipose.training.batches import Shuffled
from epipose.training.losses import smooth_l1, spread
from epipose.training.samples import Placement, clip_samples
from epipose.training.self_targets import own_targets
from tests.helpers.clip_with_truth import studio_folder

TINY = {"backbone": "resnet18", "input_size": 64, "depth_bins": 8, "channels": 16, "deconvs": 1, "batch_size": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return studio_folder(tmp_path_factory.mktemp("unfrozen") / "clip", frames=16, views=2)


def _batch(folder: Path) -> tuple[torch.Tensor, Placement]:
    """True (u, v, d) of pairs of views of the same moments."""
    samples = clip_samples(folder, 64)
    truth = next(Shuffled(samples, 0, pairs=True).batches(0, 32))
    assert truth.place is not None
    return torch.from_numpy(truth.uvd), truth.place


@pytest.fixture(scope="module")
def exact(folder: Path, tmp_path_factory) -> tuple[torch.Tensor, Placement]:
    true = tmp_path_factory.mktemp("exact")
    for name in ("clip.json", "cam1.mp4", "cam2.mp4"):
        (true / name).write_bytes((folder / name).read_bytes())
    for name in ("rig.json", "poses3d.npz"):
        (true / name).write_bytes((folder / "truth" / name).read_bytes())
    return _batch(true)


def test_true_places_in_two_views_make_the_true_depth(exact) -> None:
    uvd, place = exact
    target, weight = own_targets(uvd[..., :2], place.box, place.camera, root=0)
    torch.testing.assert_close(target, uvd, atol=1e-4, rtol=0)
    assert bool((weight == 1).all())


def test_the_gradient_flows_through_the_target(exact) -> None:
    uvd, place = exact
    generator = torch.Generator().manual_seed(0)
    uv = (uvd[..., :2] + 0.01 * torch.randn(uvd[..., :2].shape, generator=generator)).requires_grad_()
    target, weight = own_targets(uv, place.box, place.camera, root=0)
    smooth_l1(torch.cat([uv, uvd[..., 2:]], -1).detach(), target, weight, 0.02)[0].backward()
    assert uv.grad is not None
    assert bool(uv.grad.isfinite().all())
    assert float(uv.grad.abs().sum(-1).min()) > 0


def test_points_behind_a_camera_do_not_count(exact) -> None:
    uvd, place = exact
    uv = uvd[..., :2].clone()
    uv[0::2, 3, 0], uv[1::2, 3, 0] = (-3.0, 3.0)  # rays that diverge: they meet behind the cameras, if at all
    target, weight = own_targets(uv, place.box, place.camera, root=0)
    other, other_weight = own_targets(uv.flip(-1), place.box, place.camera, root=0)
    assert bool(target.isfinite().all() and other.isfinite().all())
    uv[0::2, 3, 0], uv[1::2, 3, 0] = (3.0, -3.0)
    _, third = own_targets(uv, place.box, place.camera, root=0)
    assert 0 in (float(weight[:, 3].min()), float(third[:, 3].min()), float(other_weight.min()))
    assert bool((weight[:, 5] == 1).all())


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_agreeing_with_oneself_collapses_the_pose(exact, frozen: bool) -> None:
    """A reader that errs in proportion to what it says: the errors shrink with the pose, and nothing else holds it."""
    uvd, place = exact
    torch.manual_seed(0)
    features = torch.randn(len(uvd), 24)
    reader = torch.nn.Linear(24, 51)
    with torch.no_grad():  # it begins with the best it can say of these images
        best = torch.linalg.lstsq(torch.cat([features, torch.ones(len(uvd), 1)], 1), uvd.flatten(1)).solution
        reader.weight.copy_(best[:-1].T)
        reader.bias.copy_(best[-1])
    optimizer = torch.optim.Adam(reader.parameters(), 0.003)
    for _ in range(600):
        pose = reader(torch.nn.functional.dropout(features, 0.3)).view(uvd.shape)
        uv = uvd[..., :2] if frozen else pose[..., :2]
        target, weight = own_targets(uv, place.box, place.camera, root=0)
        error, counted = smooth_l1(pose, target, weight, 0.02)
        optimizer.zero_grad()
        (error / counted).backward()
        optimizer.step()
    extent = float(spread(reader(features).view(uvd.shape))) / float(spread(uvd))
    assert extent > 0.9 if frozen else extent < 0.25


def test_a_network_trains_unfrozen_and_the_log_tells_its_spread(folder: Path, tmp_path: Path) -> None:
    train([folder], tmp_path / "own", mode="unfrozen", epochs=2, frames=(0, 1), **TINY)
    log = [json.loads(line) for line in (tmp_path / "own" / "log.jsonl").read_text().splitlines()]
    assert len(log) == 2
    assert all(0 < line["spread"] < 0.5 and line["loss"] > 0 for line in log)
    assert Rig.load(folder / "labels" / "self+rig" / "rig.json").metric
