"""Subject repair where one view follows another person: all the time, for a while, or its reflection."""

import pytest
import torch

from epipose.calibration.subject_repair import repaired_subject
from epipose.geometry.rotation import exp
from tests.helpers.multi_person import Crowd, body, reflected
from tests.helpers.synthetic import rig

FRAMES, VIEW = 120, 1


def crowd(views=4, seed=0):
    subject = body(FRAMES, 3 * seed, (-0.6, 0.0), roam=0.8)
    image = reflected(subject, (0.3, 1.0, 0.0), 2.4)
    two = [subject, body(FRAMES, 3 * seed + 1, (0.6, 0.3)), image]
    scene = Crowd(rig().select(rig().names[:views]), two, seed=seed)
    scene.hide(2, 0, FRAMES, [view for view in range(views) if view != VIEW])
    return scene


def misplaced(cameras):
    """The rig with the camera of the view looking elsewhere, as a wrong person's joints would have it."""
    R, t = cameras.camera.R.clone(), cameras.camera.t.clone()
    R[VIEW] = exp(torch.tensor([0.2, 2.0, -0.3], dtype=torch.float64)) @ R[VIEW]
    return type(cameras)(cameras.names, cameras.camera.with_pose(R, t), cameras.metric)


def whom(crowd, poses):
    return crowd.ground_truth_of(poses)[:, :, 0]


@pytest.mark.slow
@pytest.mark.parametrize("other", [1, 2])
@pytest.mark.parametrize("views", [3, 4])
def test_another_person_or_a_reflection_all_the_time(other, views):
    scene = crowd(views)
    scene.swap(VIEW, 0, other, 0, FRAMES)
    poses, repairs = repaired_subject(scene.poses(), misplaced(scene.rig))
    assert bool((whom(scene, poses) == 0).all())
    (repair,) = repairs.pop(scene.rig.names[VIEW])
    assert not repairs
    assert (repair.first, repair.last, repair.candidate) == (0, FRAMES - 1, other)
    assert repair.fit_before is not None
    assert repair.fit_after is not None
    assert repair.fit_after > 0.3 > repair.fit_before


@pytest.mark.slow
def test_another_person_for_a_while_only():
    scene = crowd()
    scene.swap(VIEW, 0, 1, 40, 90)
    poses, repairs = repaired_subject(scene.poses(), scene.rig)
    assert float((whom(scene, poses) == 0).double().mean()) > 0.99
    (repair,) = repairs[scene.rig.names[VIEW]]
    assert abs(repair.first - 40) <= 3
    assert abs(repair.last - 89) <= 3
    kept = crowd().ground_truth_of(poses)[VIEW, 45:85, 1]  # the two change places: nobody is lost
    assert not bool((kept == 0).any())


def test_who_is_right_stays():
    scene = crowd()
    scene.hide(0, 30, 60, [VIEW])  # and where the subject is not seen nobody is put in its place
    poses, repairs = repaired_subject(scene.poses(), scene.rig)
    assert repairs == {}
    assert torch.equal(poses.xy, scene.poses().xy)


def test_two_views_cannot_tell():
    scene = crowd(2)
    scene.swap(VIEW, 0, 1, 0, FRAMES)
    poses, repairs = repaired_subject(scene.poses(), scene.rig)
    assert repairs == {}
    assert torch.equal(poses.conf, scene.poses().conf)


@pytest.mark.slow
def test_own_3d_moves_along():
    from dataclasses import replace

    scene = crowd()
    scene.swap(VIEW, 0, 1, 0, FRAMES)
    poses = scene.poses()
    poses, _ = repaired_subject(replace(poses, xyz=poses.xy[..., [0, 1, 1]].clone()), misplaced(scene.rig))
    assert poses.xyz is not None
    assert torch.equal(poses.xyz[..., :2], poses.xy)


@pytest.mark.slow
def test_a_repaired_view_helps_to_judge_the_next():
    scene = crowd(3)
    scene.swap(VIEW, 0, 1, 0, FRAMES)
    scene.swap(2, 0, 1, 40, 80)
    poses, repairs = repaired_subject(scene.poses(), misplaced(scene.rig))
    assert float((whom(scene, poses) == 0).double().mean()) > 0.97
    assert set(repairs) == {scene.rig.names[VIEW], scene.rig.names[2]}


def test_who_is_seen_badly_is_not_swapped_for_nobody():
    scene = crowd()
    scene.xy[VIEW, 40:80, 0] += 150
    for person in (1, 2):
        scene.hide(person, 0, FRAMES, [VIEW])
    scene.hide(1, 0, 35)
    scene.conf[VIEW, :20, 1] = 1  # there is another candidate, at other times
    poses, _ = repaired_subject(scene.poses(), scene.rig)
    assert bool((poses.conf[VIEW, :, 0] > 0).all())


def test_a_huge_detection_does_not_fit_by_its_size():
    """One joint far off makes the expected error of a whole body so large that it would fit anything near."""
    scene = crowd()
    scene.xy[VIEW, :, 1] = scene.xy[VIEW, :, 0] + 5
    noise = torch.randn(FRAMES, 17, 2, generator=torch.Generator().manual_seed(0)).double()
    scene.xy[VIEW, :, 0] += 12 * noise
    scene.xy[VIEW, :, 1, 16] += 3000
    poses, repairs = repaired_subject(scene.poses(), scene.rig)
    assert repairs == {}
    assert bool((whom(scene, poses) == 0).all())
