"""Reflections in a mirror: recognise a reconstructed person that is another one's mirror image.

Seen from two views a reflection is as consistent as a person: it stands behind the mirror. But its left is the
person's right, and it is always where the person would be, reflected at one plane. Two real people are so only while
both stand still. So the plane is estimated, the person reflected at it, and that is compared with the observations of
the supposed mirror image: at the same moments it must fit, and at other moments, when the person had moved, it must
not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.observations import Observations
from epipose.geometry.reprojection import perspective
from epipose.geometry.robust import mean_robust_cost
from epipose.people.tracklet_matching import MIN_SHARED_JOINTS, NEUTRAL_COST

MIN_COST_GAP = 0.7  # by which the person at other moments must fit worse; else nothing moved enough to tell
MIN_COMMON_FRAMES = 20  # in which both are seen


class Plane(NamedTuple):
    """Points x with normal . x = offset; ``normal`` has length 1."""

    normal: Float[Tensor, "3"]
    offset: float

    def reflect(self, xyz: Float[Tensor, "*points 3"]) -> Float[Tensor, "*points 3"]:
        """The mirror images of points."""
        return xyz - 2 * self.height(xyz)[..., None] * self.normal

    def height(self, xyz: Float[Tensor, "*points 3"]) -> Float[Tensor, " *points"]:
        """Signed distance of points from the plane."""
        return xyz @ self.normal - self.offset


def fit_mirror_plane(
    xyz: Float[Tensor, "frame joint 3"],
    image: Float[Tensor, "frame joint 3"],
    seen: Bool[Tensor, "frame joint"],
    flip: Sequence[int],
) -> Plane:
    """The plane that best reflects a person into another, left and right swapped, whether that is a reflection or not.

    A point and its image differ along the normal, and their middle lies on the plane: both in closed form, then again
    with the better half, because keypoints err by a limb's length now and then. ``seen``: joints of the person that
    the mirror image has, swapped, too.
    """
    p, q = xyz[seen], image[:, list(flip)][seen]
    plane = _fit_plane(p, q)
    for _ in range(3):
        error = (plane.reflect(p) - q).norm(dim=-1)
        fits = error <= error.median()
        plane = _fit_plane(p[fits], q[fits])
    return plane


def is_reflection(
    plane: Plane,
    xyz: Float[Tensor, "frame joint 3"],
    seen: Bool[Tensor, "frame joint"],
    image: Observations,
    rig: Rig,
    flip: Sequence[int],
) -> bool:
    """Whether observations of a supposed mirror image are the reflection of a person at a plane, moment by moment."""
    order = list(flip)
    reflected, known = plane.reflect(xyz)[:, order], seen[:, order]

    def cost(points: Tensor, known: Tensor) -> float:
        p = rig.camera.to(torch.float64).spread(2).into_frame(points)
        squared = ((perspective(p) - image.x) / image.noise[..., None]).square().sum(-1) / 2
        weight = image.weight * known * (p[..., 2] > 0)
        counted = (weight > 0).sum(-1) >= MIN_SHARED_JOINTS
        if int(counted.any(0).sum()) < MIN_COMMON_FRAMES:
            return float("nan")
        return float(mean_robust_cost(squared, weight, (-1,))[counted].median())

    now = cost(reflected, known)
    half = len(xyz) // 2
    then = cost(reflected.roll(half, 0), known.roll(half, 0))
    return now < NEUTRAL_COST and then > now + MIN_COST_GAP  # what cannot be compared is nan, and no reflection


def _fit_plane(p: Float[Tensor, "point 3"], q: Float[Tensor, "point 3"]) -> Plane:
    apart = q - p
    normal = torch.linalg.eigh(apart.mT @ apart).eigenvectors[:, -1]
    return Plane(normal, float(((p + q) / 2 @ normal).median()))
