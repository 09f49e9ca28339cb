"""The three numbers that matter: reprojection error, camera uncertainty, and coverage by labels or by the person.

Each comes with what it means and what to do about it. The limits are those of the verdict's rules, so that the numbers
and the verdict never contradict each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from epipose.calibration.result import Calibration
from epipose.calibration.verdict_rules import (
    DOUBTFUL_SIGMA_DEG,
    LEAST_GOOD_INLIER_SHARE,
    LITTLE_ROAMING,
    MAX_MRAD,
    MAX_SIGMA_DEG,
    MIN_INLIER_SHARE,
    STANDING_ROAMING,
)
from epipose.poses import Poses3D
from epipose.viz.html_report import KeyNumber, Trust

USUAL_MRAD = 6.0  # that a good detector stays below with good cameras
GOOD_MISSING_SHARE, POOR_MISSING_SHARE = 0.1, 0.4  # of the joints
_FAR_METRES = 4.0  # at which a rotation's sigma is shown as a length


def three_numbers(calibration: Calibration, labels: Poses3D | None = None) -> Sequence[KeyNumber]:
    """Reprojection error, camera uncertainty and coverage, of what was measured.

    Coverage is the share of joints with a label where there are ``labels``; else it is how far the person walked, or,
    where the cameras were given, how much of the images the person covered. Given cameras have no uncertainty; the
    share of joints on which their views agree stands in its place.
    """
    uncertainty = _uncertainty(calibration) if calibration.pairs else _agreement(calibration)
    if labels is not None:
        coverage = _labelled(labels)
    else:
        coverage = _roaming(calibration) if calibration.pairs else _image_coverage(calibration)
    return _error(calibration), uncertainty, coverage


def _error(calibration: Calibration) -> KeyNumber:
    worst = max(calibration.cameras, key=lambda camera: camera.median_mrad)
    name, trust = worst.name, graded(worst.median_mrad, USUAL_MRAD, MAX_MRAD)
    advice = {
        "good": "Nothing to correct. A small error is necessary for good cameras but does not prove them: see in the "
        "images, or in epipose view, that the projected joints lie on the person.",
        "fair": f"Look at the images of {name}, here or in epipose view. Joints projected beside the person: its "
        "intrinsics or its time offset are wrong. Joints on somebody else: film so that one person is in all views.",
        "poor": f"Do not use {name} as it is. Another person, another take, wrong intrinsics or a wrong time offset: "
        "correct it or leave the view out, and calibrate again.",
    }[trust]
    return KeyNumber(
        "Reprojection error of the worst camera",
        f"{worst.median_mrad:.1f}",
        "mrad",
        f"{name}: half of the keypoints lie closer than {worst.median_px:.1f} px to the projected 3D joints. Below "
        f"{USUAL_MRAD:g} mrad is usual with a good detector; above {MAX_MRAD:g} something is wrong.",
        trust,
        advice,
    )


def _uncertainty(calibration: Calibration) -> KeyNumber:
    sigma = calibration.evidence.worst_sigma_deg
    pair = max(calibration.pairs, key=lambda one: one.sigma_in_rig_deg)
    trust = graded(sigma, DOUBTFUL_SIGMA_DEG, MAX_SIGMA_DEG)
    off = 100 * _FAR_METRES * math.radians(sigma)
    more = (
        "Film somebody who walks through more of the room, or calibrate several clips of the same cameras together: "
        "epipose calibrate CLIP CLIP --same-cameras."
    )
    advice = {
        "good": "Nothing to correct.",
        "fair": f"Good for animation and for training a network, not for measurements. {more}",
        "poor": f"Too uncertain to be used. {more}",
    }[trust]
    return KeyNumber(
        "Camera uncertainty",
        f"± {sigma:.2g}",
        "degrees",
        f"One standard deviation of the rotation between {' and '.join(pair.views)}, the two cameras known least. It "
        f"moves a point {_FAR_METRES:g} m away by {off:.0f} cm across that camera's view. Systematic errors are not in it.",
        trust,
        advice,
    )


def _agreement(calibration: Calibration) -> KeyNumber:
    share = calibration.evidence.agreed_share
    trust = graded(-share, -LEAST_GOOD_INLIER_SHARE, -MIN_INLIER_SHARE)
    return KeyNumber(
        "Joints with inlier views",
        f"{share:.0%}",
        "",
        f"of those seen in two or more views, over {calibration.frames_used} frames. The cameras were given; this is how "
        "well they fit the footage.",
        trust,
        "Nothing to correct."
        if trust == "good"
        else "Check that no camera was moved since it was calibrated, and that the videos are synchronised.",
    )


def _labelled(labels: Poses3D) -> KeyNumber:
    conf = labels.conf[:, 0]
    share, mean = float((conf > 0).float().mean()), float(conf.mean())
    trust = graded(1 - share, GOOD_MISSING_SHARE, POOR_MISSING_SHARE)
    missing = (
        "Joints are missing where fewer than two views saw them and agreed. See in epipose view when and which; a further "
        "camera on that side brings them back, a better detector may."
    )
    return KeyNumber(
        "Joints with a label",
        f"{share:.0%}",
        "",
        f"of {conf.shape[0]} frames x {conf.shape[1]} joints, mean confidence {mean:.2f}. Missing joints were hidden, or "
        "the views contradicted each other.",
        trust,
        "Nothing to correct: export them, or train on them." if trust == "good" else missing,
    )


def _roaming(calibration: Calibration) -> KeyNumber:
    roaming, (x, y, _) = calibration.evidence.roaming, calibration.roaming_m
    trust: Trust = "good" if roaming >= LITTLE_ROAMING else "fair" if roaming >= STANDING_ROAMING else "poor"
    where = f"{x:.2f} x {y:.2f} m of the floor" if calibration.rig.upright else f"{x:.2f} x {y:.2f} m along x and y"
    return KeyNumber(
        "Room that the person covered",
        f"{roaming:.2g}",
        "body heights",
        f"From end to end of where the hips were: {where}. Cameras are known where the person was; outside of that "
        "their errors grow.",
        trust,
        "More is better, time matters little: let the person walk through all of the room that you want to measure in."
        if trust == "good"
        else "Film again: somebody who walks through the whole room, once across and once along, is enough.",
    )


def _image_coverage(calibration: Calibration) -> KeyNumber:
    least = min(calibration.cameras, key=lambda camera: camera.image_coverage)
    return KeyNumber(
        "Image covered least",
        f"{least.image_coverage:.0%}",
        "",
        f"{least.name}: share of the image in which the person was ever seen. The check of the given cameras counts for "
        "these parts only.",
        advice="To check the rest of the image, let the person walk through the rest of the room.",
    )


def graded(value: float, good: float, poor: float) -> Trust:
    """The grade of a number that is better the smaller it is: good up to ``good``, poor above ``poor``."""
    return "good" if value <= good else "fair" if value <= poor else "poor"
