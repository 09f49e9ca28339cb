import torch

from epipose.geometry.align import similarity_between
from epipose.geometry.rotation import exp


def points(seed=0, n=17):
    return torch.randn(5, n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_recovers_a_known_similarity():
    source = points()
    R = exp(torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    t = torch.tensor([[1.0, -2.0, 3.0]], dtype=torch.float64).expand(5, 3)
    found = similarity_between(source, 2.5 * source @ R.mT + t[:, None])
    assert torch.allclose(found.scale, torch.full((5,), 2.5, dtype=torch.float64))
    assert torch.allclose(found.R, R)
    assert torch.allclose(found.t, t)


def test_points_without_weight_do_not_count():
    source, target = points(), points(2)
    weight = torch.ones(5, 17, dtype=torch.float64)
    weight[:, 3] = 0
    wild = target.clone()
    wild[:, 3] += 1000
    assert torch.allclose(similarity_between(source, target, weight).R, similarity_between(source, wild, weight).R)


def test_never_reflects_even_when_a_reflection_fits_perfectly():
    source = points()
    found = similarity_between(source, source * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    assert bool((torch.linalg.det(found.R) > 0.99).all())


def test_a_single_point_gets_scale_zero_not_nan():
    source = torch.ones(1, 4, 3, dtype=torch.float64)
    found = similarity_between(source, points()[:1, :4])
    assert bool(found.scale == 0)
    assert bool(found.t.isfinite().all())
