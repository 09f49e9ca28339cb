"""Initial rig: mirrored videos, sides swapped throughout, the mirrored world, unknown focal lengths."""

import dataclasses
import math
from itertools import cycle

import pytest
import torch

import epipose.calibration.initial_rig
from epipose.calibration.initial_rig import initial_rig, relative_poses, with_likely_focal
from epipose.camera import Rig, assumed_camera, stack_cameras
from epipose.errors import EpiposeError
from epipose.geometry.mirror_ambiguity import mirrored_world
from epipose.geometry.observation_source import ObservationSource
from epipose.geometry.observations import Observations, observe
from epipose.geometry.rotation import angle_between
from epipose.geometry.sampling import evenly, stretches
from epipose.geometry.view_graph import reconstruct, triangulate_views
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig
from tests.helpers.walker import walker

FRAMES = 30
ALL = torch.arange(FRAMES)
FLIP = list(H36M17.flip)


def clip(cameras, xyz=None, pixels=2.0):
    uv, conf = detections(cameras, moving_skeleton(FRAMES) if xyz is None else xyz, pixels)
    return Poses2D(uv[:, :, None], conf[:, :, None], H36M17, cameras.names)


def some(views):
    return rig().select(rig().names[:views])


def worst_degrees(found: Rig, true: Rig):
    """Largest error of a rotation between two views."""
    R = [cameras.camera.R for cameras in (found, true)]
    return float(torch.rad2deg(angle_between(*(of[:, None] @ of[None].mT for of in R))).max())


def initial(poses, intrinsics):
    return initial_rig(observe(poses, intrinsics), intrinsics, H36M17)


def with_sides_swapped(poses, view):
    poses.xy[view] = poses.xy[view][:, :, FLIP]
    return poses


def with_video_mirrored(poses, view, width):
    """Horizontally flipped: the detector takes the left hand, which looks like a right one, for the right."""
    poses.xy[view, ..., 0] = width - 1 - poses.xy[view, ..., 0]
    return with_sides_swapped(poses, view)


@pytest.mark.slow
def test_an_honest_clip_is_neither_mirrored_nor_swapped():
    found = initial(clip(rig()), rig())
    assert found.mirrored_video > 2
    assert found.mirror_cost > 2
    assert not bool(found.swapped.any())
    assert worst_degrees(found.rig, rig()) < 1
    assert len(found.pairs) == 6
    assert found.cost < 0.2


@pytest.mark.slow
def test_a_mirrored_video_is_noticed():
    view = 2
    found = initial(with_video_mirrored(clip(rig()), view, 1000), rig())
    assert found.mirrored_video < 1
    others = tuple(name for name in rig().names if name != rig().names[view])
    assert worst_degrees(found.rig.select(others), rig().select(others)) < 2


@pytest.mark.slow
def test_sides_swapped_throughout_a_view_are_noticed_and_no_mirrored_video():
    view = 3
    found = initial(with_sides_swapped(clip(rig()), view), rig())
    assert found.swapped.tolist() == [other == view for other in range(4)]
    assert found.mirrored_video > 1.5
    assert worst_degrees(found.rig, rig()) < 1


def test_two_views_cannot_tell_a_mirrored_video():
    found = initial(clip(some(2)), some(2))
    assert found.mirrored_video == math.inf
    assert worst_degrees(found.rig, some(2)) < 1


def into_the_mirror(observed, pairs, flip):
    """`reconstruct`, led astray into the mirrored world."""
    found = reconstruct(observed, pairs, flip)
    xyz, trust = triangulate_views(observed, found.R, found.t)
    twin = mirrored_world(found.R, found.t, xyz, trust)
    return dataclasses.replace(found, R=twin.R, t=twin.t, xyz=twin.xyz)


@pytest.mark.slow
@pytest.mark.parametrize("views", [2, 4])
def test_the_mirrored_world_is_left(views, monkeypatch):
    astray = []

    def led_astray(observed, pairs, flip):
        astray.append(into_the_mirror(observed, pairs, flip))
        return astray[-1]

    monkeypatch.setattr(epipose.calibration.initial_rig, "reconstruct", led_astray)
    true = some(views)
    found = initial(clip(true), true)
    assert worst_degrees(Rig(true.names, true.camera.with_pose(astray[0].R, astray[0].t)), true) > 30
    assert worst_degrees(found.rig, true) < 1
    assert found.mirror_cost > 2


@pytest.mark.parametrize(
    ("cost_of_the_mirrored", "taken"), [(1.01, "proper"), (0.99, "proper"), (0.9, "mirrored")], ids=str
)
def test_where_both_worlds_fit_alike_the_persons_anatomy_decides(cost_of_the_mirrored, taken, monkeypatch):
    """Knees and noses point forward; they do not count where the images are clear."""
    adjust, cost = epipose.calibration.initial_rig.bundle_adjust, cycle([1.0, cost_of_the_mirrored])
    worlds = []

    def adjusted(*args, **kwargs):
        worlds.append(adjust(*args, **kwargs | {"steps": 2})._replace(cost=next(cost)))
        return worlds[-1]

    monkeypatch.setattr(epipose.calibration.initial_rig, "bundle_adjust", adjusted)
    walk, _ = walker(40, H36M17, radius=1.0)
    found = initial(clip(some(3), walk), some(3))
    assert len(worlds) == 4  # early in the adjustment they were too much alike
    expected = worlds[2 if taken == "proper" else 3]
    assert torch.equal(found.rig.camera.R, expected.R)
    assert found.mirror_cost == pytest.approx(max(cost_of_the_mirrored, 1 / cost_of_the_mirrored), rel=1e-6) or (
        cost_of_the_mirrored == 0.99 and found.mirror_cost == pytest.approx(0.99)
    )


def test_worlds_that_are_clearly_apart_are_adjusted_no_further(monkeypatch):
    adjust, gains = epipose.calibration.initial_rig.bundle_adjust, []

    def adjusted(*args, **kwargs):
        gains.append(kwargs["min_gain"])
        return adjust(*args, **kwargs)

    monkeypatch.setattr(epipose.calibration.initial_rig, "bundle_adjust", adjusted)
    found = initial(clip(some(3)), some(3))
    assert gains == [1e-2, 1e-2]
    assert found.mirror_cost > 2
    assert worst_degrees(found.rig, some(3)) < 1


@pytest.mark.slow
def test_of_several_lenses_the_likeliest_is_taken():
    """A focal length stated as a fifth too short, to within a fifth: the candidates are 0.59, 0.8, 1.08 of it."""
    true = some(3)
    K = true.camera.K * torch.tensor([[0.8], [0.8], [1.0]], dtype=torch.float64)
    stated = dataclasses.replace(true, camera=dataclasses.replace(true.camera, K=K))
    found = with_likely_focal(ObservationSource.of(clip(true), stated), ALL, [0.2, 0.1, 0.2])
    ratio = found.camera.focal / true.camera.focal
    assert torch.allclose(ratio, torch.full((3,), 0.8 * math.exp(0.3), dtype=torch.float64), rtol=1e-3)
    assert torch.equal(found.camera.K[:, :2, 2], stated.camera.K[:, :2, 2])
    assert torch.equal(found.camera.size, stated.camera.size)


@pytest.mark.parametrize("sigma", [[None, None], [None, 0.1]], ids=["both guessed", "one stated"])
def test_lenses_that_were_guessed_are_searched_widely_and_stated_ones_kept(sigma, monkeypatch):
    """What was guessed does not matter, only the size of the image; a lens with which nothing fits is passed over."""
    tried = []

    def cost(observed, intrinsics, skeleton, seed):
        tried.append(intrinsics.camera.focal / intrinsics.camera.size.max(-1).values)
        if len(tried) == 2:
            raise EpiposeError("nothing fits")
        return abs(float(tried[-1][0]) - 1.1)

    monkeypatch.setattr(epipose.calibration.initial_rig, "_cost_with", cost)
    found = with_likely_focal(ObservationSource.of(clip(some(2)), some(2)), ALL, sigma)
    guessed, other = torch.stack(tried).mT.tolist()
    assert guessed == pytest.approx(epipose.calibration.initial_rig.FOCAL_RATIOS)
    own = [float(some(2).camera.focal[1] / 1000)] * len(other)
    assert other == pytest.approx(own if sigma[1] else epipose.calibration.initial_rig.FOCAL_RATIOS)
    assert float(found.camera.focal[0]) == pytest.approx(1.1 * 1002)


@pytest.mark.parametrize(("least", "expected"), [(0.99, 0.85), (0.9, 1.8)], ids=["hardly better", "clearly better"])
def test_of_lenses_that_explain_the_images_alike_the_usual_one_is_taken(least, expected, monkeypatch):
    """A long lens costs less by a per cent: two cameras do not know better."""
    true = some(2)
    assumed = stack_cameras([assumed_camera(*size) for size in true.camera.size.tolist()])

    def cost(observed, intrinsics, skeleton, seed):
        return least if float(intrinsics.camera.focal[0]) > 1.5 * 1002 else 1.0

    monkeypatch.setattr(epipose.calibration.initial_rig, "_cost_with", cost)
    source = ObservationSource.of(clip(true), dataclasses.replace(true, camera=assumed))
    found = with_likely_focal(source, ALL, [None, None])
    assert float(found.camera.focal[0]) == pytest.approx(expected * 1002)


def test_of_many_views_those_that_share_most_decide_on_the_lens():
    weight = torch.ones(9, 40, 17, dtype=torch.float64)
    weight[[1, 4], 5:] = 0
    weight[7, :20] = 0
    x = torch.zeros(9, 40, 17, 2, dtype=torch.float64)
    few = epipose.calibration.initial_rig._sharing_most(Observations(x, weight, weight), 6)
    assert few == sorted({0, 2, 3, 5, 6, 8})
    assert epipose.calibration.initial_rig._sharing_most(Observations(x[:3], weight[:3], weight[:3]), 6) == [0, 1, 2]


def test_a_clip_no_lens_explains_is_an_error_in_plain_words():
    poses = clip(some(2))
    poses.xy[:] = 500.0
    with pytest.raises(EpiposeError, match="No focal length makes the views agree"):
        with_likely_focal(ObservationSource.of(poses, some(2)), ALL, [None, None])


def test_pairs_with_too_few_joints_in_common_are_left_out():
    poses = clip(some(3))
    poses.conf[2, 2:] = 0  # 34 joints
    pairs = relative_poses(observe(poses, some(3)), some(3).names)
    assert set(pairs) == {(0, 1)}
    assert pairs[0, 1].covariance is not None
    true = some(3).camera
    assert float(torch.rad2deg(angle_between(pairs[0, 1].R, true.R[1] @ true.R[0].mT))) < 2


def test_views_that_never_share_a_moment_are_an_error():
    poses = clip(some(2))
    poses.conf[0, 15:], poses.conf[1, :15] = 0, 0
    with pytest.raises(EpiposeError, match="No two views see the same keypoints at the same time"):
        relative_poses(observe(poses, some(2)), some(2).names)


def test_frames_are_drawn_evenly():
    assert evenly(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert evenly(3, 60).tolist() == [0, 1, 2]
    assert evenly(0, 5).tolist() == []


@pytest.mark.parametrize("frames", [1, 7, 20, 199, 500])
def test_there_are_about_twenty_stretches(frames):
    number = stretches(frames)
    assert len(number) == frames
    assert min(frames, 10) <= int(number.max()) + 1 <= 20
    assert bool((number.diff() >= 0).all())
