"""The verdict: each reason from one number that changes, and whole clips with common mistakes of filming."""

import dataclasses
import re

import pytest

from epipose.calibration.calibrate import calibrate_rig
from epipose.calibration.evidence import Evidence
from epipose.calibration.verdict import judge, wants_examination
from epipose.calibration.verdict_causes import CONTRADICTIONS
from epipose.calibration.verdict_rules import RULES
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig

GOOD = Evidence(
    cameras=4,
    worst_camera="north",
    worst_mrad=4.0,
    usual_mrad=3.0,
    worst_error=0.5,
    worst_inlier_share=0.97,
    usual_inlier_share=0.99,
    worst_sigma_deg=0.4,
    agreed_share=0.98,
    outvoted_share=0.0,
    roaming=1.5,
    least_coverage=0.3,
    bone_spread=0.04,
    focal_doubt_pct=0.0,
    worst_drift_mrad=0.5,
    drifting_camera="south",
    worst_lag_frames=0.0,
    mirror_cost=3.0,
    mirrored_video=4.0,
    handedness=0.9,
    undecided_share=0.0,
    swapped_views=0,
    focal_sigma_pct=0.0,
    culprit="north",
    culprit_inlier_share=0.97,
)
BAD_VIEW = {"worst_inlier_share": 0.4, "culprit_inlier_share": 0.4, "culprit_found_share": 0.9}
REJECTED = {
    "north contradicts the other views: only 40%": BAD_VIEW,
    "hardly agree on anything: bones change their length by 90%": {
        "worst_inlier_share": 0.4,
        "usual_inlier_share": 0.5,
        "bone_spread": 0.9,
    },
    "south was moved on the way.* by 40 mrad": {"worst_drift_mrad": 40.0},
    "north contradicts the other views: only 85%": {
        "worst_inlier_share": 0.85,
        "culprit_inlier_share": 0.85,
        "worst_sigma_deg": 1.8,
    },
    "too uncertain: 2.4 degrees": {"worst_inlier_share": 0.4, "usual_inlier_share": 0.5, "worst_sigma_deg": 2.4},
    "no better as it is than mirrored, most likely north": {"mirrored_video": 0.5, "worst_sigma_deg": 0.9},
    "north is out of sync: as it is, 40%.*-6 frames later, 90%": BAD_VIEW
    | {"culprit_finding": "lag", "culprit_lag_frames": -6.0},
    "north plays at another speed.*with 2 of its frames": BAD_VIEW | {"culprit_finding": "rate", "culprit_rate": 2.0},
    "north is mirrored": BAD_VIEW | {"culprit_finding": "mirrored"},
    "north is squeezed": BAD_VIEW | {"culprit_finding": "squeezed"},
    "north was moved about frame 70": BAD_VIEW | {"culprit_finding": "moved", "culprit_moved_at": 70},
    "smaller images.*beyond 45% .*2.2 at most": {"reach": 0.45, "reach_factor": 1 / 0.45},
    "would change fx / fy by 25 %": {"aspect_doubt_pct": 25.0},
    "move the principal point by 30 % of the image": {"center_doubt_pct": 30.0},
    "cannot be right: the footage would change it by 80 %": {"focal_doubt_pct": 80.0},
    "came out mirrored": {"handedness": -0.8},
    "too uncertain: 6.0 degrees.*covered too little": {"worst_sigma_deg": 6.0},
    "too uncertain: 3.2 degrees.*hardly moved": {"worst_sigma_deg": 3.2, "roaming": 0.05},
}
CHECKED = {
    "Two cameras cannot check each other": {"cameras": 2},
    "uncertain by 1.2 degrees": {"worst_sigma_deg": 1.2},
    "uncertain by 2.2 degrees": {"worst_sigma_deg": 2.2},
    "The person sits.*thighs level in 80%": {"sitting": 0.8, "path": 0.1, "roaming": 0.1},
    "change fx / fy by 5.0 %": {"aspect_doubt_pct": 5.0},
    "move a principal point by 6.0 %": {"center_doubt_pct": 6.0},
    "north agrees less well.*: 82% of": {"worst_inlier_share": 0.82, "usual_inlier_share": 0.9},
    "moved about by 0.10 of a body height": {"roaming": 0.1},
    "north agrees less well.*: 85% of": {"worst_inlier_share": 0.85},
    "errs by 18.0 mrad, the usual one by 17.0": {"worst_mrad": 18.0, "usual_mrad": 17.0},
    "errs by 12.0 mrad, the usual one by 3.0": {"worst_mrad": 12.0},
    "focal length that was given does not fit.* by 15 %": {"focal_doubt_pct": 15.0},
    "67% of the pairs of views": {"outvoted_share": 2 / 3},
    "south may have been moved.* by 9 mrad": {"worst_drift_mrad": 9.0},
    "mirrored world explains the images nearly as well": {"handedness": None, "mirror_cost": 1.01},
    "In 30% of the frames left and right contradict": {"undecided_share": 0.3},
    "estimated are uncertain by 20 %": {"focal_sigma_pct": 20.0},
}


def spoiled(**changes):
    return judge(dataclasses.replace(GOOD, **changes))


def said(pattern, reasons):
    return any(re.search(pattern, reason) for reason in reasons)


def test_good_evidence_is_trusted_without_a_word():
    assert judge(GOOD).word == "trust"
    assert judge(GOOD).reasons == ()


@pytest.mark.parametrize(("reason", "changes"), REJECTED.items(), ids=[" ".join(c) for c in REJECTED.values()])
def test_what_makes_cameras_worthless_rejects_them(reason, changes):
    verdict = spoiled(**changes)
    assert verdict.word == "reject"
    assert said(reason, verdict.reasons[:1])


@pytest.mark.parametrize(("reason", "changes"), CHECKED.items(), ids=[" ".join(c) for c in CHECKED.values()])
def test_what_makes_cameras_doubtful_wants_a_look(reason, changes):
    verdict = spoiled(**changes)
    assert verdict.word == "check"
    assert len(verdict.reasons) == 1
    assert said(reason, verdict.reasons)


@pytest.mark.parametrize(
    "changes",
    [
        {"mirror_cost": None, "mirrored_video": None},
        {"handedness": None},
        {"mirror_cost": 1.01},
        {"swapped_views": 1},
        {"worst_lag_frames": 2.4},
        {"roaming": 0.1, "worst_sigma_deg": 0.0},
        {"mirrored_video": 0.5},
        {"worst_error": 0.9},
        {"worst_inlier_share": 0.87, "usual_inlier_share": 0.93},
        {"worst_inlier_share": 0.85, "noise": 0.9},
        {"sitting": 0.8, "path": 0.6},
        {"reach": 0.6},
        {"upper_body": True},
        {"culprit_finding": "as it is"},
        {"aspect_doubt_pct": 1.0, "center_doubt_pct": 1.0},
    ],
    ids=str,
)
def test_what_was_settled_or_cannot_be_told_counts_for_nothing(changes):
    """A view put right, a clock made up for, a mirrored world that the posture rules out."""
    assert spoiled(**changes).word == "trust"


def test_the_gravest_comes_first_and_what_does_not_follow_from_it_is_said_too():
    verdict = spoiled(cameras=2, worst_sigma_deg=4.7, worst_drift_mrad=9.0, focal_sigma_pct=20.0)
    assert verdict.word == "reject"
    assert [reason.split()[0] for reason in verdict.reasons] == ["The", "Two", "south", "The"]


@pytest.mark.parametrize("finding", ["lag", "rate", "mirrored", "squeezed", "moved", "as it is"])
def test_what_follows_from_a_bad_view_is_not_said(finding):
    """A view out of sync is no mirrored video, no moved camera, no wrong focal length."""
    consequences = {
        "mirrored_video": 0.5,
        "worst_sigma_deg": 2.7,
        "worst_drift_mrad": 40.0,
        "focal_doubt_pct": 80.0,
        "handedness": -0.8,
        "outvoted_share": 0.7,
        "undecided_share": 0.3,
    }
    verdict = spoiled(**BAD_VIEW, **consequences, culprit_finding=finding)
    assert verdict.word == "reject"
    assert len(verdict.reasons) == 1
    assert verdict.reasons[0].startswith("north")


def test_somebody_who_sits_is_not_called_another_person():
    verdict = spoiled(**BAD_VIEW, sitting=0.9, path=0.05, roaming=0.05, mirrored_video=0.9, worst_sigma_deg=2.4)
    assert verdict.word == "reject"
    assert [reason.split(" in ")[0] for reason in verdict.reasons] == ["The person sits"]


def test_keypoints_of_smaller_images_are_the_only_reason():
    verdict = spoiled(**BAD_VIEW, reach=0.5, reach_factor=2.0, sitting=0.9, path=0.1, roaming=0.1, worst_sigma_deg=2.4)
    assert verdict.word == "reject"
    assert len(verdict.reasons) == 1
    assert "smaller images" in verdict.reasons[0]


def test_every_rule_that_a_rule_explains_is_there():
    names = {rule.name for rule in RULES}
    assert len(names) == len(RULES)
    assert set(CONTRADICTIONS) <= names
    for rule in RULES:
        assert set(rule.explains) <= names - {rule.name}


def test_views_are_examined_where_they_contradict_each_other_and_only_there():
    assert not wants_examination(GOOD)
    assert not wants_examination(dataclasses.replace(GOOD, worst_inlier_share=0.85, worst_sigma_deg=1.2))
    assert wants_examination(dataclasses.replace(GOOD, worst_inlier_share=0.7))
    assert wants_examination(dataclasses.replace(GOOD, worst_drift_mrad=40.0))


@pytest.mark.parametrize(
    ("name", "better", "worse"),
    [
        ("worst_inlier_share", 1.0, 0.0),
        ("worst_sigma_deg", 0.0, 90.0),
        ("worst_drift_mrad", 0.0, 1000.0),
        ("focal_doubt_pct", 0.0, 100.0),
        ("mirrored_video", 100.0, 0.0),
        ("handedness", 1.0, -1.0),
    ],
)
@pytest.mark.parametrize("sigma", [0.4, 1.6, 2.2])
def test_worse_evidence_never_gets_a_better_word(name, better, worse, sigma):
    changes = [{"worst_sigma_deg": sigma} | {name: better + (worse - better) * step / 200} for step in range(201)]
    order = {"trust": 0, "check": 1, "reject": 2}
    ranks = [order[spoiled(**change).word] for change in changes]
    assert ranks == sorted(ranks)
    assert ranks[-1] == 2 or (name, sigma) == ("mirrored_video", 0.4)  # where all is settled, that alone is no proof


def test_reasons_are_whole_sentences():
    reasons = [spoiled(**changes).reasons for changes in (*REJECTED.values(), *CHECKED.values())]
    for reason in {one for some in reasons for one in some}:
        assert reason.endswith(".")
        assert "nan" not in reason


FRAMES = 30


def clip(cameras=None, xyz=None):
    cameras = cameras or rig()
    uv, conf = detections(cameras, moving_skeleton(FRAMES) if xyz is None else xyz, pixels=2.0)
    return Poses2D(uv[:, :, None], conf[:, :, None], H36M17, cameras.names)


@pytest.mark.slow
@pytest.mark.parametrize("views", [2, 3, 4])
def test_someone_who_walks_about_is_trusted_from_three_cameras_on(views):
    some = rig().select(rig().names[:views])
    verdict = calibrate_rig(clip(some), some).verdict
    assert verdict.word == ("check" if views == 2 else "trust")
    assert len(verdict.reasons) == (views == 2)


@pytest.mark.slow
def test_someone_who_stands_still_is_not_trusted():
    swaying = moving_skeleton(FRAMES, roam=0.0)
    verdict = calibrate_rig(clip(xyz=swaying[15] + 0.1 * (swaying - swaying.mean(0))), rig()).verdict
    assert verdict.word != "trust"
    assert said("moved about by 0.0. of a body height|hardly moved", verdict.reasons)


@pytest.mark.slow
def test_another_person_in_one_view_is_rejected_and_the_view_named():
    poses = clip()
    poses.xy[3] = clip(xyz=moving_skeleton(FRAMES, seed=9)).xy[3]
    verdict = calibrate_rig(poses, rig()).verdict
    assert verdict.word == "reject"
    assert verdict.reasons[0].startswith("cam60457274 contradicts the other views")
    assert len(verdict.reasons) == 1


@pytest.mark.slow
def test_a_mirrored_video_is_rejected():
    poses, flip = clip(), list(H36M17.flip)
    poses.xy[2, ..., 0] = 999 - poses.xy[2, ..., 0]
    poses.xy[2] = poses.xy[2][:, :, flip]
    verdict = calibrate_rig(poses, rig()).verdict
    assert verdict.word == "reject"
    assert verdict.reasons[0].startswith(f"{poses.views[2]} is mirrored")
    assert len(verdict.reasons) == 1
