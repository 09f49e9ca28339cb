"""Causes that the verdict can name: rules from which other reasons follow.

What is wrong with one view or with the footage as a whole shows in many numbers. Where the cause is known, it alone is
the reason that is given: a view that is out of sync is not a mirrored video, and a person who sits is not another one.
"""

from __future__ import annotations

from collections.abc import Callable

from epipose.calibration.evidence import Evidence
from epipose.calibration.verdict_rule import Rule
from epipose.geometry.image_reach import MAX_SMALL_REACH

MIN_SITTING, MAX_SEATED_PATH = 0.5, 0.3
DOUBTFUL_ASPECT_PCT, WRONG_ASPECT_PCT = 2.0, 10.0
DOUBTFUL_CENTER_PCT, WRONG_CENTER_PCT = 2.0, 25.0

# Rules that speak of one view against the others: where one applies, suspect_view.py looks for the view and the cause.
BLAME = ("one view contradicts the others", "the views disagree", "one view fits nowhere", "a camera was moved")
CONTRADICTIONS = (*BLAME, "the person is mirrored", "a given focal length is wrong")
CONSEQUENCES = (
    "the person is mirrored",
    "a given focal length is wrong",
    "a given focal length does not fit",
    "the principal point is wrong",
    "the pixels are not square",
    "a camera may have been moved",
    "an uncertain rotation",
    "one view agrees less well",
    "outvoted pairs",
    "mirror ambiguity",
    "half of the views are swapped",
    "undecided left-right swaps",
)
TOO_UNCERTAIN = ("the cameras are too uncertain, the person stood", "the cameras are too uncertain")
_ALL_OF_IT = (*BLAME, *CONSEQUENCES, *TOO_UNCERTAIN)


def _found(finding: str) -> Callable[[Evidence], bool]:
    return lambda e: e.culprit_finding == finding


def _sits(e: Evidence) -> bool:
    return e.sitting > MIN_SITTING and e.path < MAX_SEATED_PATH and e.worst_sigma_deg > 0


CAUSES = (
    Rule(
        "keypoints of smaller images",
        "reject",
        f"no keypoint lies beyond {MAX_SMALL_REACH:.0%} of the width and height of any image",
        lambda e: e.reach < MAX_SMALL_REACH,
        "The keypoints are of smaller images than the cameras': in no view do they reach beyond {reach:.0%} of the width "
        "or height. Multiply them by the factor by which the images were reduced: 2, most often, and {reach_factor:.1f} at "
        "most.",
        (*_ALL_OF_IT, "the person stays in one place", "the person sits"),
    ),
    Rule(
        "a view is out of sync",
        "reject",
        "a view fits the others clearly better at another time (see suspect_view.py)",
        _found("lag"),
        "{culprit} is out of sync: as it is, {culprit_inlier_share:.0%} of its joints are where the other views say; read "
        "{culprit_lag_frames:+.0f} frames later, {culprit_found_share:.0%}. Synchronise again, or give --offsets.",
        _ALL_OF_IT,
    ),
    Rule(
        "a view plays at another speed",
        "reject",
        "a view fits the others clearly better at a quarter, half, twice or four times the speed",
        _found("rate"),
        "{culprit} plays at another speed (slow motion, say): as it is, {culprit_inlier_share:.0%} of its joints are where "
        "the other views say; with {culprit_rate:g} of its frames for each of theirs, {culprit_found_share:.0%}. Convert "
        "it to the speed of the others.",
        _ALL_OF_IT,
    ),
    Rule(
        "a video is horizontally flipped",
        "reject",
        "a view fits the others clearly better when it is flipped",
        _found("mirrored"),
        "{culprit} is mirrored (horizontally flipped, as selfie cameras do): as it is, {culprit_inlier_share:.0%} of its "
        "joints are where the other views say; flipped, {culprit_found_share:.0%}. Flip it back.",
        _ALL_OF_IT,
    ),
    Rule(
        "a view is squeezed",
        "reject",
        "a view fits the others clearly better at three quarters or four thirds of its width",
        _found("squeezed"),
        "{culprit} is squeezed or stretched, its pixels are not square: as it is, {culprit_inlier_share:.0%} of its joints "
        "are where the other views say; with another width, {culprit_found_share:.0%}. Convert it to square pixels.",
        _ALL_OF_IT,
    ),
    Rule(
        "a camera was moved in the middle",
        "reject",
        "a view fits the others clearly better as two cameras, one after the other",
        _found("moved"),
        "{culprit} was moved about frame {culprit_moved_at}: as one camera, {culprit_inlier_share:.0%} of its joints are "
        "where the other views say; as two, {culprit_found_share:.0%}. Cut the video there.",
        _ALL_OF_IT,
    ),
    Rule(
        "the person sits",
        "check",
        f"thighs are level in over {MIN_SITTING:.0%} of the frames, and in the images the person's middle moves by less "
        f"than {MAX_SEATED_PATH} of its size; not where the cameras were given",
        _sits,
        "The person sits in one place (thighs level in {sitting:.0%} of the frames) and says little about the cameras: "
        "{worst_sigma_deg:.1f} degrees (one standard deviation) between two of them, and {worst_inlier_share:.0%} of the "
        "joints are where the others say in {worst_camera}, which agrees least. Film somebody who walks through the scene.",
        (*_ALL_OF_IT, "the person stays in one place"),
    ),
    Rule(
        "the pixels are not square",
        "reject",
        f"the footage would change a given fx / fy by more than {WRONG_ASPECT_PCT:g} %",
        lambda e: e.aspect_doubt_pct > WRONG_ASPECT_PCT and not e.focal_sigma_pct,
        "The images are squeezed or stretched: the footage would change fx / fy by {aspect_doubt_pct:.0f} %. Convert the "
        "videos to square pixels, or give intrinsics with the right fx and fy.",
        (
            "a given focal length is wrong",
            "a given focal length does not fit",
            "the principal point is off",
            "the pixels may not be square",
        ),
    ),
    Rule(
        "the principal point is wrong",
        "reject",
        f"the footage would move a given one by more than {WRONG_CENTER_PCT:g} % of the image",
        lambda e: e.center_doubt_pct > WRONG_CENTER_PCT and not e.focal_sigma_pct,
        "The middle of the image is not where the lens points: the footage would move the principal point by "
        "{center_doubt_pct:.0f} % of the image. The video was cropped or squeezed, or the keypoints are of another size "
        "of image. Give intrinsics for the images as they are.",
        (
            "a given focal length is wrong",
            "a given focal length does not fit",
            "the pixels may not be square",
            "the principal point is off",
        ),
    ),
)
