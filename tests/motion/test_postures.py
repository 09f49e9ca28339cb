"""Everyday postures: within the limits of joints, limbs outside the trunk, on the floor or on a seat that stays."""

import numpy as np
import pytest

from epipose.errors import EpiposeError
from epipose.motion.floor_postures import FLOOR_POSTURES
from epipose.motion.gestures import GESTURES, gesture, reach
from epipose.motion.limb_angles import arm_angles, leg_angles
from epipose.motion.motion import stack_joints
from epipose.motion.overlap import overlap
from epipose.motion.packed import read_packed, write_packed
from epipose.motion.postures import posture_motion
from epipose.motion.resting import SIDES, hover
from epipose.motion.sampler import FOREARM, HIP, LIMITS, SHANK, THIGH, UPPER_ARM, posed
from epipose.motion.seated_postures import SEATED_POSTURES
from epipose.skeletons import H36M17

KINDS = (*FLOOR_POSTURES, *SEATED_POSTURES)


def motions(kind, count=6):
    return [posture_motion(np.random.default_rng(seed), 8.0, 4.0, kind) for seed in range(count)]


def at(motion, joint):
    return motion.xyz[:, H36M17.index(joint)]


def angle(a, b):
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def figure(angles):
    """The joints of one pose; the hips at the origin."""
    zero = dict.fromkeys(
        [f"{s}{a}" for a in LIMITS for s in ("", "left_", "right_")] + ["x", "y", "yaw", "pitch", "roll"], 0.0
    )
    xyz = posed({name: np.array([value]) for name, value in (zero | angles).items()}, 30.0).xyz[0]
    return dict(zip(H36M17.joints, xyz - xyz[0], strict=True))


@pytest.mark.parametrize("side", SIDES)
def test_an_arm_reaches_what_it_can(side):
    rng, sign = np.random.default_rng(0), 1 if side == "left" else -1
    reached = 0
    for _ in range(60):
        wanted = np.array([sign * rng.uniform(-0.2, 0.4), -rng.uniform(0.15, 0.4), rng.uniform(-0.35, 0.3)])
        place = figure(arm_angles(side, wanted, np.array([sign * 0.6, 0.2, -1.0])))
        assert np.linalg.norm(place[f"{side}_elbow"] - place[f"{side}_shoulder"]) == pytest.approx(UPPER_ARM)
        assert np.linalg.norm(place[f"{side}_wrist"] - place[f"{side}_elbow"]) == pytest.approx(FOREARM)
        reached += np.linalg.norm(place[f"{side}_wrist"] - place[f"{side}_shoulder"] - wanted) < 1e-6
    assert reached > 40  # the others are beyond the limits


@pytest.mark.parametrize("side", SIDES)
def test_a_leg_reaches_what_it_can(side):
    rng, sign = np.random.default_rng(0), 1 if side == "left" else -1
    reached = 0
    for _ in range(60):
        wanted = np.array([sign * rng.uniform(-0.1, 0.3), -rng.uniform(-0.2, 0.6), -rng.uniform(0.35, 0.6)])
        pole = np.array([sign * 0.1, -1.0, 0.3])
        place = figure(leg_angles(side, wanted, pole))
        hip, knee, ankle = (place[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
        assert hip == pytest.approx(HIP * [sign, 1, 1])
        assert (np.linalg.norm(knee - hip), np.linalg.norm(ankle - knee)) == pytest.approx((THIGH, SHANK))
        if np.linalg.norm(ankle - hip - wanted) < 1e-6:
            reached += 1
            assert (knee - (hip + ankle) / 2) @ pole > 0
    assert reached > 40


def test_what_is_out_of_reach_is_pointed_at():
    place = figure(reach("left", np.array([0.17, -3.0, 0.0])))
    arm = place["left_wrist"] - place["left_shoulder"]
    assert angle(arm, np.array([0, -1.0, 0])) < 5
    assert np.linalg.norm(arm) > 0.99 * (UPPER_ARM + FOREARM) - 1e-3


def test_overlap_is_seen():
    standing = figure({"left_arm_elevation": 20.0, "right_arm_elevation": 20.0})
    through = standing | {"left_wrist": np.array([0.0, 0.0, 0.25]), "left_elbow": np.array([0.2, 0.2, 0.25])}
    crossed = standing | {"left_ankle": standing["right_knee"] * [1, 1, 1.2], "left_knee": standing["left_knee"]}
    found = [overlap(stack_joints({name: place[None] for name, place in pose.items()}))[0] for pose in
             (standing, through, crossed)]  # fmt: skip
    assert found[0] == 0
    assert found[1] > 0.05
    assert found[2] > 0.01


@pytest.mark.parametrize("name", GESTURES)
def test_gestures_obey_the_limits_and_are_mirror_images(name):
    left, right = (gesture(np.random.default_rng(3), side, name) for side in SIDES)
    for angles in (left, right):
        for full, value in angles.items():
            assert LIMITS[full.split("_", 1)[1]][0] <= value <= LIMITS[full.split("_", 1)[1]][1]
    if name not in ("crossed", "on the hip") and "arm" not in name:
        spread = [abs(left[f"left_{key}"] - right[f"right_{key}"]) for key in ("arm_elevation", "elbow_flexion")]
        assert max(spread) < 40


@pytest.mark.parametrize("kind", KINDS)
def test_every_posture_keeps_to_the_limits_of_hinges(kind):
    for motion in motions(kind, 3):
        for side in SIDES:
            thigh = at(motion, f"{side}_knee") - at(motion, f"{side}_hip")
            shank = at(motion, f"{side}_ankle") - at(motion, f"{side}_knee")
            assert angle(thigh, shank).max() <= LIMITS["knee_flexion"][1] + 1e-6
            upper = at(motion, f"{side}_elbow") - at(motion, f"{side}_shoulder")
            lower = at(motion, f"{side}_wrist") - at(motion, f"{side}_elbow")
            assert angle(upper, lower).max() <= LIMITS["elbow_flexion"][1] + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_limbs_stay_outside_the_trunk_and_each_other(kind):
    worst = np.concatenate([overlap(motion.xyz) for motion in motions(kind)])
    assert (worst > 0.03).mean() < 0.1
    assert np.percentile(worst, 98) < 0.1


@pytest.mark.parametrize("kind", FLOOR_POSTURES)
def test_the_lowest_part_is_on_the_floor_and_what_carries_too(kind):
    for motion in motions(kind, 3):
        assert 0 < motion.xyz[..., 2].min(1).max() < 0.12
        assert motion.seat is None
    rng = np.random.default_rng(1)
    hovers = []
    for _ in range(40):
        pose = FLOOR_POSTURES[kind][1](rng)
        xyz = posed({name: np.array([value]) for name, value in pose.angles.items()}, 30.0).xyz[0]
        hovers.append(hover(xyz, pose.rests_on))
        assert pose.rests_on
    assert np.median(hovers) < 0.06


@pytest.mark.parametrize("kind", SEATED_POSTURES)
def test_who_sits_stays_on_the_seat(kind):
    heights = []
    for motion in motions(kind):
        pelvis = at(motion, "pelvis")
        assert np.ptp(pelvis, axis=0) == pytest.approx(0, abs=1e-9)
        assert motion.seat is not None
        assert 0 < pelvis[0, 2] - motion.seat < 0.15
        assert np.percentile(motion.xyz[..., 2].min(1), 5) > 0.0
        thighs = [at(motion, f"{side}_knee") - at(motion, f"{side}_hip") for side in SIDES]
        assert np.median([thigh[:, 2] / np.linalg.norm(thigh, axis=-1) for thigh in thighs]) > -0.8
        heights.append(motion.seat)
    assert np.ptp(heights) > 0.05


def test_feet_stand_before_a_chair():
    ankles = np.concatenate([at(m, f"{side}_ankle")[:, 2] for m in motions("sitting on a chair") for side in SIDES])
    assert (ankles < 0.12).mean() > 0.6


def test_all_postures_come_up_and_differ():
    many = [posture_motion(np.random.default_rng(seed), 6.0, 5.0) for seed in range(40)]
    seated = [motion for motion in many if motion.seat is not None]
    assert 8 < len(seated) < 26
    on_floor = np.concatenate([motion.xyz for motion in many if motion.seat is None])
    pelvis, trunk = on_floor[:, 0, 2], on_floor[:, H36M17.index("thorax")] - on_floor[:, 0]
    upright = trunk[:, 2] / np.linalg.norm(trunk, axis=-1)
    assert (pelvis > 0.8).mean() > 0.15
    assert (pelvis < 0.25).mean() > 0.1
    assert (np.abs(upright) < 0.3).mean() > 0.05
    assert {motion.name for motion in seated} <= set(SEATED_POSTURES)


def test_motion_is_smooth_and_the_seed_decides():
    a, b, c = (posture_motion(np.random.default_rng(seed), 10.0, 60.0) for seed in (3, 3, 4))
    assert np.array_equal(a.xyz, b.xyz)
    assert a.xyz.shape == c.xyz.shape == (600, 17, 3)
    assert not np.array_equal(a.xyz, c.xyz)
    speed = np.linalg.norm(np.diff(a.xyz, axis=0), axis=-1) * 60
    assert speed.max() < 12


def test_what_is_asked_for_must_exist():
    with pytest.raises(EpiposeError, match="flying"):
        posture_motion(np.random.default_rng(0), 1.0, 30.0, "flying")
    with pytest.raises(EpiposeError, match="a frame"):
        posture_motion(np.random.default_rng(0), 0.001)


def test_a_seat_survives_packing(tmp_path):
    motion = posture_motion(np.random.default_rng(0), 2.0, 10.0, "sitting on a chair")
    write_packed(motion, tmp_path / "sitting.motion.npz")
    assert read_packed(tmp_path / "sitting.motion.npz").seat == pytest.approx(motion.seat)


def test_who_lies_rolls_over_and_does_not_get_up():
    for motion in motions("lying", 10):
        assert motion.xyz[:, [0, H36M17.index("thorax")], 2].max() < 0.75
        sides = at(motion, "left_hip")[:, 2] - at(motion, "right_hip")[:, 2]
        if np.abs(sides).max() > 0.15:
            break
    else:
        pytest.fail("nobody lay on a side")
