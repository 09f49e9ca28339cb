"""Training of the temporal refiner on a made-up method whose errors are known."""

import torch

from epipose.evaluation.metrics import acceleration_error_mm, pmpjpe_mm
from epipose.network.pose_track import TrackInputs
from epipose.network.temporal import TemporalRefiner
from epipose.skeletons import H36M17
from epipose.training.temporal import fit_temporal, track_losses
from epipose.training.track_batches import Motions, TrackPairs, random_tracks

FRAMES = 48


def walking(count: int, frames: int, seed: int) -> torch.Tensor:
    """Poses that swing, z up; bones of changing people."""
    g = torch.Generator().manual_seed(seed)
    rest = torch.zeros(17, 3)
    for parent, child in H36M17.bones:
        rest[child] = rest[parent] + 0.3 * torch.nn.functional.normalize(torch.randn(3, generator=g), dim=0)
    phase = 6.3 * torch.rand(count, 1, 1, 1, generator=g)
    pace = 0.1 + 0.1 * torch.rand(count, 1, 1, 1, generator=g)
    swing = torch.sin(phase + pace * torch.arange(frames)[:, None, None]) * 0.1 * torch.randn(17, 3, generator=g)
    xyz = rest + swing
    return xyz - xyz[:, :, :1]


def noisy(count: int, seed: int, frames: int = FRAMES) -> TrackPairs:
    """Independent noise of 40 mm and a depth that is 80 mm too large at the wrists."""
    g = torch.Generator().manual_seed(seed + 100)
    true = walking(count, frames, seed) @ torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    xyz = true + 0.04 * torch.randn(true.shape, generator=g)
    xyz[:, :, [13, 16], 2] += 0.08
    xyz = xyz - xyz[:, :, :1]
    keypoints = true[..., :2] + 0.01 * torch.randn(*true.shape[:-1], 2, generator=g)
    conf, error = torch.ones(true.shape[:-1]), torch.full(true.shape[:-1], 0.04)
    return TrackPairs(TrackInputs(xyz, keypoints, conf, error, torch.ones(count, frames)), true, true[..., :2])


def motions() -> Motions:
    return Motions(walking(9, 160, 3), torch.tensor([25.0, 25.0, 50.0]).repeat(3))


def test_batches_follow_from_the_seed_and_have_gaps():
    pairs, stills = noisy(6, 0), noisy(40, 1, frames=1)
    shapes, seen = set(), []
    for seed in range(8):
        both = []
        for _ in range(2):
            random = torch.Generator().manual_seed(seed)
            both.append(random_tracks(pairs, motions(), stills, 32, H36M17, random, causal=True))
        (inputs, true, fps), (again, _, _) = both
        assert all(torch.equal(a, b) for a, b in zip(inputs, again, strict=True))
        assert all(bool(field.isfinite().all()) for field in (*inputs, true, fps))
        assert inputs.xyz.shape == true.shape == (32, true.shape[1], 17, 3)
        assert bool((inputs.seen[:, 0] == 1).all()), "a track begins where the person is seen"
        shapes.add((true.shape[1], round(float(fps[0]), 1)))
        seen.append(inputs.seen.mean())
    assert {(48, 25.0), (48, 50.0)} <= shapes
    assert 0.8 < float(torch.stack(seen).mean()) < 0.999


def test_the_loss_is_that_of_poses_and_of_their_changes():
    true = noisy(2, 0).true
    moved = track_losses(true + torch.tensor([0.1, 0.0, 0.0]), true)
    torch.testing.assert_close(moved.pose, torch.tensor(0.1))
    assert max(float(moved.aligned), float(moved.velocity), float(moved.acceleration)) < 1e-5
    turned = track_losses(1.5 * true.flip(-1) * torch.tensor([1.0, 1.0, -1.0]), true)
    assert float(turned.pose) > 0.1
    assert float(turned.velocity) > 1e-3


def test_training_removes_noise_and_a_bias():
    torch.manual_seed(0)
    pairs, test = noisy(12, 0), noisy(4, 0)
    steps = []
    refiner = TemporalRefiner(H36M17, causal=False, width=32, dilations=(1, 2))
    trained = fit_temporal(
        refiner, pairs, motions(), noisy(30, 1, frames=1), seconds=3.0, batch=8, lr=4e-3, every=5,
        watch=lambda step, _: steps.append(step),
    )  # fmt: skip
    assert steps[:2] == [5, 10]
    assert isinstance(trained, TemporalRefiner)
    with torch.inference_mode():
        poses = trained(test.inputs, torch.full((4,), 25.0))
    before, after = (pmpjpe_mm(xyz, test.true).mean() for xyz in (test.inputs.xyz, poses))
    assert float(after) < 0.8 * float(before)
    jitter = [acceleration_error_mm(xyz, test.true, 0).mean() for xyz in (test.inputs.xyz, poses)]
    assert float(jitter[1]) < 0.3 * float(jitter[0])
