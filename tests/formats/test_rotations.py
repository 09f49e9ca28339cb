import cv2
import numpy as np
import pytest
import torch

from epipose.formats.rotations import (
    matrix_from_quaternion,
    matrix_from_rotation_vector,
    quaternion_from_matrix,
    rotation_vector_from_matrix,
)

AXES = [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [0.6, 0, 0.8], [-0.48, 0.6, -0.64]]
ANGLES = [0.0, 1e-9, 1e-4, 0.3, 1.5, 3.0, 3.14, np.pi - 1e-7]


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("axis", AXES)
def test_rotation_vectors_are_opencvs_there_and_back(axis, angle):
    vector = angle * torch.tensor(axis, dtype=torch.float64)
    R = matrix_from_rotation_vector(vector)
    np.testing.assert_allclose(R.numpy(), cv2.Rodrigues(vector.numpy())[0], atol=1e-14)
    assert (rotation_vector_from_matrix(R) - vector).abs().max() < 1e-14


def test_quaternions_have_the_real_part_first():
    half = np.sqrt(0.5)
    R = matrix_from_quaternion(torch.tensor([half, 0, 0, half], dtype=torch.float64))  # a quarter turn about z
    np.testing.assert_allclose(R.numpy(), [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-15)
    torch.testing.assert_close(quaternion_from_matrix(R), torch.tensor([half, 0, 0, half], dtype=torch.float64))


def test_a_quaternion_of_any_length_is_a_rotation():
    R = matrix_from_quaternion(torch.tensor([2.0, -4, 6, 1], dtype=torch.float64))
    assert (R @ R.T - torch.eye(3)).abs().max() < 1e-15
    assert torch.det(R).item() == pytest.approx(1)
