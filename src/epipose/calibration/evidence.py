"""Evidence of the verdict: what was measured of a calibration, in plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Finding = Literal["not examined", "as it is", "lag", "rate", "mirrored", "squeezed", "moved"]


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
    # What the others say of the view that they agree best without (suspect_view.py), where something contradicts.
    culprit: str = ""  # that view where it was examined and fits badly, else the one with the fewest inliers
    culprit_inlier_share: float = 1.0
    culprit_finding: Finding = "not examined"  # what would make it agree
    culprit_found_share: float = 0.0  # of inliers, with that
    culprit_lag_frames: float = 0.0
    culprit_rate: float = 1.0
    culprit_moved_at: int = 0  # frame
    # Of the subject in the images alone (subject_evidence.py).
    reach: float = 1.0  # how far keypoints lie from the top left corner, in image sides; the farthest
    reach_factor: float = 1.0  # by which the keypoints would have to be multiplied to fill the images
    sitting: float = 0.0  # share of the frames in which the thighs are level
    path: float = 1.0  # range of the person's middle in the images, in sizes of the person
    upper_body: bool = False  # legs are never seen
    # By how much the footage contradicts the model of the intrinsics, where that is clear.
    aspect_doubt_pct: float = 0.0  # of fx / fy
    center_doubt_pct: float = 0.0  # of the principal point, in per cent of the longer side of the image
    noise: float = 0.5  # of the median camera's keypoints, in expected errors (one standard deviation along an axis)
