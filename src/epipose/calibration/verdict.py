"""One word on a calibration: trust, check or reject, and why.

The numbers are measured in assess.py; the limits here were chosen on simulated clips, good ones and ones spoiled in a
dozen ways, and their false alarms and misses were measured on others (benchmarks/geometry/failures.py,
docs/benchmarks.md). Reject means that the cameras are probably off by ten degrees or more, or not of one scene. Trust
means that nothing speaks against them. Everything else is for the user to look at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Word = Literal["trust", "check", "reject"]


@dataclass(frozen=True)
class Evidence:
    """What the verdict rests on. "Worst" and "usual" (the median) are over the cameras."""

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


@dataclass(frozen=True)
class Verdict:
    """trust: use it. check: look at the reasons first. reject: do not use it."""

    word: Word
    reasons: tuple[str, ...]


def judge(evidence: Evidence) -> Verdict:
    """The verdict and its reasons in plain words, the gravest first."""
    against, doubts = tuple(_against(evidence)), tuple(_doubts(evidence))
    return Verdict("reject" if against else "check" if doubts else "trust", against + doubts)


def _against(e: Evidence) -> Iterator[str]:
    """What makes a calibration worthless."""
    noisy = e.usual_inlier_share < 0.7  # in every camera: a bad detector rather than a wrong video
    apart = e.usual_inlier_share - e.worst_inlier_share > 0.1 and e.worst_sigma_deg > 1.5
    if (e.worst_inlier_share < 0.75 or apart) and not noisy:
        yield (
            f"{e.worst_camera} contradicts the other views: only {e.worst_inlier_share:.0%} of its joints are where they "
            f"say ({e.usual_inlier_share:.0%} are usual here). It may show another person or another take, be far out of "
            "sync, or have been moved. Look at it, and leave it out if need be."
        )
    alike = e.mirror_cost is not None and e.mirror_cost < 1.03  # so bad that depth can be turned inside out
    if noisy and (e.bone_spread > 0.5 or alike):
        yield (
            f"The views hardly agree on anything: bones change their length by {e.bone_spread:.0%} from frame to frame. "
            "Check that all videos show the same person at the same time, or use a better detector."
        )
    if e.worst_drift_mrad > 15:
        yield (
            f"{e.drifting_camera} was moved on the way: the first half of the clip disagrees with the second by "
            f"{e.worst_drift_mrad:.0f} mrad. Cut the video where it was moved."
        )
    settled = e.worst_sigma_deg < 0.7 and e.worst_inlier_share > 0.9  # a mirrored video leaves more doubt than that
    if e.mirrored_video is not None and e.mirrored_video < (0.8 if noisy else 1.0) and not settled:
        yield "A video is mirrored (left and right horizontally flipped). Mirror it back, as selfie cameras do it."
    if e.handedness is not None and e.handedness < 0:
        yield (
            "The person came out mirrored: knees, elbows and face point the wrong way. The detector has left and right "
            "swapped in all videos."
        )
    if e.focal_doubt_pct > 50:
        yield (
            f"A focal length that was given cannot be right: the footage would change it by {e.focal_doubt_pct:.0f} %. "
            "Either the intrinsics are of another camera, or one view shows another person."
        )
    if e.worst_sigma_deg > (1.3 if noisy else 2.0 if e.roaming < 0.25 else 2.5):
        why = (
            "The person hardly moved from the spot."
            if e.roaming < 0.25
            else "The person covered too little of the room, or the joints are too uncertain."
        )
        yield (
            f"The cameras are too uncertain: {e.worst_sigma_deg:.1f} degrees (one standard deviation) between two of "
            f"them. {why} Film somebody who walks through the whole scene."
        )


def _doubts(e: Evidence) -> Iterator[str]:
    """What a user should look at before trusting a calibration."""
    if e.cameras == 2:
        yield (
            "Two cameras cannot check each other: a wrong person, bad synchronisation or a mirrored video may go "
            "unnoticed, and joints hidden from one camera are lost. A third camera settles all of that."
        )
    if e.worst_sigma_deg > 1.5:
        yield (
            f"The rotation between two cameras is uncertain by {e.worst_sigma_deg:.1f} degrees (one standard deviation)."
        )
    if e.roaming < 0.3 and e.worst_sigma_deg:  # cameras that were given say nothing about the person's walk
        yield (
            f"The person moved about by {e.roaming:.2f} of a body height only. Someone who stays in one place says "
            "little about the cameras."
        )
    if e.worst_inlier_share < 0.9 or e.worst_mrad > 15 or e.worst_mrad > 3.5 * e.usual_mrad:
        yield (
            f"{e.worst_camera} agrees less well with the others than a good detector would: {e.worst_inlier_share:.0%} of "
            f"its joints are where they say; the worst camera errs by {e.worst_mrad:.1f} mrad, the usual one by "
            f"{e.usual_mrad:.1f}."
        )
    if 8 < e.focal_doubt_pct <= 50:
        yield (
            f"A focal length that was given does not fit: the footage would change it by {e.focal_doubt_pct:.0f} %. Check "
            "that the intrinsics belong to these videos, at this zoom, and in this order."
        )
    if e.outvoted_share > 0.5 and not e.focal_sigma_pct:  # pairs were found with a lens that was only a start
        yield (
            f"{e.outvoted_share:.0%} of the pairs of views, taken alone, contradict the rig that all views together gave."
        )
    if 5 < e.worst_drift_mrad <= 15:
        yield f"{e.drifting_camera} may have been moved: its errors drift by {e.worst_drift_mrad:.0f} mrad."
    if e.handedness is None and e.mirror_cost is not None and e.mirror_cost < 1.1:
        yield "The mirrored world explains the images nearly as well, and the posture does not tell which is right."
    if e.swapped_views and 2 * e.swapped_views >= e.cameras and e.handedness is None:
        yield "Half of the views have left and right swapped against the others, and nobody can tell which half is right."
    if e.undecided_share > 0.1:
        yield (
            f"In {e.undecided_share:.0%} of the frames left and right contradict each other, and no majority of views "
            "decides."
        )
    if e.focal_sigma_pct > 10:
        yield f"The focal lengths that were estimated are uncertain by {e.focal_sigma_pct:.0f} %."
