"""Texts of the calibration report: what each verdict means for the user, and what the numbers mean."""

from __future__ import annotations

from epipose.viz.html_report import Trust

VERDICTS: dict[str, tuple[Trust, str, str]] = {
    "trust": (
        "good",
        "These cameras can be used.",
        "No measurement speaks against them. Systematic errors, the same throughout the clip, cannot be measured from "
        "it: check in the 3D scene above that the cameras stand where you put them.",
    ),
    "check": (
        "fair",
        "Look at the cameras before you use them.",
        "They may be good. Check in the 3D scene above that they stand where you put them, and that the person is the "
        "same one in all views (epipose view shows them). Correct what you can and calibrate again.",
    ),
    "reject": (
        "poor",
        "Do not use these cameras.",
        "Correct this and calibrate again. Until then epipose label refuses them, unless it is given --force.",
    ),
}

TERMS = {
    "error, px and mrad": "Median reprojection error: half of the keypoints lie closer than this to the projection of "
    "the joint triangulated from all cameras. 1 mrad is 1 mm seen from 1 m away: it compares cameras of different "
    "focal lengths and resolutions. It contains the detector's own errors. Small errors are necessary for good "
    "cameras, but do not prove them.",
    "90th percentile": "The reprojection error that nine out of ten keypoints stay below.",
    "sigma": "One standard deviation of the camera's rotation and position, from the scatter of the keypoints, after "
    "the best alignment of the whole rig. In two cases out of three the error is smaller, if the keypoints' errors "
    "change from frame to frame. Systematic errors (wrong intrinsics, a hip that the detector places elsewhere from "
    "behind) are not in it.",
    "inliers": "Keypoints within two expected errors of a detector. Where they are few: another person, bad "
    "synchronisation, or a person half hidden.",
    "image covered": "Share of the cells of a 10 x 10 grid over the image in which a keypoint was ever detected. "
    "Intrinsics can only be judged where somebody was.",
    "left-right swaps": "Frames in which the detector took left for right, as the other views tell. Labels undo them "
    "too.",
    "drift between halves": "Change of the median reprojection error vector from the first half of the clip to the "
    "second. Where it is much larger than in the other cameras, this one was moved.",
    "check of given intrinsics": "The change of the focal length that would explain the footage better. It counts "
    "where it is more than three times its standard deviation.",
    "lag": "The part of a frame by which a view shows a moment later than its clock says. Labels correct for it.",
    "pairwise sigma, sigma in the rig": "Two views alone give a rotation between their cameras; all views together, "
    "another. A weak pair may be far off alone without harm: the other views constrain it.",
    "support": "How much better a video fits the others at its time offset than at other offsets (logarithm of the "
    "ratio of the residuals). Below 0.5 it is doubtful.",
}
