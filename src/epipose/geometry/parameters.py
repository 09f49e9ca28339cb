"""Bundle adjustment's data: observations, free parameters, priors, and the result.

`BundleProblem` is what `bundle_adjust` solves and what `uncertainty` measures the answer against; both take the same
one, so that standard deviations are those of the estimate that was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor

Sharing = Literal["known", "shared", "each"]


@dataclass(frozen=True)
class Free:
    """Unknowns besides joints and bone lengths; of intrinsics one value for all cameras, or each its own."""

    poses: bool = True  # of the cameras
    focal: Sharing = "known"
    radial: Sharing = "known"  # k1 and k2 of the distortion
    center: Sharing = "known"  # principal point
    aspect: Sharing = "known"  # fx / fy
    lag: bool = False  # fractions of a frame by which a view is late, relative to view 0

    @property
    def lens_known(self) -> bool:
        """Whether nothing of the intrinsics is unknown."""
        return self == Free(poses=self.poses, lag=self.lag)


@dataclass(frozen=True)
class Priors:
    """Standard deviations of the priors. None switches a prior off where it can be."""

    symmetric: tuple[int, ...] | None = None  # for every bone the index of its mirror partner: equally long
    smoothness: float | None = None  # expected second difference of a joint's path, in units of the world
    focal_sigma: float | tuple[float, ...] = 0.5  # of the logarithm of the focal length's correction, for all or each
    radial_sigma: float = 0.3  # of k1 and k2
    center_sigma: float | tuple[float, ...] = 0.02  # of the principal point on z = 1, for all or each
    aspect_sigma: float = 0.2  # of the logarithm of fx / fy
    lag_sigma: float = 1.0  # frames


@dataclass(frozen=True)
class BundleProblem:
    """Observations on z = 1 (by the focal length known or assumed, undistorted as far as the lens is known).

    ``weight`` is 0 where a keypoint is missing; ``noise`` is its expected error, ``velocity`` its motion per frame in
    the unit of ``x``, needed where lags are free. ``bones``: (parent, child) pairs, a forest, that keep one length.
    """

    x: Float[Tensor, "view frame joint 2"]
    weight: Float[Tensor, "view frame joint"]
    noise: Float[Tensor, "view frame joint"]
    bones: tuple[tuple[int, int], ...] = ()
    free: Free = Free()
    priors: Priors = Priors()
    velocity: Float[Tensor, "view frame joint 2"] | None = None


class Bundle(NamedTuple):
    """Cameras (cam_from_world), intrinsics, lags, points and bone lengths; ``cost`` is the robust cost reached.

    Intrinsics are relative to those the observations were made with: u is seen at
    center + focal * (aspect^1/2, aspect^-1/2) * u (1 + k1 r^2 + k2 r^4).
    """

    R: Float[Tensor, "view 3 3"]
    t: Float[Tensor, "view 3"]
    xyz: Float[Tensor, "frame joint 3"]
    bone_length: Float[Tensor, " bone"]
    bone_sigma: Float[Tensor, " bone"]  # expected error of the logarithm of a length
    focal: Float[Tensor, " view"]
    radial: Float[Tensor, "view 2"]
    center: Float[Tensor, "view 2"]
    aspect: Float[Tensor, " view"]
    lag: Float[Tensor, " view"]
    cost: float

    @property
    def lens_as_given(self) -> bool:
        """Whether the intrinsics are those that the observations were made with."""
        corrections = (self.focal - 1, self.radial, self.center, self.aspect - 1)
        return not any(bool(correction.any()) for correction in corrections)
