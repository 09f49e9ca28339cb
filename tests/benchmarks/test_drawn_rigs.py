import numpy as np
import pytest
import torch

from benchmarks.geometry.drawn_rigs import drawn_rig
from benchmarks.geometry.simulation import simulate
from epipose.errors import InputError


def rigs(views, layout="mixed", count=30):
    return [drawn_rig(np.random.default_rng(seed), views, layout) for seed in range(count)]


@pytest.mark.parametrize("views", [2, 5, 14])
def test_every_camera_sees_the_middle_upright(views):
    for rig in rigs(views):
        camera = rig.camera
        assert torch.allclose(camera.R @ camera.R.mT, torch.eye(3, dtype=torch.float64).expand(views, 3, 3))
        assert float(torch.linalg.det(camera.R).min()) > 0.99
        feet, head = (
            camera.spread(1).project(torch.tensor([[0, 0, z]], dtype=torch.float64))[:, 0] for z in (0.1, 1.6)
        )
        assert bool((camera.inside(feet) & camera.inside(head)).all())
        assert float((feet - head)[:, 1].min()) > 50


def test_heights_and_distances_are_those_of_rooms():
    center = torch.cat([rig.camera.center for rig in rigs(14)])
    assert float(center[:, 2].min()) >= 0.8
    assert float(center[:, 2].max()) <= 4.0
    assert 0.2 < float((center[:, 2] >= 2.5).double().mean()) < 0.5
    ground = center[:, :2].norm(dim=-1)
    assert 3.0 <= float(ground.min()) < 3.3
    assert 6.7 < float(ground.max()) <= 7.0


def test_cameras_of_one_model_differ_by_six_per_cent_and_lie_off_centre():
    for rig in rigs(5, "one model"):
        focal = rig.camera.focal
        assert float(focal.max() / focal.min()) == pytest.approx(1.06, abs=0.002)
        off = (rig.camera.K[:, :2, 2] - (rig.camera.size.double() - 1) / 2).norm(dim=-1)
        assert float(off.min()) >= 18
        assert float(off.max()) <= 51


def test_two_cameras_are_not_opposite():
    for rig in rigs(2):
        a, b = (rig.camera.center[view, :2] / rig.camera.center[view, :2].norm() for view in (0, 1))
        assert 39 < float(torch.rad2deg((a @ b).acos())) < 131


def test_some_cameras_of_a_clip_have_the_same_detections():
    clip = simulate(1, views=14, frames=20, layout="mixed")
    some = clip.of_views(clip.rig.names[::2])
    assert some.rig.names == some.poses.views == clip.rig.names[::2]
    assert torch.equal(some.poses.xy, clip.poses.xy[::2])
    assert torch.equal(some.rig.camera.t, clip.rig.camera.t[::2])


def test_fifteen_cameras_are_too_many():
    with pytest.raises(InputError, match="2 to 14"):
        drawn_rig(np.random.default_rng(0), 15)
