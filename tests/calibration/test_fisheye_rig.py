"""Rigs of fisheyes and ordinary lenses, the person up to 90 degrees off the axes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from epipose.calibration.calibrate import calibrate_rig, check_rig
from epipose.camera import Camera, Rig
from epipose.geometry.observations import observe, same_rays
from epipose.geometry.rotation import angle_between, exp
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig


def near_rig(fisheye):
    """The rig of S1 at 2.6 m from the scene's middle, turned past it, through lenses of 180 degrees."""
    true = rig()
    K = torch.tensor([[320.0, 0, 639.5], [0, 320.0, 639.5], [0, 0, 1]], dtype=torch.float64).repeat(4, 1, 1)
    which = torch.tensor(fisheye)
    bent = torch.tensor([-0.013, 0.021, -0.014, 0.0027, 0, 0, 0, 0], dtype=torch.float64)
    middle = torch.tensor([0, 0, 0.9], dtype=torch.float64)
    away = true.camera.center - middle
    center = middle + 2.6 * away / away.norm(dim=-1, keepdim=True)
    R = exp(torch.tensor([0.0, 0.6, 0.0], dtype=torch.float64)) @ true.camera.R
    t = -(R @ center[..., None])[..., 0]
    lens = torch.where(which[:, None], bent, torch.zeros_like(bent))
    return replace(true, camera=Camera(K, lens, R, t, torch.tensor([[1280, 1280]] * 4), which))


def filmed(true, pixels=0.0, seed=1):
    """Poses, missing from 88 degrees off each axis, and the angles off the axes."""
    xyz = moving_skeleton(60, seed=seed)
    uv, conf = detections(true, xyz, pixels)
    in_frame = true.camera.spread(2).into_frame(xyz)
    off_axis = torch.rad2deg(torch.atan2(in_frame[..., :2].norm(dim=-1), in_frame[..., 2]))
    return Poses2D(uv[:, :, None], (conf * (off_axis < 88))[:, :, None], H36M17, true.names), off_axis


def worst_deg(found: Rig, true: Rig):
    relative = [rig.camera.R[:, None] @ rig.camera.R[None].mT for rig in (found, true)]
    return float(torch.rad2deg(angle_between(*relative)).max())


def test_a_rig_of_both_models_comes_out_exactly():
    true = near_rig([True, False, True, False])
    poses, off_axis = filmed(true)
    assert float(off_axis.max()) > 80
    found = calibrate_rig(poses, replace(true, camera=true.camera.at_origin()))
    assert worst_deg(found.rig, true) < 1e-4
    assert found.rig.camera.fisheye.tolist() == [True, False, True, False]


def test_errors_are_reported_in_pixels_of_the_image():
    """Off the axis of a fisheye the plane z = 1 has more pixels than the image."""
    true = near_rig([True, False, True, False])
    found = check_rig(filmed(true, pixels=2.0)[0], true)
    fisheye, plain = (np.mean([found.cameras[view].median_px for view in views]) for views in ((0, 2), (1, 3)))
    assert fisheye == pytest.approx(plain, rel=0.25)


@pytest.mark.parametrize("view", [1, 2], ids=["ordinary lens", "fisheye"])
def test_drift_is_that_of_the_image(view):
    """A camera turns by 6 mrad halfway: no image moves by more, whatever the plane z = 1 of a fisheye says."""
    true = near_rig([True, False, True, False])
    turn = exp(torch.tensor([0.0, 0.006, 0.0], dtype=torch.float64))
    R, t = true.camera.R.clone(), true.camera.t.clone()
    R[view], t[view] = turn @ R[view], turn @ t[view]
    poses, later = filmed(true)[0], filmed(replace(true, camera=true.camera.with_pose(R, t)))[0]
    poses.xy[view, 30:], poses.conf[view, 30:] = later.xy[view, 30:], later.conf[view, 30:]
    drift = [camera.drift_mrad for camera in check_rig(poses, true).cameras]
    assert drift[view] > 2.0
    assert max(drift) < 7.0


def test_the_expected_error_grows_where_rays_lie_far_apart():
    true = near_rig([True, False, True, True])
    poses, off_axis = filmed(true)
    off_axis = off_axis.clamp(max=87.9)
    seen = observe(poses, true)
    person = seen.noise / true.camera.spread(2).expansion(seen.x)
    torch.testing.assert_close(person[:, :, 0], person[:, :, 5])  # one share of the person's size for all joints
    assert float((seen.noise / person)[0][off_axis[0] > 60].min()) > 2.4
    assert float((seen.noise / person)[1].max()) == 1


def test_what_has_no_ray_is_missing_and_the_model_is_part_of_the_rays():
    true = near_rig([True] * 4)
    poses, _ = filmed(true)
    poses.xy[0, 0, 0, 0] = torch.tensor([639.5 + 640.0, 639.5], dtype=poses.xy.dtype)  # 114 degrees off the axis
    assert float(observe(poses, true).weight[0, 0, 0]) == 0
    assert same_rays(true, true)
    assert not same_rays(true, near_rig([True, True, True, False]))
