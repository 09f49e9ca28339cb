"""Random motion stays within what joints allow, on the floor, and differs."""

import numpy as np
import pytest

from epipose.errors import EpiposeError
from epipose.motion.sampler import LIMITS, random_motion, random_pose
from epipose.skeletons import H36M17


@pytest.fixture(scope="module")
def motion():
    return random_motion(np.random.default_rng(0), 240.0, 10.0)


def vector(motion, start, end):
    return motion.xyz[:, H36M17.index(end)] - motion.xyz[:, H36M17.index(start)]


def angle(a, b):
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def test_angles_are_within_their_limits_and_use_them():
    rng = np.random.default_rng(1)
    poses = [random_pose(rng) for _ in range(500)]
    for name in poses[0]:
        limits = LIMITS.get(name.removeprefix("left_").removeprefix("right_"))
        if limits:
            values = [pose[name] for pose in poses]
            assert min(values) >= limits[0]
            assert max(values) <= limits[1]
            assert max(values) - min(values) > 0.5 * (limits[1] - limits[0])


def test_joints_measured_on_the_figure_obey_the_limits(motion):
    for side in ("left", "right"):
        thigh, shank = vector(motion, f"{side}_hip", f"{side}_knee"), vector(motion, f"{side}_knee", f"{side}_ankle")
        upper, lower = (
            vector(motion, f"{side}_shoulder", f"{side}_elbow"),
            vector(motion, f"{side}_elbow", f"{side}_wrist"),
        )
        assert angle(thigh, shank).max() <= LIMITS["knee_flexion"][1] + 1e-6
        assert angle(upper, lower).max() <= LIMITS["elbow_flexion"][1] + 1e-6
        # Knees bend backward and elbows forward: the hinge is on the side of the body's left.
        left, up = vector(motion, "right_hip", "left_hip"), vector(motion, "pelvis", "spine")
        forward = np.cross(left, up)
        bent = angle(thigh, shank) > 20
        assert ((np.cross(thigh, shank) * left).sum(-1)[bent] > 0).mean() > 0.97  # turned hips make a few cross over
        toes = motion.toes[:, int(side == "right")] - motion.xyz[:, H36M17.index(f"{side}_ankle")]
        assert (angle(toes, forward) < 120).mean() > 0.95


def test_bones_keep_their_lengths(motion):
    for parent, child in H36M17.bones:
        names = H36M17.joints[parent], H36M17.joints[child]
        if "neck_nose" not in names and "spine" not in names:
            assert np.ptp(np.linalg.norm(vector(motion, *names), axis=-1)) < 1e-9


def test_the_lowest_part_touches_the_floor(motion):
    lowest = motion.xyz[..., 2].min(1)
    assert lowest.min() > 0
    assert lowest.max() < 0.12


def test_people_stand_sit_and_lie(motion):
    trunk = vector(motion, "pelvis", "thorax")
    upright = trunk[:, 2] / np.linalg.norm(trunk, axis=-1)
    assert 0.02 < (np.abs(upright) < 0.3).mean() < 0.3
    assert (upright > 0.8).mean() > 0.4
    assert np.percentile(motion.xyz[:, 0, 2], 90) > 0.85
    assert np.percentile(motion.xyz[:, 0, 2], 10) < 0.55


def test_motion_is_smooth_and_nobody_flies():
    motion = random_motion(np.random.default_rng(2), 30.0, 120.0)
    speed = np.linalg.norm(np.diff(motion.xyz, axis=0), axis=-1) * motion.fps
    assert speed.max() < 15
    assert 0.1 < np.median(speed) < 2


def test_the_seed_decides():
    a, b, c = (random_motion(np.random.default_rng(seed), 1.0) for seed in (3, 3, 4))
    assert np.array_equal(a.xyz, b.xyz)
    assert not np.array_equal(a.xyz, c.xyz)
    assert len(a.xyz) == 30


def test_no_time_is_an_error():
    with pytest.raises(EpiposeError, match="no frame"):
        random_motion(np.random.default_rng(0), 0.001)
