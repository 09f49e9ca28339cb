"""Reprojection: world points as a view sees them on its image plane z = 1.

Points behind the camera have no image. They are given a finite one (their depth is taken as `MIN_DEPTH`), and the depth
comes along, so that callers can leave them out or call them outliers.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

MIN_DEPTH = 1e-6  # in units of the world; nearer points, and those behind the camera, count as this near


class Reprojected(NamedTuple):
    """Normalised image coordinates, and depths along the camera's axis (negative behind it)."""

    x: Float[Tensor, "*points 2"]
    depth: Float[Tensor, " *points"]


def reproject(
    R: Float[Tensor, "*views 3 3"], t: Float[Tensor, "*views 3"], xyz: Float[Tensor, "*points 3"]
) -> Reprojected:
    """World points in a camera cam_from_world = (R, t); R and t may have leading axes that broadcast with points."""
    in_camera = xyz @ R.mT + t
    return Reprojected(perspective(in_camera), in_camera[..., 2])


def into_views(
    R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], xyz: Float[Tensor, "*points 3"]
) -> Float[Tensor, "view *points 3"]:
    """World points in the axes of every camera: all of them by one matrix product."""
    p = (R.flatten(0, 1) @ xyz.reshape(-1, 3).T).unflatten(0, (-1, 3)) + t[..., None]
    return p.movedim(1, -1).unflatten(1, xyz.shape[:-1])


def perspective(in_camera: Float[Tensor, "*points 3"]) -> Float[Tensor, "*points 2"]:
    """Points in a camera's frame divided by their depth (`MIN_DEPTH` at least)."""
    return in_camera[..., :2] / in_camera[..., 2:].clamp(min=MIN_DEPTH)
