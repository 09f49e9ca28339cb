"""Readings: expected error and confidence say the same thing; readings of batches go together and apart again."""

import math

import torch

from epipose.network.reading import OwnAnswer, PoseReading, cat_readings, confidence, scale_of


def test_confidence_is_the_share_of_a_laplace_distribution_near_its_middle() -> None:
    draws = torch.distributions.Laplace(0.0, 0.04).sample((200_000,))
    share = float((draws.abs() < 1 / 16).float().mean())
    assert math.isclose(float(confidence(torch.full((3,), 0.04))), share, abs_tol=0.005)
    assert float(confidence(torch.tensor([0.01, 0.3, 0.02]))) == float(confidence(torch.full((3,), 0.3)))


def test_confidence_and_scale_are_inverse_and_monotone() -> None:
    conf = torch.linspace(0.01, 0.99, 99)
    scale = scale_of(conf)
    torch.testing.assert_close(confidence(scale), conf)
    assert bool((scale.diff(dim=0) < 0).all())
    assert bool((confidence(torch.linspace(0.005, 2, 100)[:, None].expand(-1, 3)).diff() < 0).all())
    assert bool(torch.isfinite(scale_of(torch.tensor([0.0, 1.0]))).all())


def test_readings_of_batches_are_one() -> None:
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator)

    own = OwnAnswer(drawn(5, 17, 2), drawn(5, 17), drawn(5, 17))
    reading = PoseReading(drawn(5, 17, 3), drawn(5, 17, 3), own)
    again = cat_readings([reading.at(slice(0, 2)), reading.at(torch.tensor([2])), reading.at(slice(3, 5))])
    assert torch.equal(again.uvd, reading.uvd)
    assert torch.equal(again.scale, reading.scale)
    assert again.own is not None
    assert all(torch.equal(a, b) for a, b in zip(again.own, own, strict=True))
    assert cat_readings([reading._replace(own=None)] * 2).own is None
