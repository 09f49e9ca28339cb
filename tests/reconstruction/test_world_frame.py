"""Gravity, floor and world frame, from feet, posture and level cameras."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epipose.camera import Rig
from epipose.geometry.rotation import exp
from epipose.reconstruction.world_frame import foot_contacts, measured_stature, stature, up_direction, upright
from epipose.skeletons import BODY25, COCO17, H36M17, SKELETONS
from tests.helpers import synthetic
from tests.helpers.walker import FPS, walker

TURN = exp(torch.tensor([1.1, -0.7, 0.4], dtype=torch.float64))
SHIFT = torch.tensor([3.0, -2.0, 5.0], dtype=torch.float64)
UP = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)


def noisy(xyz: torch.Tensor, metres: float) -> torch.Tensor:
    return xyz + metres * torch.randn(xyz.shape, generator=torch.Generator().manual_seed(0), dtype=xyz.dtype)


def degrees(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.rad2deg(2 * torch.asin(((a - b).norm() / 2).clamp(max=1))))


def rolled(angle: float) -> Rig:
    """The S1 rig with every camera turned about its own axis."""
    rig = synthetic.rig()
    roll = exp(torch.tensor([0.0, 0.0, angle], dtype=torch.float64))
    return Rig(rig.names, rig.camera.with_pose(roll @ rig.camera.R, (roll @ rig.camera.t[..., None])[..., 0]))


@pytest.mark.parametrize("with_rig", [True, False])
@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_walk_tells_up(skeleton, with_rig):
    xyz, conf = walker(600, skeleton)
    rig = synthetic.rig().moved(0.3, TURN, SHIFT) if with_rig else None
    up = up_direction(0.3 * noisy(xyz, 0.03) @ TURN.T + SHIFT, conf, skeleton, rig, FPS)
    assert degrees(up.direction, TURN @ UP) < 1.2
    assert math.radians(0.1) < up.sigma < math.radians(3)


def test_feet_overrule_a_person_who_leans_and_cameras_that_are_tilted():
    xyz, conf = walker(600, H36M17, radius=1e4, lean=0.15)  # straight ahead: the lean does not average out
    there = up_direction(noisy(xyz, 0.02), conf, H36M17, rolled(0.1), FPS)
    standing = up_direction(noisy(walker(600, H36M17, speed=0.0, lean=0.15)[0], 0.02), conf, H36M17, rolled(0.1), FPS)
    assert degrees(there.direction, UP) < 2.5
    assert degrees(standing.direction, UP) > 3  # nothing contradicts the lean here,
    assert standing.sigma > 1.5 * there.sigma  # and it shows


def test_level_cameras_tell_standing_from_lying():
    xyz, conf = walker(50, H36M17, speed=0.0)
    lying = xyz @ exp(torch.tensor([math.pi / 2, 0.0, 0.0], dtype=torch.float64)).T
    up = up_direction(lying, conf, H36M17, synthetic.rig(), FPS)
    assert degrees(up.direction, UP) < 6
    assert up.sigma > math.radians(2)


def test_level_cameras_correct_a_person_who_leans():
    xyz, conf = walker(50, H36M17, speed=0.0, lean=0.2)
    with_rig, alone = (up_direction(xyz, conf, H36M17, rig, FPS) for rig in (synthetic.rig(), None))
    assert degrees(with_rig.direction, UP) < 0.7 * degrees(alone.direction, UP)
    assert with_rig.sigma < 0.7 * alone.sigma


def test_an_instant_is_less_sure_than_a_minute():
    xyz, conf = walker(500, H36M17, speed=0.0)
    assert (
        up_direction(xyz[:1], conf[:1], H36M17, None, FPS).sigma > 2 * up_direction(xyz, conf, H36M17, None, FPS).sigma
    )


def test_a_floor_that_is_no_plane_counts_for_less():
    xyz, conf = walker(600, H36M17)
    hills = 0.3 * torch.sin(2 * xyz[..., :1]) * UP
    flat, uneven = (up_direction(noisy(at, 0.01), conf, H36M17, synthetic.rig(), FPS) for at in (xyz, xyz + hills))
    assert degrees(uneven.direction, UP) < 2
    assert uneven.sigma > 5 * flat.sigma


def test_the_foot_in_the_air_stands_nowhere():
    xyz, conf = walker(100, COCO17, speed=0.0)
    xyz[:, COCO17.index("left_ankle"), 2], xyz[:, COCO17.index("right_ankle"), 2] = 0.4, 0.08
    assert float(foot_contacts(xyz, conf, COCO17, UP, 1.7, FPS)[:, 2].max()) < 0.1


def test_standing_places_are_where_feet_stood():
    xyz, conf = walker(400, COCO17)
    places = foot_contacts(noisy(xyz, 0.01), conf, COCO17, UP, 1.7, FPS)
    assert len(places) > 8
    assert float((places[:, 2] - 0.08).abs().max()) < 0.02
    steps = [COCO17.index("left_ankle"), COCO17.index("right_ankle")]
    standing = xyz[:, steps].flatten(0, 1)[(xyz[:, steps, 2] < 0.0801).flatten()]
    assert float(torch.cdist(places, standing).amin(1).max()) < 0.12


def test_a_foot_that_stays_is_one_witness():
    xyz, conf = walker(1000, COCO17, speed=0.0)
    assert len(foot_contacts(noisy(xyz, 0.01), conf, COCO17, UP, 1.7, FPS)) <= 4


@pytest.mark.parametrize("skeleton", [H36M17, BODY25], ids=lambda s: s.name)
def test_upright_puts_the_person_on_the_floor_round_the_origin(skeleton):
    xyz, conf = walker(600, skeleton)
    rig = synthetic.rig().moved(0.3, TURN, SHIFT)
    world = upright(0.3 * xyz @ TURN.T + SHIFT, conf, skeleton, rig, FPS, 1 / 0.3)
    ankles = [skeleton.index("left_ankle"), skeleton.index("right_ankle")]
    assert float(world.xyz[:, ankles, 2].amin(1).median()) == pytest.approx(0.08, abs=0.03)
    assert float(world.xyz[..., :2].flatten(0, 1).median(0).values.abs().max()) < 1e-9
    assert world.rig is not None
    assert world.rig.upright
    right = world.rig.camera.R[0, 0]
    assert float(right[0]) > 0.99
    assert float(right[1]) == pytest.approx(0.0, abs=1e-9)
    assert torch.allclose(world.rig.camera.center[:, 2], synthetic.rig().camera.center[:, 2], atol=0.15)


def test_upright_changes_no_image():
    xyz, conf = walker(100, H36M17)
    rig, moved = synthetic.rig().moved(0.3, TURN, SHIFT), 0.3 * xyz @ TURN.T + SHIFT
    world = upright(moved, conf, H36M17, rig, FPS, 2.0)
    assert world.rig is not None
    assert torch.allclose(world.rig.camera.spread(2).project(world.xyz), rig.camera.spread(2).project(moved), atol=1e-6)
    assert torch.allclose(world.moved.apply(moved), world.xyz)
    assert float(world.moved.scale) == 2.0


def test_a_runner_has_a_floor_too():
    xyz, conf = walker(300, H36M17, speed=4.0)
    flying = xyz + 0.1 * UP * torch.sin(torch.arange(300) / 3.0).abs()[:, None, None]
    world = upright(flying, conf, H36M17, synthetic.rig(), FPS)
    ankles = [H36M17.index("left_ankle"), H36M17.index("right_ankle")]
    assert float(world.xyz[:, ankles, 2].min()) == pytest.approx(0.08, abs=0.06)


def test_without_a_person_level_cameras_stand_above_the_floor():
    rig = synthetic.rig()
    world = upright(
        torch.zeros(5, 17, 3, dtype=torch.float64), torch.zeros(5, 17, dtype=torch.float64), H36M17, rig, 25.0
    )
    assert world.rig is not None
    assert degrees(world.moved.R[2], UP) < 4
    assert float(world.rig.camera.center[:, 2].min()) == pytest.approx(1.2)
    assert float(world.rig.camera.center.mean(0)[:2].abs().max()) < 1e-9


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 4), st.sampled_from(list(SKELETONS.values())), st.integers(0, 10_000),
    st.sampled_from([0.0, 1e-12, 1.0, 1e9]), st.sampled_from([0.0, 0.3, 1.0]), st.booleans(),
    st.sampled_from([0.5, 25.0, 1000.0]),
)  # fmt: skip
def test_degenerate_people_give_finite_worlds(frames, skeleton, seed, size, seen, with_rig, fps):
    generator = torch.Generator().manual_seed(seed)
    shape = (frames, len(skeleton.joints))
    xyz = size * torch.randn(*shape, 3, generator=generator, dtype=torch.float64)
    conf = (torch.rand(*shape, generator=generator, dtype=torch.float64) < seen).double()
    world = upright(xyz, conf, skeleton, synthetic.rig() if with_rig else None, fps)
    assert bool(world.xyz.isfinite().all())
    assert torch.allclose(world.moved.R @ world.moved.R.T, torch.eye(3, dtype=torch.float64))
    assert float(torch.linalg.det(world.moved.R)) == pytest.approx(1)
    assert 0 < world.up_sigma <= math.pi
    if world.rig is not None:
        assert bool(world.rig.camera.t.isfinite().all())
    if not with_rig and (seen == 0 or frames == 0 or size == 0):
        assert world.up_sigma == math.pi


def test_stature_is_that_of_the_limbs_or_nominal():
    xyz, conf = walker(30, H36M17)
    assert stature(xyz, conf, H36M17) == pytest.approx(1.75, abs=0.1)
    assert stature(2 * xyz, conf, H36M17) == pytest.approx(2 * stature(xyz, conf, H36M17))
    assert stature(xyz, 0 * conf, H36M17) == 1.7


def test_stature_by_trunk_and_arms_where_legs_are_hidden():
    xyz, conf = walker(30, H36M17)
    whole = stature(xyz, conf, H36M17)
    conf[:, [H36M17.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle")]] = 0
    assert stature(xyz, conf, H36M17) == pytest.approx(whole, rel=0.1)
    conf[:, [H36M17.index(f"{side}_hip") for side in ("left", "right")]] = 0
    assert stature(xyz, conf, H36M17) == pytest.approx(whole, rel=0.12)
    assert stature(9.4 * xyz, conf, H36M17) == pytest.approx(9.4 * stature(xyz, conf, H36M17))
    conf[:, [H36M17.index(f"{side}_elbow") for side in ("left", "right")]] = 0
    found = measured_stature(xyz, conf, H36M17)
    assert found is not None
    assert found.parts == ("shoulders",)
    assert found.value == pytest.approx(whole, rel=0.4)
