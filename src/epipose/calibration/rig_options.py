"""Options of estimating a rig: what is unknown of the cameras, what is assumed of the person, which frames are used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from epipose.geometry.parameters import Sharing
from epipose.io.ranges import OptionRecord, Positive, Range, Seed


@dataclass(frozen=True)
class RigOptions(OptionRecord):
    """What estimating a rig from a person's keypoints takes for known; the same for one clip and for several.

    With ``focal`` "shared" (by all cameras) or "each", the K that is given is only the initial value, and distortion
    is estimated under a prior; lags, and lenses of different cameras that differ, as far as the footage supports them.
    """

    focal: Sharing = "known"
    """Whether the focal lengths are known, one for all cameras, or each camera's own."""
    center: Sharing = "each"
    """The same of the principal points, which have a prior; they are known where the focal lengths are."""
    focal_sigma: tuple[Positive | None, ...] | None = None
    """Per view, the standard deviation of a focal length that is not known, as a share of it; None: not known at all."""
    clocks: bool = True
    """Find by what part of a frame views are late."""
    constant_bones: bool = True
    """Hold the person's bone lengths constant over time, where that makes the cameras surer."""
    symmetric: bool = True
    """Left and right bones are equally long."""
    smoothness: Positive | None = None
    """Expected second difference of a joint's path from frame to frame, in metres of a person 1.7 m tall. None: no such
    prior; it wants ``max_frames`` not to skip frames."""
    max_frames: Annotated[int, Range(least=10, most=10**9)] = 500
    """Frames to use, evenly drawn from those that show the person; at least 10."""
    seed: Seed = 0
    """Seed of the random draws."""
