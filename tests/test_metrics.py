import numpy as np
import pytest
import torch
from scipy.spatial import procrustes

from epipose.geometry.rotation import exp
from epipose.metrics import mpjpe_mm, nmpjpe_mm, pmpjpe_mm


def poses(seed, n=6):
    return 0.4 * torch.randn(n, 17, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_hand(p, q):
    """The definitions, one pose at a time, in NumPy; PMPJPE through SciPy's Procrustes."""
    p0, q0 = p - p[0], q - q[0]
    scale = (p0 * q0).sum() / (p0 * p0).sum()
    _, aligned, _ = procrustes(q, p)
    size = np.linalg.norm(q - q.mean(0))  # procrustes returns both at unit size
    standard = (q - q.mean(0)) / size
    return tuple(
        1000 * np.linalg.norm(a - b, axis=-1).mean()
        for a, b in ((p0, q0), (scale * p0, q0), (size * aligned, size * standard))
    )


def test_all_three_agree_with_the_definitions():
    p, q = poses(0), poses(0) + 0.3 * poses(1)
    ours = torch.stack([mpjpe_mm(p, q, 0), nmpjpe_mm(p, q, 0), pmpjpe_mm(p, q)], -1)
    theirs = torch.tensor([by_hand(a, b) for a, b in zip(p.numpy(), q.numpy(), strict=True)])
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_what_each_metric_cannot_see():
    p = poses(0)
    moved = p + torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    turned = 1.7 * p @ exp(torch.tensor([0.1, 0.5, -0.3], dtype=torch.float64)).mT + 4
    assert float(mpjpe_mm(moved, p, 0).max()) < 1e-9
    assert float(nmpjpe_mm(1.7 * moved, p, 0).max()) < 1e-9
    assert float(pmpjpe_mm(turned, p).max()) < 1e-9
    assert float(nmpjpe_mm(turned, p, 0).min()) > 10


def test_pmpjpe_is_not_re_rooted_afterwards():
    """Three joints in place and one off by 120 mm: moving the root onto the truth would read more."""
    q = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]], dtype=torch.float64)
    p = q.clone()
    p[0, 0] += torch.tensor([0.12, 0, 0], dtype=torch.float64)
    aligned = pmpjpe_mm(p, q)
    assert float(aligned) < float(mpjpe_mm(p, q, 0))


def test_joints_of_weight_zero_are_left_out():
    p, q = poses(0), poses(1)
    weight = torch.ones(6, 17, dtype=torch.float64)
    weight[:, 5] = 0
    wild = p.clone()
    wild[:, 5] += 100
    for metric in (
        lambda a: mpjpe_mm(a, q, 0, weight),
        lambda a: nmpjpe_mm(a, q, 0, weight),
        lambda a: pmpjpe_mm(a, q, weight),
    ):
        assert torch.allclose(metric(wild), metric(p))


@pytest.mark.parametrize("metric", [lambda p, q: mpjpe_mm(p, q, 0), pmpjpe_mm])
def test_any_leading_axes(metric):
    p, q = poses(0).reshape(2, 3, 17, 3), poses(1).reshape(2, 3, 17, 3)
    assert torch.allclose(metric(p, q).flatten(), metric(p.flatten(0, 1), q.flatten(0, 1)))
