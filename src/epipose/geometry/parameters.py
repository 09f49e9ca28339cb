"""What bundle adjustment is asked to find, what is thought of it beforehand, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor

Sharing = Literal["known", "shared", "each"]


@dataclass(frozen=True)
class Free:
    """What is estimated besides joints and bone lengths; of lenses one figure for all cameras, or each its own."""

    poses: bool = True  # of the cameras
    focal: Sharing = "known"
    radial: Sharing = "known"  # k1 and k2 of the lens
    lag: bool = False  # fractions of a frame by which a view is late, relative to view 0


@dataclass(frozen=True)
class Priors:
    """How strongly the softer knowledge counts. None switches a prior off where it can be."""

    symmetric: tuple[int, ...] | None = None  # for every bone the index of its mirror partner: equally long
    smoothness: float | None = None  # expected second difference of a joint's path, in units of the world
    focal_sigma: float | tuple[float, ...] = 0.5  # of the logarithm of the focal length's correction, for all or each
    radial_sigma: float = 0.3
    lag_sigma: float = 1.0  # frames


class Bundle(NamedTuple):
    """Cameras (cam_from_world), lenses, clocks, points and bone lengths; ``cost`` is the robust cost that was reached.

    A lens is told relative to the one the observations were made with: u is seen at focal * u (1 + k1 r^2 + k2 r^4).
    """

    R: Float[Tensor, "view 3 3"]
    t: Float[Tensor, "view 3"]
    xyz: Float[Tensor, "frame joint 3"]
    bone_length: Float[Tensor, " bone"]
    bone_sigma: Float[Tensor, " bone"]  # expected error of the logarithm of a length
    focal: Float[Tensor, " view"]
    radial: Float[Tensor, "view 2"]
    lag: Float[Tensor, " view"]
    cost: float
