"""Whitening against the inverse, and what becomes of directions of which nothing is known."""

import torch

from epipose.geometry.whitening import whitening, whitening_of_known


def normal_equations(count=4, rows=6):
    root = torch.randn(count, rows, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return root @ root.mT


def test_whitening_is_a_root_of_the_inverse():
    H = normal_equations()
    for W in (whitening(H), whitening_of_known(H)):
        assert torch.allclose(W @ W.mT, torch.linalg.inv(H))
        assert torch.allclose(W.mT @ H @ W, torch.eye(4, dtype=torch.float64))


def test_unknowns_that_cannot_be_told_apart_are_very_uncertain_in_any_unit():
    unit = torch.tensor([1.0, 1e-3, 1e3, 1.0], dtype=torch.float64)
    alike = torch.ones(4, 4, dtype=torch.float64) * unit[:, None] * unit - 1e-15 * torch.eye(4)
    covariance = whitening(alike) @ whitening(alike).mT
    assert bool(covariance.isfinite().all())
    assert float((covariance.diagonal() * unit**2).min()) > 1e6


def test_directions_of_which_nothing_is_known_are_left_out_in_any_unit():
    unit = torch.tensor([1.0, 1e-6, 1e3, 1.0], dtype=torch.float64)
    H = normal_equations(rows=3) * unit[:, None] * unit
    W = whitening_of_known(H)
    assert W.shape == (4, 3)
    assert torch.allclose(W.mT @ H @ W, torch.eye(3, dtype=torch.float64), atol=1e-7)
    assert torch.allclose(H @ W @ W.mT @ H, H, rtol=1e-6)  # a generalised inverse
