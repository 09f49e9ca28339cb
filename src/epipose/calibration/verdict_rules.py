"""Rules of the verdict: name, word, limit and message of every reason to check or to reject a calibration.

The limits were chosen on simulated clips, good ones and ones spoiled in a dozen ways, and their false alarms and misses
were measured on others (benchmarks/geometry/verdicts.py, docs/benchmarks.md). The table in docs/verdict.md is printed
from here.
"""

from __future__ import annotations

import math

from epipose.calibration.evidence import Evidence
from epipose.calibration.verdict_causes import (
    CAUSES,
    CONSEQUENCES,
    DOUBTFUL_ASPECT_PCT,
    DOUBTFUL_CENTER_PCT,
    TOO_UNCERTAIN,
)
from epipose.calibration.verdict_rule import Rule

NOISY_INLIER_SHARE = 0.7  # of the median camera: below it the detector is bad, rather than one video wrong
MIN_INLIER_SHARE = 0.75
GOOD_INLIER_SHARE, LEAST_GOOD_INLIER_SHARE = 0.9, 0.8  # of a camera; the latter where all cameras have outliers
INLIER_SLACK = 0.07  # that the worst camera may lie below what is usual of this detector's noise and outliers
MAX_INLIER_GAP = 0.1  # between the median and the worst camera, where the cameras are uncertain too
MAX_BONE_SPREAD = 0.5
TURNED_INSIDE_OUT_COST = 1.03  # of the mirrored world over the one taken: depth could be reversed
AMBIGUOUS_MIRROR_COST = 1.1
MOVED_MRAD, DRIFT_MRAD = 15.0, 5.0
WRONG_FOCAL_PCT, DOUBTFUL_FOCAL_PCT = 20.0, 8.0
SETTLED_SIGMA_DEG = 0.7  # a mirrored video leaves more doubt than that
CONTRADICTORY_SIGMA_DEG = 1.5
DOUBTFUL_SIGMA_DEG = 1.0  # trust is to mean 3 degrees at most: three standard deviations
MAX_SIGMA_NOISY_DEG, MAX_SIGMA_STANDING_DEG, MAX_SIGMA_DEG = 2.0, 3.0, 4.0
STANDING_ROAMING, LITTLE_ROAMING = 0.25, 0.3  # statures
MAX_MRAD, MAX_MRAD_RATIO = 15.0, 3.5
MAX_OUTVOTED_SHARE = 0.5
MAX_UNDECIDED_SHARE = 0.1
MAX_FOCAL_SIGMA_PCT = 10.0


def _noisy(e: Evidence) -> bool:
    return e.usual_inlier_share < NOISY_INLIER_SHARE


def _contradicts(e: Evidence) -> bool:
    gap = e.usual_inlier_share - e.worst_inlier_share
    apart = gap > MAX_INLIER_GAP and e.worst_sigma_deg > CONTRADICTORY_SIGMA_DEG
    return (e.worst_inlier_share < MIN_INLIER_SHARE or apart) and not _noisy(e)


def good_inlier_share(e: Evidence) -> float:
    """Inlier share from which a camera agrees as well as the detector lets it.

    Normal errors of the measured noise leave 1 - exp(-2 / noise^2) of the keypoints within two expected errors, and
    outliers, which hit all cameras alike, are seen in the median camera.
    """
    usual = min(e.usual_inlier_share, 1 - math.exp(-2 / max(e.noise, 1e-3) ** 2))
    return min(max(usual - INLIER_SLACK, LEAST_GOOD_INLIER_SHARE), GOOD_INLIER_SHARE)


def _disagrees(e: Evidence) -> bool:
    reversible = e.mirror_cost is not None and e.mirror_cost < TURNED_INSIDE_OUT_COST
    return _noisy(e) and (e.bone_spread > MAX_BONE_SPREAD or reversible)


def _fits_nowhere(e: Evidence) -> bool:
    settled = e.worst_sigma_deg < SETTLED_SIGMA_DEG and e.worst_inlier_share > GOOD_INLIER_SHARE
    return e.mirrored_video is not None and e.mirrored_video < (0.8 if _noisy(e) else 1.0) and not settled


def _too_uncertain(e: Evidence) -> bool:
    limit = MAX_SIGMA_STANDING_DEG if e.roaming < STANDING_ROAMING else MAX_SIGMA_DEG
    return e.worst_sigma_deg > (MAX_SIGMA_NOISY_DEG if _noisy(e) else limit)


def _ambiguous(e: Evidence) -> bool:
    return e.handedness is None and e.mirror_cost is not None and e.mirror_cost < AMBIGUOUS_MIRROR_COST


_GRAVE_AND_DOUBTFUL = (
    Rule(
        "a known camera is elsewhere",
        "reject",
        "as for one view that contradicts the others, where the cameras were given",
        lambda e: e.worst_sigma_deg == 0 and _contradicts(e),
        "{culprit} is not where the given cameras say: only {culprit_inlier_share:.0%} of its joints are where the other "
        "views have them ({usual_inlier_share:.0%} are usual here). It was moved, turned or zoomed since these cameras "
        "were calibrated, or shows another take or is far out of sync. Calibrate anew, or leave it out.",
        (
            "one view contradicts the others",
            "one view fits nowhere",
            "a camera was moved",
            *CONSEQUENCES,
            *TOO_UNCERTAIN,
        ),
    ),
    Rule(
        "one view contradicts the others",
        "reject",
        f"inlier share under {MIN_INLIER_SHARE:.0%}, or {MAX_INLIER_GAP:.0%} under the median camera's with a pairwise "
        f"sigma over {CONTRADICTORY_SIGMA_DEG} degrees; not where the median share is under {NOISY_INLIER_SHARE:.0%}",
        _contradicts,
        "{culprit} contradicts the other views: only {culprit_inlier_share:.0%} of its joints are where they say "
        "({usual_inlier_share:.0%} are usual here). It may show another person or another take, or be far out of sync. "
        "Look at it, and leave it out if need be.",
        ("one view fits nowhere", "a camera was moved", *CONSEQUENCES, *TOO_UNCERTAIN),
    ),
    Rule(
        "the views disagree",
        "reject",
        f"median inlier share under {NOISY_INLIER_SHARE:.0%}, and bones that vary by more than {MAX_BONE_SPREAD:.0%} or a "
        f"mirrored world that costs less than {TURNED_INSIDE_OUT_COST} times as much",
        _disagrees,
        "The views hardly agree on anything: bones change their length by {bone_spread:.0%} from frame to frame. Check "
        "that all videos show the same person at the same time, or use a better detector.",
        ("one view fits nowhere", "a camera was moved", *CONSEQUENCES, *TOO_UNCERTAIN),
    ),
    Rule(
        "a camera was moved",
        "reject",
        f"drift between halves over {MOVED_MRAD:g} mrad",
        lambda e: e.worst_drift_mrad > MOVED_MRAD,
        "{drifting_camera} was moved on the way: the first half of the clip disagrees with the second by "
        "{worst_drift_mrad:.0f} mrad. Cut the video where it was moved.",
        CONSEQUENCES,
    ),
    Rule(
        "one view fits nowhere",
        "reject",
        f"a view fits the others no better as it is than flipped (0.8 of the cost where the median inlier share is under "
        f"{NOISY_INLIER_SHARE:.0%}); not with a pairwise sigma under {SETTLED_SIGMA_DEG} degrees and inlier shares over "
        f"{GOOD_INLIER_SHARE:.0%}",
        _fits_nowhere,
        "A view fits the others no better as it is than mirrored, most likely {culprit}: {culprit_inlier_share:.0%} of its "
        "joints are where they say. It may show another person or another take, or be far out of sync; or the person moved "
        "too little to tell.",
        CONSEQUENCES,
    ),
    Rule(
        "the person is mirrored",
        "reject",
        "knees, elbows and face point the wrong way",
        lambda e: e.handedness is not None and e.handedness < 0,
        "The person came out mirrored: knees, elbows and face point the wrong way. The detector has left and right "
        "swapped in all videos.",
    ),
    Rule(
        "a given focal length is wrong",
        "reject",
        f"the footage would change it by more than {WRONG_FOCAL_PCT:g} %",
        lambda e: e.focal_doubt_pct > WRONG_FOCAL_PCT,
        "A focal length that was given cannot be right: the footage would change it by {focal_doubt_pct:.0f} %. Either "
        "the intrinsics are of another camera, or one view shows another person.",
    ),
    Rule(
        "the cameras are too uncertain, the person stood",
        "reject",
        f"pairwise sigma over {MAX_SIGMA_STANDING_DEG} degrees ({MAX_SIGMA_NOISY_DEG} where the median inlier share is "
        f"under {NOISY_INLIER_SHARE:.0%}); the hips moved by less than {STANDING_ROAMING} statures",
        lambda e: _too_uncertain(e) and e.roaming < STANDING_ROAMING,
        "The cameras are too uncertain: {worst_sigma_deg:.1f} degrees (one standard deviation) between two of them. The "
        "person hardly moved from the spot. Film somebody who walks through the whole scene.",
        ("an uncertain rotation", "the person stays in one place"),
    ),
    Rule(
        "the cameras are too uncertain",
        "reject",
        f"pairwise sigma over {MAX_SIGMA_DEG} degrees ({MAX_SIGMA_NOISY_DEG} where the median inlier share is under "
        f"{NOISY_INLIER_SHARE:.0%})",
        lambda e: _too_uncertain(e) and e.roaming >= STANDING_ROAMING,
        "The cameras are too uncertain: {worst_sigma_deg:.1f} degrees (one standard deviation) between two of them. The "
        "person covered too little of the room, or the joints are too uncertain. Film somebody who walks through the "
        "whole scene.",
        ("an uncertain rotation",),
    ),
    Rule(
        "two cameras",
        "check",
        "exactly two",
        lambda e: e.cameras == 2,
        "Two cameras cannot check each other: a wrong person, bad synchronisation or a mirrored video may go unnoticed, "
        "and joints hidden from one camera are lost. A third camera settles all of that.",
    ),
    Rule(
        "an uncertain rotation",
        "check",
        f"pairwise sigma over {DOUBTFUL_SIGMA_DEG} degrees",
        lambda e: e.worst_sigma_deg > DOUBTFUL_SIGMA_DEG,
        "The rotation between two cameras is uncertain by {worst_sigma_deg:.1f} degrees (one standard deviation).",
    ),
    Rule(
        "the person stays in one place",
        "check",
        f"the hips moved by less than {LITTLE_ROAMING} statures; not where the cameras were given",
        lambda e: e.roaming < LITTLE_ROAMING and e.worst_sigma_deg > 0,
        "The person moved about by {roaming:.2f} of a body height only. Someone who stays in one place says little about "
        "the cameras.",
    ),
    Rule(
        "one view agrees less well",
        "check",
        f"inlier share under {GOOD_INLIER_SHARE:.0%} ({INLIER_SLACK:.0%} under what is usual of the noise and the outliers "
        f"of all cameras, and {LEAST_GOOD_INLIER_SHARE:.0%} at least, where that is less), or a median reprojection "
        f"error over {MAX_MRAD:g} mrad or over "
        f"{MAX_MRAD_RATIO} times the median camera's",
        lambda e: (
            e.worst_inlier_share < good_inlier_share(e)
            or e.worst_mrad > MAX_MRAD
            or e.worst_mrad > MAX_MRAD_RATIO * e.usual_mrad
        ),
        "{worst_camera} agrees less well with the others than a good detector would: {worst_inlier_share:.0%} of its "
        "joints are where they say; the worst camera errs by {worst_mrad:.1f} mrad, the usual one by {usual_mrad:.1f}.",
    ),
    Rule(
        "a given focal length does not fit",
        "check",
        f"the footage would change it by more than {DOUBTFUL_FOCAL_PCT:g} %",
        lambda e: DOUBTFUL_FOCAL_PCT < e.focal_doubt_pct <= WRONG_FOCAL_PCT,
        "A focal length that was given does not fit: the footage would change it by {focal_doubt_pct:.0f} %. Check that "
        "the intrinsics belong to these videos, at this zoom, and in this order.",
    ),
    Rule(
        "the pixels may not be square",
        "check",
        f"the footage would change fx / fy by more than {DOUBTFUL_ASPECT_PCT:g} %, or did",
        lambda e: e.aspect_doubt_pct > DOUBTFUL_ASPECT_PCT,
        "The footage would change fx / fy by {aspect_doubt_pct:.1f} %. Check that the pixels of the videos are square.",
    ),
    Rule(
        "the principal point is off",
        "check",
        f"the footage would move it by more than {DOUBTFUL_CENTER_PCT:g} % of the image, or did",
        lambda e: e.center_doubt_pct > DOUBTFUL_CENTER_PCT,
        "The footage would move a principal point by {center_doubt_pct:.1f} % of the image. Check that the video was not "
        "cropped, and that the intrinsics belong to it.",
    ),
    Rule(
        "outvoted pairs",
        "check",
        f"over {MAX_OUTVOTED_SHARE:.0%} of the pairs; not where focal lengths were estimated",
        lambda e: e.outvoted_share > MAX_OUTVOTED_SHARE and not e.focal_sigma_pct,
        "{outvoted_share:.0%} of the pairs of views, taken alone, contradict the rig that all views together gave.",
    ),
    Rule(
        "a camera may have been moved",
        "check",
        f"drift between halves over {DRIFT_MRAD:g} mrad",
        lambda e: DRIFT_MRAD < e.worst_drift_mrad <= MOVED_MRAD,
        "{drifting_camera} may have been moved: its errors drift by {worst_drift_mrad:.0f} mrad.",
    ),
    Rule(
        "mirror ambiguity",
        "check",
        f"the mirrored world costs less than {AMBIGUOUS_MIRROR_COST} times as much, and the posture does not decide",
        _ambiguous,
        "The mirrored world explains the images nearly as well, and the posture does not tell which is right.",
    ),
    Rule(
        "half of the views are swapped",
        "check",
        "half of the views or more, and the posture does not decide",
        lambda e: e.swapped_views > 0 and 2 * e.swapped_views >= e.cameras and e.handedness is None,
        "Half of the views have left and right swapped against the others, and nothing tells which half is right.",
    ),
    Rule(
        "undecided left-right swaps",
        "check",
        f"in over {MAX_UNDECIDED_SHARE:.0%} of the frames",
        lambda e: e.undecided_share > MAX_UNDECIDED_SHARE,
        "In {undecided_share:.0%} of the frames left and right contradict each other, and no majority of views decides.",
    ),
    Rule(
        "uncertain focal lengths",
        "check",
        f"sigma of an estimated focal length over {MAX_FOCAL_SIGMA_PCT:g} %",
        lambda e: e.focal_sigma_pct > MAX_FOCAL_SIGMA_PCT,
        "The focal lengths that were estimated are uncertain by {focal_sigma_pct:.0f} %.",
    ),
)
RULES = (*CAUSES, *_GRAVE_AND_DOUBTFUL)
