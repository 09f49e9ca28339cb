import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from epipose.camera import nearest_rotation
from epipose.geometry.rotation import angle_between, exp, hat

vectors = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(lambda v: torch.tensor(v, dtype=torch.float64))


@given(vectors)
def test_exp_agrees_with_scipy(w):
    expected = torch.from_numpy(Rotation.from_rotvec(w.numpy()).as_matrix())
    assert torch.allclose(exp(w), expected, atol=1e-12)


def test_exp_is_differentiable_at_zero():
    J = torch.autograd.functional.jacobian(exp, torch.zeros(3, dtype=torch.float64))
    assert torch.allclose(J[..., 0], hat(torch.tensor([1.0, 0, 0], dtype=torch.float64)), atol=1e-12)


@given(vectors, st.floats(1e-9, 3.0))
def test_angle_between_is_exact_down_to_nanoradians(w, angle):
    axis = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    A = exp(w)
    assert math.isclose(float(angle_between(A, A @ exp(angle * axis))), angle, rel_tol=1e-6, abs_tol=1e-15)


def test_nearest_rotation_repairs_rounding_and_never_reflects():
    R = exp(torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64))
    assert torch.allclose(nearest_rotation(R + 1e-4), R, atol=1e-3)
    mirrored = R @ torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    assert math.isclose(float(torch.linalg.det(nearest_rotation(mirrored))), 1.0, abs_tol=1e-12)
