"""Camera resection: the pose of a camera that sees known points (perspective-n-point by RANSAC).

OpenCV's RANSAC with the SQPnP solver finds the pose that most points agree with; for a pose that is used as it stands,
Levenberg-Marquardt refines it on those points.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

MIN_POINTS = 8
_ITERATIONS = 300  # of RANSAC


class PnP(NamedTuple):
    """OpenCV's answer: rotation vector and translation of cam_from_world (3, 1), and the indices of the inliers."""

    rotation: Float[np.ndarray, "3 1"]
    translation: Float[np.ndarray, "3 1"]
    inliers: Int[np.ndarray, " inlier"]

    def pose(self) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "3"]]:
        """cam_from_world (R, t)."""
        return torch.from_numpy(cv2.Rodrigues(self.rotation)[0]), torch.from_numpy(self.translation[:, 0])


def pnp_ransac(
    xyz: Float[np.ndarray, "point 3"], x: Float[np.ndarray, "point 2"], max_error: float, iterations: int = _ITERATIONS
) -> PnP | None:
    """Perspective-n-point by RANSAC for points seen at ``x`` on z = 1; None where no finite pose is found.

    ``max_error``: of an inlier, in the unit of ``x``.
    """
    try:
        found, rotation, translation, inliers = cv2.solvePnPRansac(
            np.ascontiguousarray(xyz),
            np.ascontiguousarray(x),
            np.eye(3),
            None,
            iterationsCount=iterations,
            reprojectionError=max_error,
            flags=cv2.SOLVEPNP_SQPNP,
        )
    except cv2.error:  # degenerate input: all points at one place, say
        return None
    if not found or not np.isfinite(rotation).all() or not np.isfinite(translation).all():
        return None
    kept = np.zeros(0, np.int64) if inliers is None else np.asarray(inliers, np.int64)[:, 0]
    return PnP(rotation, translation, kept)


def resect(
    xyz: Float[Tensor, "frame joint 3"],
    x: Float[Tensor, "frame joint 2"],
    weight: Float[Tensor, "frame joint"],
    noise: float,
    iterations: int = _ITERATIONS,
) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "3"]] | None:
    """cam_from_world of a camera that sees known points at ``x`` on z = 1; None with fewer than 8 of weight above 0.

    ``noise``: their expected error in the unit of ``x``; an inlier is within twice that.
    """
    usable = weight > 0
    if int(usable.sum()) < MIN_POINTS:
        return None
    found = pnp_ransac(xyz[usable].numpy(), x[usable].numpy(), 2 * noise, iterations)
    return None if found is None else found.pose()


def resect_refined(
    xyz: Float[Tensor, "point 3"], x: Float[Tensor, "point 2"], max_error: float, min_inliers: float
) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "3"]] | None:
    """Like `resect`, refined on the inliers within ``max_error``; None where there are fewer than ``min_inliers``."""
    points, seen = xyz.numpy(), x.numpy()
    found = pnp_ransac(points, seen, max_error)
    if found is None or len(found.inliers) < max(min_inliers, 1):
        return None
    points, seen = points[found.inliers], seen[found.inliers]
    rotation, translation = cv2.solvePnPRefineLM(points, seen, np.eye(3), None, found.rotation, found.translation)
    return found._replace(rotation=rotation, translation=translation).pose()
