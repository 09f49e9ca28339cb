"""A body that plays a motion: limb directions kept, feet on the floor, joints bent in the right planes."""

import numpy as np
import pytest

from epipose.motion import Motion
from epipose.motion.rotations import from_euler
from epipose.motion.sampler import random_motion
from epipose.skeletons import BODY25, H36M17
from epipose.studio.bodies import random_body
from epipose.studio.grounding import lowest
from epipose.studio.retarget import retarget

LIMBS = [
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
]


@pytest.fixture(scope="module")
def body():
    return random_body(np.random.default_rng(1))


@pytest.fixture(scope="module")
def motion():
    return random_motion(np.random.default_rng(0), 20.0, 30.0)


@pytest.fixture(scope="module")
def posed(body, motion):
    return retarget(body, motion)


def standing(frames=40, fps=30.0, **changes):
    """A person who stands still, facing -y, knees slightly bent, with feet turned ahead; joints may be given per frame."""
    place = {
        "pelvis": (0, 0, 0.92),
        "spine": (0, 0, 1.15),
        "thorax": (0, 0, 1.4),
        "head": (0, 0, 1.58),
        "neck_nose": (0, -0.1, 1.56),
    }
    for side, x in (("left", 1.0), ("right", -1.0)):
        leg = {"hip": (0.1 * x, 0, 0.92), "knee": (0.1 * x, -0.03, 0.5), "ankle": (0.1 * x, 0, 0.09)}
        arm = {"shoulder": (0.18 * x, 0, 1.4), "elbow": (0.2 * x, 0, 1.12), "wrist": (0.2 * x, -0.1, 0.89)}
        place |= {f"{side}_{name}": value for name, value in (leg | arm).items()}
    xyz = np.stack([np.broadcast_to(np.array(place[name], float), (frames, 3)) for name in H36M17.joints], 1).copy()
    for name, values in changes.items():
        xyz[:, H36M17.index(name)] = values
    return Motion("standing", xyz, fps)


def joints(body, skinning, skeleton="h36m17"):
    names = (H36M17 if skeleton == "h36m17" else BODY25).joints
    return dict(zip(names, np.moveaxis(body.joints(skinning, skeleton), 1, 0), strict=True))


def direction(place, a, b):
    v = place[b] - place[a]
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def angle(a, b):
    return np.degrees(np.arccos(np.clip((a * b).sum(-1), -1, 1)))


def test_limbs_point_where_they_did(body, motion, posed):
    place = joints(body, posed)
    captured = dict(zip(H36M17.joints, np.moveaxis(motion.xyz, 1, 0), strict=True))
    for a, b in LIMBS:
        assert angle(direction(place, a, b), direction(captured, a, b)).max() < 0.1
    assert angle(direction(place, "right_hip", "left_hip"), direction(captured, "right_hip", "left_hip")).max() < 0.1
    assert np.percentile(angle(direction(place, "pelvis", "thorax"), direction(captured, "pelvis", "thorax")), 95) < 12


def test_lengths_are_the_body_s_own(body, posed):
    place, rest = joints(body, posed), {name: point for name, (_, point) in body.landmarks.items()}
    for a, b in [*LIMBS, ("head", "neck_nose"), ("left_hip", "right_hip")]:
        expected = np.linalg.norm(rest[a] - rest[b])
        assert np.linalg.norm(place[a] - place[b], axis=-1) == pytest.approx(expected, rel=1e-4)


def test_matrices_are_rotations(posed):
    turn = posed[..., :3].astype(float)
    assert np.allclose(turn @ np.swapaxes(turn, -1, -2), np.eye(3), atol=1e-5)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-5)


def test_bones_stay_joined(body, posed):
    """A bone begins where its parent carries it."""
    for bone, parent in enumerate(body.parents):
        if parent >= 0:
            ends = [posed[:, i, :, :3] @ body.heads[bone] + posed[:, i, :, 3] for i in (bone, parent)]
            assert np.abs(ends[0] - ends[1]).max() < 1e-4


def test_nobody_sinks_or_floats(body, posed):
    heights = np.array([body.posed(pose)[:, 2].min() for pose in posed[::20]])
    assert heights.min() > -0.01
    assert heights.max() < 0.05
    assert lowest(body, posed[::20].astype(float)) == pytest.approx(heights, abs=0.01)


def test_a_jump_stays_a_jump(body):
    height = 0.4 * np.clip(np.sin(np.linspace(0, 4 * np.pi, 60)), 0, None)
    motion = standing(60)
    motion = motion._replace(xyz=motion.xyz + height[:, None, None] * [0, 0, 1])
    low = lowest(body, retarget(body, motion).astype(float))
    legs = 0.0
    for name in ("hip", "knee"):
        legs += np.linalg.norm(
            body.landmarks[f"left_{name}"][1] - body.landmarks[{"hip": "left_knee", "knee": "left_ankle"}[name]][1]
        )
    expected = (height.max() - 0.06) * legs / 0.833
    assert low.max() == pytest.approx(expected, abs=0.03)
    assert low.min() == pytest.approx(0, abs=1e-3)


def test_steps_are_as_long_as_the_legs(body):
    walk = standing(30)
    walk = walk._replace(xyz=walk.xyz + np.linspace(0, 2, 30)[:, None, None] * [0, -1, 0])
    pelvis = joints(body, retarget(body, walk))["pelvis"]
    rest = body.landmarks
    legs = sum(
        np.linalg.norm(rest[a][1] - rest[b][1]) for a, b in (("left_hip", "left_knee"), ("left_knee", "left_ankle"))
    )
    captured = np.linalg.norm([0, 0.03, 0.42]) + np.linalg.norm([0, 0.03, 0.41])
    assert pelvis[0, 1] - pelvis[-1, 1] == pytest.approx(2 * legs / captured, rel=1e-3)


def test_knees_and_elbows_bend_in_the_captured_plane(body):
    """The limb's own hinge, not only its joints: the kneecap looks away from the bend, whichever way the leg is turned."""
    yaw = np.radians(np.linspace(-60, 60, 41))[:, None]
    ahead = np.concatenate([np.sin(yaw), -np.cos(yaw), 0 * yaw], -1)  # where the knee points
    hip, thigh, shank = np.array([0.1, 0, 0.92]), 0.42, 0.42
    knee = hip + thigh * (np.sin(0.9) * ahead - np.cos(0.9) * np.array([0, 0, 1]))
    ankle = knee - shank * (np.sin(0.7) * ahead + np.cos(0.7) * np.array([0, 0, 1]))
    skinning = retarget(body, standing(41, left_knee=knee, left_ankle=ankle))
    turn = skinning[:, body.bones.index("thigh_l"), :, :3]
    hinge = turn @ [1.0, 0, 0]
    expected = np.cross(knee - hip, ankle - knee)
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    assert angle(hinge, expected).max() < 12  # the thigh is not exactly vertical at rest


def test_straight_limbs_do_not_spin(body):
    """A straight arm waved around with noise of a millimetre: the plane of its elbow is noise, its twist is not."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 2, 60)[:, None]
    upper = np.concatenate([np.cos(t) * 0 + 0.9, -np.sin(t), -np.cos(t)], -1)
    upper /= np.linalg.norm(upper, axis=-1, keepdims=True)
    shoulder = np.array([0.18, 0, 1.4])
    elbow, wrist = (shoulder + length * upper + rng.normal(0, 0.001, (60, 3)) for length in (0.28, 0.53))
    skinning = retarget(body, standing(60, left_elbow=elbow, left_wrist=wrist))
    turn = skinning[:, body.bones.index("upperarm_l"), :, :3].astype(float)
    step = np.trace(np.swapaxes(turn[:-1], -1, -2) @ turn[1:], axis1=-2, axis2=-1)
    assert np.degrees(np.arccos(np.clip((step - 1) / 2, -1, 1))).max() < 6


def test_the_head_looks_where_the_face_does(body):
    head = from_euler("zx", np.radians(np.stack([np.linspace(-60, 60, 9), np.linspace(-30, 30, 9)], -1)))
    face = np.stack([head @ [0.0, -1, 0], head @ [0.0, 0, 1]], 1)
    skinning = retarget(body, standing(9)._replace(face=face))
    assert skinning[:, body.bones.index("head"), :, :3] == pytest.approx(head, abs=1e-5)
    neck = skinning[:, body.bones.index("neck_01"), :, :3] @ [0.0, -1, 0]
    assert (angle(neck, face[:, 0])[[0, -1]] > 15).all()  # goes only half of the way


def test_without_a_face_the_head_is_read_from_its_joints(body):
    yaw = np.radians(np.linspace(-50, 50, 9))
    nose = np.array([0, 0, 1.56]) + 0.1 * np.stack([np.sin(yaw), -np.cos(yaw), 0 * yaw], -1)
    place = joints(body, retarget(body, standing(9, neck_nose=nose)))
    ahead = direction(place, "head", "neck_nose")
    assert np.arctan2(ahead[:, 0], -ahead[:, 1]) == pytest.approx(yaw, abs=0.02)


@pytest.mark.parametrize("lifted", [0.0, 0.1])
def test_feet_follow_the_toes_and_stand_flat(body, lifted):
    """Toes 30 degrees outward; that the captured toes seem to point up a little while the person stands is no posture."""
    motion = standing()
    ankles = motion.xyz[:, [H36M17.index("left_ankle"), H36M17.index("right_ankle")]]
    ahead = 0.14 * np.array([[0.5, -np.sqrt(0.75), lifted], [-0.5, -np.sqrt(0.75), lifted]])
    skinning = retarget(body, motion._replace(toes=ankles + ahead))
    for side, sign in (("l", 1), ("r", -1)):
        foot = skinning[:, body.bones.index(f"foot_{side}"), :, :3]
        assert foot @ [0.0, 0, 1] == pytest.approx(np.tile([0, 0, 1.0], (40, 1)), abs=1e-3)
        assert foot @ [0.0, -1, 0] == pytest.approx(np.tile([0.5 * sign, -np.sqrt(0.75), 0], (40, 1)), abs=1e-3)


def test_without_toes_feet_are_flat(body):
    skinning = retarget(body, standing())
    foot = skinning[:, body.bones.index("foot_l"), :, :3]
    assert foot @ [0.0, 0, 1] == pytest.approx(np.tile([0, 0, 1.0], (40, 1)), abs=2e-3)
    place = joints(body, skinning, "body25")
    assert (place["left_big_toe"] - place["left_heel"])[0, 1] < -0.15


def test_hands_and_feet_lie_on_the_floor(body):
    """On all fours: the hands below straight arms and the toes behind the knees would go 15 cm into the floor."""
    four = standing(5)
    tipped = four.xyz.copy()
    place = {"pelvis": (0, 0, 0.5), "spine": (0, -0.23, 0.5), "thorax": (0, -0.5, 0.5)}
    place |= {"head": (0, -0.66, 0.55), "neck_nose": (0, -0.7, 0.46)}
    for side, x in (("left", 1.0), ("right", -1.0)):
        leg = {"hip": (0.1, 0, 0.5), "knee": (0.1, 0, 0.05), "ankle": (0.1, 0.42, 0.08)}
        arm = {"shoulder": (0.18, -0.5, 0.5), "elbow": (0.18, -0.48, 0.27), "wrist": (0.18, -0.5, 0.05)}
        place |= {f"{side}_{name}": (x * width, y, z) for name, (width, y, z) in (leg | arm).items()}
    for name, values in place.items():
        tipped[:, H36M17.index(name)] = values
    skinning = retarget(body, four._replace(xyz=tipped))
    hand = skinning[:, body.bones.index("hand_l"), :, :3].astype(float)
    along = body.heads[body.bones.index("middle_01_l")] - body.heads[body.bones.index("hand_l")]
    down = -(hand @ (along / np.linalg.norm(along)))[:, 2]
    assert np.abs(down).max() < 0.11
    assert joints(body, skinning)["left_wrist"][:, 2].max() < 0.15


def test_one_frame_is_a_motion(body, motion):
    one = Motion("one", motion.xyz[:1], 30.0, motion.toes[:1], motion.face[:1])
    assert retarget(body, one).shape == (1, len(body.bones), 3, 4)
