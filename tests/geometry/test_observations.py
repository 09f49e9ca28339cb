"""Rays from pixels: views that are late, motion in the image, sides swapped, sizes."""

import dataclasses

import pytest
import torch

from epipose.camera import Camera, Rig
from epipose.errors import EpiposeError
from epipose.geometry.observations import NOISE_SHARE, VELOCITY_HALF_WINDOW, delayed, observe
from epipose.geometry.person_size import person_size
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig

FRAMES = 36


def numbers(frames=FRAMES, views=2):
    """(view, frame, 17, 2): every frame has another value, so that it can be told which was read."""
    xy = torch.arange(frames, dtype=torch.float64)[None, :, None, None].expand(views, frames, 17, 2)
    return xy.clone(), torch.ones(views, frames, 17, dtype=torch.float64)


def plain_rig(focal=1000.0):
    """Two cameras without distortion at one place."""
    K = torch.tensor([[focal, 0.0, 500.0], [0.0, focal, 400.0], [0.0, 0.0, 1.0]], dtype=torch.float64).repeat(2, 1, 1)
    size = torch.tensor([[1001, 801]] * 2)
    return Rig(("left", "right"), Camera.from_intrinsics(K, torch.zeros(2, 5, dtype=torch.float64), size))


def moving_pixels(velocity=(3.0, -2.0)):
    """Joints at random places that all move with the same velocity in pixels per frame."""
    place = 300 * torch.rand(2, 1, 17, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 200
    xy = place + torch.arange(FRAMES)[:, None, None] * torch.tensor(velocity, dtype=torch.float64)
    return Poses2D(xy[:, :, None], torch.ones(2, FRAMES, 1, 17, dtype=torch.float64), H36M17, plain_rig().names)


def lag(*frames):
    return torch.tensor(frames, dtype=torch.float64)


def test_a_view_that_is_late_by_whole_frames_is_read_that_much_later():
    xy, weight = numbers()
    read, sure = delayed(xy, weight, lag(0, 3))
    assert torch.equal(read[0], xy[0])
    assert torch.equal(read[1, :-3], xy[1, 3:])
    assert bool((sure[0] == 1).all() and (sure[1, :-3] == 1).all())
    assert not bool(sure[1, -3:].any())


def test_a_view_that_is_early_is_read_before():
    xy, weight = numbers()
    read, sure = delayed(xy, weight, lag(0, -2))
    assert torch.equal(read[1, 2:], xy[1, :-2])
    assert not bool(sure[1, :2].any())
    assert bool((sure[1, 2:] == 1).all())


def test_between_frames_it_is_read_between_them_and_as_sure_as_the_less_sure():
    xy, weight = numbers()
    weight[1, 5, 3] = 0.4
    read, sure = delayed(xy, weight, lag(0, 0.25))
    expected = torch.arange(FRAMES - 1, dtype=torch.float64) + 0.25
    assert torch.allclose(read[1, :-1, 0, 0], expected)
    assert sure[1, 3:7, 3].tolist() == [1, 0.4, 0.4, 1]
    assert not bool(sure[1, -1].any())
    early, sure = delayed(xy, weight, lag(0, -0.25))
    assert torch.allclose(early[1, 1:, 0, 0], expected[:] + 0.5)
    assert not bool(sure[1, 0].any())


def test_a_lag_longer_than_the_clip_leaves_nothing():
    read, sure = delayed(*numbers(), lag(0, 100.5))
    assert bool(read.isfinite().all())
    assert not bool(sure[1].any())


def test_without_lags_nothing_is_touched():
    xy, weight = numbers()
    read, sure = delayed(xy, weight, lag(0, 0))
    assert read is xy
    assert sure is weight


def test_the_rig_says_which_views_are_late():
    """Views of one motion, one of them half a frame late: after reading they agree."""
    poses = moving_pixels()
    poses.xy[1] = poses.xy[0] - 0.5 * torch.tensor([3.0, -2.0], dtype=torch.float64)
    together = observe(poses, dataclasses.replace(plain_rig(), lag=lag(0, 0.5)))
    assert torch.allclose(together.x[0, :-1], together.x[1, :-1])
    apart = observe(poses, plain_rig())
    assert not torch.allclose(apart.x[0], apart.x[1])


def test_constant_motion_has_its_velocity_everywhere():
    velocity = observe(moving_pixels(), plain_rig()).velocity
    assert velocity is not None
    assert torch.allclose(velocity, torch.tensor([3e-3, -2e-3], dtype=torch.float64).expand_as(velocity))


def test_a_frame_has_no_say_in_its_own_velocity():
    poses = moving_pixels()
    before = observe(poses, plain_rig()).velocity
    middle = FRAMES // 2
    poses.xy[0, middle, 0, 5] += 50.0
    after = observe(poses, plain_rig()).velocity
    assert before is not None
    assert after is not None
    assert torch.allclose(before[0, middle, 5], after[0, middle, 5], atol=1e-9)
    assert float((after - before)[0, middle + 1, 5].norm()) > 1e-4
    reach = (after - before)[0, :, 5].norm(dim=-1) > 1e-9
    assert reach.nonzero()[:, 0].tolist() == [
        frame for frame in range(FRAMES) if 0 < abs(frame - middle) <= VELOCITY_HALF_WINDOW
    ]


def test_missing_neighbours_do_not_bend_the_velocity_and_too_few_give_none():
    poses = moving_pixels()
    poses.conf[0, [2, 3, 7], 0, 5] = 0
    poses.xy[0, [2, 3, 7], 0, 5] = 0
    poses.conf[0, 1:, 0, 6] = 0
    velocity = observe(poses, plain_rig()).velocity
    assert velocity is not None
    assert torch.allclose(velocity[0, :, 5], torch.tensor([3e-3, -2e-3], dtype=torch.float64).expand(FRAMES, 2))
    assert not bool(velocity[0, :, 6].any())


def test_sides_are_swapped_where_asked_and_nowhere_else():
    uv, conf = detections(rig(), moving_skeleton(FRAMES))
    conf = conf - 0.01 * torch.arange(17)
    observed = observe(Poses2D(uv[:, :, None], conf[:, :, None], H36M17, rig().names), rig())
    where = torch.zeros(4, FRAMES, dtype=torch.bool)
    where[1, 3:5] = True
    changed = observed.swapped(where, H36M17.flip)
    flip = list(H36M17.flip)
    for name in ("x", "weight", "noise", "velocity"):
        old, new = getattr(observed, name), getattr(changed, name)
        assert torch.equal(new[where], old[where][:, flip]), name
        assert torch.equal(new[~where], old[~where]), name
    assert not torch.equal(changed.x, observed.x)
    again = changed.swapped(where, H36M17.flip)
    assert torch.equal(again.x, observed.x)
    assert torch.equal(again.weight, observed.weight)


def test_the_expected_error_is_a_share_of_the_person_and_an_angle():
    poses = moving_pixels((0.0, 0.0))
    usual = observe(poses, plain_rig())
    pixels = person_size(poses.xy[:, :, 0], poses.conf[:, :, 0])
    assert torch.allclose(usual.noise, (NOISE_SHARE * pixels / 1000)[..., None].expand_as(usual.noise))
    assert torch.allclose(observe(poses, plain_rig(2000.0)).noise, usual.noise / 2)


def test_someone_who_crouches_is_not_seen_more_sharply():
    poses = moving_pixels((0.0, 0.0))
    poses.xy[0, 4] = 400 + 0.2 * (poses.xy[0, 4] - 400)
    size = person_size(poses.xy[:, :, 0], poses.conf[:, :, 0])
    assert float(size[0, 4]) == pytest.approx(float(size[0, 0]), rel=1e-6)
    poses.xy[0, 4] = 400 + 10 * (poses.xy[0, 4] - 400)
    assert float(person_size(poses.xy[:, :, 0], poses.conf[:, :, 0])[0, 4]) > 1.9 * float(size[0, 0])


def test_detections_without_confidence_do_not_count():
    poses = moving_pixels()
    poses.conf[0, 2, 0, 4], poses.conf[0, 2, 0, 5] = 0.29, 0.31
    observed = observe(poses, plain_rig())
    assert observed.weight[0, 2, 4:6].tolist() == pytest.approx([0, 0.31])
    assert float(observe(poses, plain_rig(), min_conf=0.2).weight[0, 2, 4]) == pytest.approx(0.29)


def test_frames_count_where_two_views_see_four_joints():
    poses = moving_pixels()
    poses.conf[0, 3, 0, 3:] = 0
    poses.conf[0, 4, 0, 4:] = 0
    assert observe(poses, plain_rig()).seen_frames().tolist() == [f for f in range(FRAMES) if f != 3]


def test_cameras_of_other_views_are_refused():
    other = dataclasses.replace(plain_rig(), names=("right", "left"))
    with pytest.raises(EpiposeError, match="poses are of views left, right, the cameras are right, left"):
        observe(moving_pixels(), other)
