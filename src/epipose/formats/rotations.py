"""Rotations as files write them: quaternions and rotation vectors, from and to matrices, float64.

A quaternion is (w, x, y, z), w the real part; files that put it last turn it over themselves.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def matrix_from_quaternion(q: Float[Tensor, "4"]) -> Float[Tensor, "3 3"]:
    """The rotation matrix of a quaternion of any length but 0."""
    w, x, y, z = (q.double() / q.double().norm()).unbind()
    return torch.stack(
        [
            torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)]),
            torch.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)]),
            torch.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]),
        ]
    )


def quaternion_from_matrix(R: Float[Tensor, "3 3"]) -> Float[Tensor, "4"]:
    """The unit quaternion of a rotation matrix, w not negative, from its largest component (Shepperd 1978)."""
    R = R.double()
    a, b, c = R.diagonal()
    squares = torch.stack([1 + a + b + c, 1 + a - b - c, 1 - a + b - c, 1 - a - b + c])  # 4 (w, x, y, z)^2
    largest = int(squares.argmax())
    products = torch.stack(  # row i: 4 q_i (w, x, y, z)
        [
            torch.stack([squares[0], R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]),
            torch.stack([R[2, 1] - R[1, 2], squares[1], R[1, 0] + R[0, 1], R[0, 2] + R[2, 0]]),
            torch.stack([R[0, 2] - R[2, 0], R[1, 0] + R[0, 1], squares[2], R[2, 1] + R[1, 2]]),
            torch.stack([R[1, 0] - R[0, 1], R[0, 2] + R[2, 0], R[2, 1] + R[1, 2], squares[3]]),
        ]
    )[largest]
    q = products / products.norm()
    return -q if q[0] < 0 else q


def matrix_from_rotation_vector(v: Float[Tensor, "3"]) -> Float[Tensor, "3 3"]:
    """The rotation by |v| radians about v."""
    half = v.double().norm() / 2
    return matrix_from_quaternion(torch.cat([half.cos()[None], torch.sinc(half / torch.pi) / 2 * v.double()]))


def rotation_vector_from_matrix(R: Float[Tensor, "3 3"]) -> Float[Tensor, "3"]:
    """The axis of a rotation matrix times its angle, 0 to pi."""
    q = quaternion_from_matrix(R)
    sine = q[1:].norm()
    if float(sine) < 1e-12:
        return 2 * q[1:]
    return 2 * torch.atan2(sine, q[0]) / sine * q[1:]
