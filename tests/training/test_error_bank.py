"""The error bank: whole, mirrored as images are, and evidence that follows from the generator."""

import torch

from epipose.skeletons import H36M17
from epipose.training.error_bank import error_bank, simulated_evidence
from epipose.training.evidence import mixed, with_gaps


def test_the_bank_is_whole() -> None:
    bank = error_bank()
    rows = len(bank.pose)
    assert rows >= 1000
    assert [tuple(field.shape[1:]) for field in bank] == [(17, 3), (17, 2), (17,), (17,), (17, 3), (17, 3)]
    assert all(len(field) == rows and bool(torch.isfinite(field).all()) for field in bank)
    assert bool((bank.pose[:, H36M17.root, 2].abs() < 1e-3).all())
    assert bool((bank.reading_scale > 0).all())
    assert bool(((bank.keypoint_confidence >= 0) & (bank.keypoint_confidence <= 1)).all())
    assert 0.001 < float(bank.keypoint_error.norm(dim=-1).median()) < 0.03


def test_flipped_twice_is_itself() -> None:
    bank = error_bank().at(torch.arange(20))
    once = bank.flipped()
    assert all(torch.equal(a, b) for a, b in zip(once.flipped(), bank, strict=True))
    left, right = H36M17.index("left_wrist"), H36M17.index("right_wrist")
    assert torch.equal(once.pose[:, left], bank.pose[:, right] * torch.tensor([-1.0, 1.0, 1.0]))
    assert torch.equal(once.keypoint_error[:, left], bank.keypoint_error[:, right] * torch.tensor([-1.0, 1.0]))
    assert torch.equal(once.reading_scale[:, left], bank.reading_scale[:, right])


def test_evidence_follows_from_the_generator() -> None:
    bank = error_bank()
    uvd = bank.pose[:64]
    one, same, other = (simulated_evidence(uvd, bank, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one.reading, other.reading)
    gaps = [with_gaps(one, uvd, torch.Generator().manual_seed(seed)) for seed in (2, 2, 3)]
    assert all(torch.equal(a, b) for a, b in zip(gaps[0], gaps[1], strict=True))
    assert not torch.equal(gaps[0].conf, gaps[2].conf)


def test_something_is_always_left_and_right_evidence_is_whole() -> None:
    bank = error_bank()
    uvd = bank.pose[:1000]
    evidence = simulated_evidence(uvd, bank, torch.Generator().manual_seed(0))
    gaps = with_gaps(evidence, uvd, torch.Generator().manual_seed(1))
    assert bool(((gaps.conf > 0) | (gaps.reading_known > 0) | (evidence.conf == 0)).all())
    exact = (gaps.reading - evidence.reading).abs().amax((1, 2)) > 0
    assert 0.04 < float(exact.float().mean()) < 0.13
    assert float((gaps.reading - uvd)[exact].abs().max()) < 0.03
    assert bool((gaps.reading_known[exact] == 1).all())


def test_mixed_evidence_is_that_of_one_detector_or_the_other() -> None:
    bank = error_bank()
    uvd = bank.pose[:200]
    first, second = (simulated_evidence(uvd, bank, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    found = mixed(first, second, 0.5, torch.Generator().manual_seed(2))
    from_second = (found.keypoints == second.keypoints).all(-1).all(-1)
    assert 0.3 < float(from_second.float().mean()) < 0.7
    assert torch.equal(found.keypoints[~from_second], first.keypoints[~from_second])
    assert torch.equal(found.reading[~from_second], first.reading[~from_second])
    crossed = (found.reading == first.reading).all(-1).all(-1) & from_second
    assert 0.1 < float(crossed.float().mean()) < 0.4
