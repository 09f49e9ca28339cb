"""Options of estimating a rig: what is unknown of the cameras, what is assumed of the person, which frames are used."""

from __future__ import annotations

from dataclasses import dataclass

from epipose.geometry.parameters import Sharing


@dataclass(frozen=True)
class RigOptions:
    """What estimating a rig from a person's keypoints takes for known; the same for one clip and for several.

    With ``focal`` "shared" (by all cameras) or "each", the K that is given is only the initial value, and distortion
    is estimated under a prior; lags, and lenses of different cameras that differ, as far as the footage supports them.
    """

    focal: Sharing = "known"
    """Whether the focal lengths are known, one for all cameras, or each camera's own."""
    center: Sharing = "each"
    """The same of the principal points, which have a prior; they are known where the focal lengths are."""
    focal_sigma: tuple[float | None, ...] | None = None
    """Per view, the standard deviation of a focal length that is not known, as a share of it; None: not known at all."""
    clocks: bool = True
    """Find by what part of a frame views are late."""
    constant_bones: bool = True
    """Hold the person's bone lengths constant over time, where that makes the cameras surer."""
    symmetric: bool = True
    """Left and right bones are equally long."""
    smoothness: float | None = None
    """Expected second difference of a joint's path from frame to frame, in metres of a person 1.7 m tall. None: no such
    prior; it wants ``max_frames`` not to skip frames."""
    max_frames: int = 500
    """Frames to use, evenly drawn from those that show the person; at least 10."""
    seed: int = 0
    """Seed of the random draws."""
