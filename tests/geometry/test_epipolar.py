import torch

from epipose.geometry.epipolar import (
    essential_from_pose,
    most_in_front,
    poses_from_essential,
    sampson,
    two_view_depths,
    with_equal_singular_values,
)
from epipose.geometry.rotation import angle_between
from tests.helpers.synthetic import two_views


def test_true_correspondences_obey_the_constraint_and_others_do_not():
    a, b, R, t, _ = two_views()
    E = essential_from_pose(R, t)
    assert float(sampson(E, a, b).distance.abs().max()) < 1e-12
    assert float(sampson(E, a, b.roll(1, 0)).distance.abs().median()) > 1e-3


def test_sampson_is_the_distance_in_radians_to_first_order():
    a, b, R, t, _ = two_views()
    E = essential_from_pose(R, t)
    line = torch.nn.functional.pad(a, (0, 1), value=1.0) @ E.mT
    across = torch.nn.functional.normalize(line[:, :2], dim=-1)
    distance = sampson(E, a, b + 1e-6 * across).distance.abs()
    assert bool((distance < 1e-6).all())  # part of the error is given to the first view
    assert float(distance.min()) > 1e-7


def test_derivative_by_E_agrees_with_autograd():
    a, b, R, t, _ = two_views(2)
    E, b = essential_from_pose(R, t), b + 0.01
    expected = torch.autograd.functional.jacobian(lambda M: sampson(M, a, b).distance, E).flatten(1)
    assert torch.allclose(sampson(E, a, b).by_E, expected, atol=1e-12)


def test_cheirality_finds_the_true_pose_among_four():
    a, b, R, t, _ = two_views()
    candidates = poses_from_essential(-3 * essential_from_pose(R, t))
    index, share = most_in_front(*candidates, a, b, torch.ones(len(a), dtype=torch.float64))
    assert float(angle_between(candidates[0][index], R)) < 1e-12
    assert torch.allclose(candidates[1][index], t / t.norm())
    assert share[index] == 1
    assert sorted(share.tolist())[2] < 0.5


def test_depths_are_those_of_the_points():
    a, b, R, t, xyz = two_views()
    z_a, z_b = two_view_depths(R, t, a, b)
    assert torch.allclose(z_a, xyz[:, 2])
    assert torch.allclose(z_b, (xyz @ R.mT + t)[:, 2])


def test_equal_singular_values():
    noisy = torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = torch.linalg.svdvals(with_equal_singular_values(noisy))
    assert torch.allclose(values, torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64), atol=1e-12)
