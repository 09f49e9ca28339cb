import torch

from epipose.geometry.swaps import unswapped
from epipose.observations import Observations
from epipose.skeleton import H36M17

from synthetic import detections, moving_skeleton, rig


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
    repaired, found = unswapped(swap(true, where), camera.R, camera.t, H36M17.flip)
    assert float((found == where).double().mean()) > 0.98
    assert float((repaired.x == true.x).double().mean()) > 0.98


def test_nothing_is_touched_where_nothing_is_swapped():
    camera, true = observed(pixels=6)
    repaired, found = unswapped(true, camera.R, camera.t, H36M17.flip)
    assert not bool(found.any())
    assert torch.equal(repaired.x, true.x)


def test_two_views_cannot_tell_and_are_left_alone():
    camera, true = observed()
    two = true.views([0, 1])
    where = torch.ones(2, 40, dtype=torch.bool)
    same, found = unswapped(swap(two, where), camera.R[:2], camera.t[:2], H36M17.flip)
    assert not bool(found.any())
    assert torch.equal(same.x, swap(two, where).x)


def test_one_side_hidden_everywhere_is_no_swap():
    camera, true = observed(pixels=6)
    left = [i for i, joint in enumerate(H36M17.joints) if joint.startswith("left")]
    weight = true.weight.clone()
    weight[:, :, left] = 0
    _, found = unswapped(Observations(true.x, weight, true.noise), camera.R, camera.t, H36M17.flip)
    assert not bool(found.any())
