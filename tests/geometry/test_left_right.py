import pytest
import torch

from epipose.geometry.left_right import correct_swaps, undecided_swaps
from epipose.geometry.observations import Observations
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig


def observed(pixels=3.0, frames=40):
    cameras = rig()
    uv, conf = detections(cameras, moving_skeleton(frames), pixels)
    return cameras.camera, Observations(cameras.camera.spread(2).to_normalized(uv), conf, torch.full_like(conf, 0.005))


def swap(true, where):
    x = torch.where(where[..., None, None], true.x[:, :, list(H36M17.flip)], true.x)
    return Observations(x, true.weight, true.noise)


def test_swapped_frames_are_found_and_repaired():
    camera, true = observed()
    where = torch.zeros(4, 40, dtype=torch.bool)
    where[1, 10:30] = True
    where[3, 32:38] = True
    repaired, found = correct_swaps(swap(true, where), camera.R, camera.t, H36M17.flip)
    assert float((found == where).double().mean()) > 0.98
    assert float((repaired.x == true.x).double().mean()) > 0.98


def test_nothing_is_touched_where_nothing_is_swapped():
    camera, true = observed(pixels=6)
    repaired, found = correct_swaps(true, camera.R, camera.t, H36M17.flip)
    assert not bool(found.any())
    assert torch.equal(repaired.x, true.x)


def test_two_views_cannot_tell_and_are_left_alone():
    camera, true = observed()
    two = true.views([0, 1])
    where = torch.ones(2, 40, dtype=torch.bool)
    same, found = correct_swaps(swap(two, where), camera.R[:2], camera.t[:2], H36M17.flip)
    assert not bool(found.any())
    assert torch.equal(same.x, swap(two, where).x)


def test_one_side_hidden_everywhere_is_no_swap():
    camera, true = observed(pixels=6)
    left = [i for i, joint in enumerate(H36M17.joints) if joint.startswith("left")]
    weight = true.weight.clone()
    weight[:, :, left] = 0
    _, found = correct_swaps(Observations(true.x, weight, true.noise), camera.R, camera.t, H36M17.flip)
    assert not bool(found.any())


@pytest.mark.parametrize("half", [(0, 1), (0, 2), (1, 3)])
def test_half_of_the_views_against_the_other_half_is_counted_as_undecided(half):
    camera, true = observed(pixels=4)
    where = torch.zeros(4, 40, dtype=torch.bool)
    where[list(half), 5:15] = True
    left, found = correct_swaps(true.swapped(where, H36M17.flip), camera.R, camera.t, H36M17.flip)
    open_frames = undecided_swaps(left, camera.R, camera.t, H36M17.flip)
    assert not bool(open_frames[~where.any(0)].any())
    # Some frames are decided by luck or wrongly; wrong ones that were repaired to agree are mirrored throughout.
    assert int((open_frames | found.any(0))[5:15].sum()) >= 9
    assert int(open_frames[5:15].sum()) >= 5


def test_with_two_views_a_contradiction_is_seen_but_not_decided():
    camera, true = observed(pixels=3)
    where = torch.zeros(2, 40, dtype=torch.bool)
    where[1, 10:20] = True
    two = true.views([0, 1])
    assert not bool(undecided_swaps(two, camera.R[:2], camera.t[:2], H36M17.flip).any())
    open_frames = undecided_swaps(two.swapped(where, H36M17.flip), camera.R[:2], camera.t[:2], H36M17.flip)
    assert int(open_frames[10:20].sum()) >= 8
    assert not bool(open_frames[:10].any())


def test_noise_alone_leaves_nothing_undecided():
    camera, true = observed(pixels=8, frames=100)
    assert int(undecided_swaps(true, camera.R, camera.t, H36M17.flip).sum()) <= 1
