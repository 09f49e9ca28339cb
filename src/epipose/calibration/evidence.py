"""Evidence of the verdict: what was measured of a calibration, in plain numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """Measured numbers that the verdict is based on. "Worst" and "usual" (the median) are over the cameras."""

    cameras: int
    worst_camera: str  # the one with the fewest inliers
    worst_mrad: float
    usual_mrad: float
    worst_error: float  # median residual in expected errors of the detector
    worst_inlier_share: float
    usual_inlier_share: float
    worst_sigma_deg: float  # of the rotation between two cameras; 0 where they were given
    agreed_share: float  # joints that two views or more agree on
    outvoted_share: float  # pairs that contradict the rig when taken alone
    roaming: float  # diagonal of the box in which the hips moved, in statures
    least_coverage: float  # of the image
    bone_spread: float  # by what share a thigh or shank changes its length
    focal_doubt_pct: float  # by which the footage would clearly change a focal length that was given
    worst_drift_mrad: float  # between the first and the second half of the clip
    drifting_camera: str
    worst_lag_frames: float
    mirror_cost: float | None  # robust cost of the mirrored world over that of the one taken
    mirrored_video: float | None  # cost of a view taken as a mirrored video over its cost as it is; the least
    handedness: float | None  # +1: the person's left is on the left; -1: mirrored; None: cannot be told
    undecided_share: float  # frames in which left and right contradict each other
    swapped_views: int  # in which left and right are wrong from beginning to end
    focal_sigma_pct: float
