import pytest
import torch

from epipose.geometry import left_right
from epipose.geometry.left_right import correct_swaps, undecided_swaps
from epipose.geometry.observations import Observations
from epipose.geometry.reprojection import perspective
from epipose.geometry.rotation import exp
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


def circle_of_views(views=10, frames=30, pixels=4.0):
    """The four cameras of the rig and turned copies of them, and what they see."""
    camera = rig().camera
    angle = torch.arange(views, dtype=torch.float64) * 2 * torch.pi / views
    turn = exp(angle[:, None] * torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))  # world <- turned world
    R, t = camera.R[0] @ turn, camera.t[:1].expand(views, 3)
    x = perspective(moving_skeleton(frames) @ R[:, None].mT + t[:, None, None])
    x = x + pixels / 1145 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    weight = torch.ones_like(x[..., 0])
    return R, t, Observations(x, weight, torch.full_like(weight, 0.005))


def test_half_of_ten_views_against_the_other_half_is_found_without_trying_every_group(monkeypatch):
    R, t, true = circle_of_views()
    where = torch.zeros(10, 30, dtype=torch.bool)
    where[::2, 5:15] = True
    calls = []
    cost = left_right._frame_costs
    monkeypatch.setattr(left_right, "_frame_costs", lambda *given: calls.append(1) or cost(*given))
    open_frames = undecided_swaps(true.swapped(where, H36M17.flip), R, t, H36M17.flip)
    assert int(open_frames[5:15].sum()) >= 8
    assert not bool(open_frames[~where.any(0)].any())
    assert len(calls) <= 51  # ten views, five times, and once as it is; all groups of two to five are 627


def test_swapped_frames_of_many_views_are_repaired():
    R, t, true = circle_of_views()
    where = torch.zeros(10, 30, dtype=torch.bool)
    where[1, 10:30] = True
    where[3, 20:26] = True
    repaired, found = correct_swaps(true.swapped(where, H36M17.flip), R, t, H36M17.flip)
    assert torch.equal(found, where)
    assert torch.equal(repaired.x, true.x)
