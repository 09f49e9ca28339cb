"""Batched rotation matrices in NumPy, from axis and angle, Euler angles and quaternions.

All functions broadcast over leading axes; matrices act on columns; angles are radians.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64


def unit(v: Float[np.ndarray, "*batch 3"]) -> Float64[np.ndarray, "*batch 3"]:
    """Vectors of length 1; zero stays zero."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)


def from_axis_angle(
    axis: Float[np.ndarray, "*#batch 3"], angle: Float[np.ndarray, "*#batch"] | float
) -> Float64[np.ndarray, "*batch 3 3"]:
    """Rotation about an axis (any length but 0) by an angle: Rodrigues' formula."""
    x, y, z = np.moveaxis(unit(axis), -1, 0)
    zero = np.zeros_like(x)
    hat = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    angle = np.asarray(angle)[..., None, None]
    return np.eye(3) + np.sin(angle) * hat + (1 - np.cos(angle)) * (hat @ hat)


def from_euler(axes: str, angles: Float[np.ndarray, "*batch axis"]) -> Float64[np.ndarray, "*batch 3 3"]:
    """Rotations about own axes, one after the other: "zxy" is Rz Rx Ry (the order in which BVH lists its channels)."""
    if not axes:
        return np.broadcast_to(np.eye(3), (*angles.shape[:-1], 3, 3))
    rotation = _about(axes[0], angles[..., 0])
    for column, axis in enumerate(axes[1:], 1):
        rotation = rotation @ _about(axis, angles[..., column])
    return rotation


def _about(axis: str, angle: Float[np.ndarray, "*batch"]) -> Float64[np.ndarray, "*batch 3 3"]:
    """Rotation about x, y or z."""
    fixed = "xyz".index(axis)
    first, second = (fixed + 1) % 3, (fixed + 2) % 3
    rotation = np.zeros((*np.shape(angle), 3, 3))
    rotation[..., fixed, fixed] = 1
    rotation[..., first, first] = rotation[..., second, second] = np.cos(angle)
    rotation[..., second, first] = np.sin(angle)
    rotation[..., first, second] = -rotation[..., second, first]
    return rotation


def from_quaternion(q: Float[np.ndarray, "*batch 4"]) -> Float64[np.ndarray, "*batch 3 3"]:
    """Rotation of a quaternion (w, x, y, z) of any length but 0."""
    w, x, y, z = np.moveaxis(q / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def axes_of(
    first: Float[np.ndarray, "*batch 3"], second: Float[np.ndarray, "*#batch 3"]
) -> Float64[np.ndarray, "*batch 3 3"]:
    """Right-handed axes in columns: the first along ``first``, the second as near to ``second`` as can be."""
    a = unit(first)
    c = unit(np.cross(a, second))
    return np.stack([a, np.cross(c, a), c], -1)


def rotation_between(
    a: Float[np.ndarray, "*#batch 3"], b: Float[np.ndarray, "*#batch 3"]
) -> Float64[np.ndarray, "*batch 3 3"]:
    """The smallest rotation that takes the direction of a to that of b; about any normal where they are opposite."""
    a, b = np.broadcast_arrays(unit(a), unit(b))
    axis, cosine = np.cross(a, b), (a * b).sum(-1)
    sine = np.linalg.norm(axis, axis=-1)
    normal = np.cross(a, np.eye(3)[np.abs(a).argmin(-1)])  # whichever, for a rotation by half a circle or by none
    return from_axis_angle(np.where(sine[..., None] > 1e-9, axis, normal), np.arctan2(sine, cosine))


def axis_and_angle(
    R: Float[np.ndarray, "*batch 3 3"],
) -> tuple[Float64[np.ndarray, "*batch 3"], Float64[np.ndarray, "*batch"]]:
    """Axis (of any length) and angle of a rotation, from 0 to half a circle."""
    v = np.stack(
        [
            R[..., 2, 1] - R[..., 1, 2],
            R[..., 0, 2] - R[..., 2, 0],
            R[..., 1, 0] - R[..., 0, 1],
        ],
        -1,
    )
    angle = np.arctan2(np.linalg.norm(v, axis=-1), np.trace(R, axis1=-2, axis2=-1) - 1)
    # At half a circle v vanishes; near it the axis is the largest column of what is symmetric in R, its sign that of v.
    symmetric = (R + np.swapaxes(R, -1, -2)) / 2 - np.cos(angle)[..., None, None] * np.eye(3)
    largest = np.linalg.norm(symmetric, axis=-2).argmax(-1)[..., None, None]
    half = np.take_along_axis(symmetric, largest, -1)[..., 0]
    half = half * np.where((half * v).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    axis = np.where(angle[..., None] < 3.1, np.where(angle[..., None] < 1e-9, [1.0, 0, 0], v), half)
    return axis, np.asarray(angle)


def fraction_of(R: Float[np.ndarray, "*batch 3 3"], share: float | Sequence[float]) -> Float64[np.ndarray, " *rest"]:
    """A share of a rotation: about the same axis, by that share of the angle. Several shares: a new leading axis."""
    axis, angle = axis_and_angle(R)
    shares = np.asarray(share, float)
    return from_axis_angle(axis, shares.reshape(shares.shape + (1,) * angle.ndim) * angle)


def continuous_quaternions(R: Float[np.ndarray, "frame 3 3"]) -> Float64[np.ndarray, "frame 4"]:
    """Quaternions (x, y, z, w) of a rotation over time, of the two for each that which is nearer to the frame before."""
    m = np.moveaxis(R, 0, -1)
    xy, xz, yz = m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1]
    xw, yw, zw = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
    xx, yy, zz = (1 + 2 * m[i, i] - np.trace(m) for i in range(3))
    products = [[xx, xy, xz, xw], [xy, yy, yz, yw], [xz, yz, zz, zw], [xw, yw, zw, 1 + np.trace(m)]]
    rows = np.moveaxis(np.array(products), -1, 0)  # every row is 4 q times one part of q
    largest = np.einsum("fii->fi", rows).argmax(-1)[:, None, None]
    q = np.take_along_axis(rows, largest, 1)[:, 0]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    turned = np.cumsum((q[1:] * q[:-1]).sum(-1) < 0) % 2
    q[1:] *= np.where(turned, -1.0, 1.0)[:, None]
    return q
