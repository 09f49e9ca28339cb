"""One word on a calibration: trust, check or reject, and why.

The numbers are measured in assess.py; the limits here were chosen on simulated clips, good and failed in a dozen ways,
and their false alarms and misses measured on others (benchmarks/failures.py, docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from epipose.calibration import CameraReport, PairReport

Word = Literal["trust", "check", "reject"]


@dataclass(frozen=True)
class Evidence:
    """What the verdict rests on; lengths in units of the person's stature, errors as they are named."""

    cameras: int
    worst_mrad: float
    usual_mrad: float
    worst_error: float  # the worst camera's median residual in expected errors of the detector
    worst_inlier_share: float
    worst_sigma_deg: float  # of the rotation between two cameras
    agreed_share: float  # joints that two views or more agree on
    outvoted_share: float
    roaming: float  # diagonal of the box in which the hips moved
    least_coverage: float
    bone_spread: float
    focal_doubt_pct: float
    worst_drift_mrad: float
    worst_lag_frames: float
    mirror_cost: float | None  # robust cost of the mirrored world over that of the one taken
    handedness: float | None  # +1: the person's left is on the left; -1: mirrored; None: cannot be told
    undecided_share: float
    exchanged_views: int
    mirrored_video: float | None  # cost of a view taken as a mirrored video over its cost as it is; the least
    focal_sigma_pct: float


@dataclass(frozen=True)
class Verdict:
    """trust: use it. check: look at the reasons first. reject: do not use it."""

    word: Word
    reasons: tuple[str, ...]


def judge(evidence: Evidence, *, cameras: Sequence[CameraReport], pairs: Sequence[PairReport]) -> Verdict:
    """The verdict and its reasons in plain words."""
    return Verdict("check", ())
