import dataclasses

import pytest
import torch

from epipose.calibrate import calibrate, check_rig, limb_chain
from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.geometry.align import similarity_between
from epipose.geometry.rotation import angle_between, exp
from epipose.poses import Poses2D
from epipose.skeleton import H36M17

from synthetic import detections, moving_skeleton, rig


def clip(cameras=None, frames=40, pixels=0.0, outliers=0.0, xyz=None):
    """2D poses of the moving skeleton in every view of the rig."""
    cameras = cameras or rig()
    uv, conf = detections(cameras, moving_skeleton(frames) if xyz is None else xyz, pixels, outliers)
    return Poses2D(uv[:, :, None], conf[:, :, None], H36M17, cameras.names)


def rotation_errors(found: Rig, true: Rig):
    relative = [rig.camera.R[:, None] @ rig.camera.R[None].mT for rig in (found, true)]
    return angle_between(*relative)


def center_error(found: Rig, true: Rig):
    aligned = similarity_between(found.camera.center, true.camera.center).apply(found.camera.center)
    return float((aligned - true.camera.center).norm(dim=-1).max())


def test_exact_without_noise():
    result = calibrate(clip(), rig())
    assert float(rotation_errors(result.rig, rig()).max()) < 1e-6
    assert center_error(result.rig, rig()) < 1e-5
    assert not result.rig.metric
    assert result.warnings == ()
    assert all(camera.median_px < 1e-6 and camera.inlier_share == 1 for camera in result.cameras)


def test_noise_and_outliers_cost_little():
    result = calibrate(clip(frames=150, pixels=6, outliers=0.03), rig())
    assert float(torch.rad2deg(rotation_errors(result.rig, rig())).max()) < 0.8
    assert center_error(result.rig, rig()) < 0.06


def test_the_true_poses_of_the_cameras_are_not_looked_at():
    true = rig()
    hidden = Rig(
        true.names, true.camera.with_pose(torch.eye(3, dtype=torch.float64).repeat(4, 1, 1), 0 * true.camera.t)
    )
    a, b = calibrate(clip(pixels=2), true), calibrate(clip(pixels=2), hidden)
    assert torch.equal(a.rig.camera.R, b.rig.camera.R)


def test_camera_order_and_joint_order_do_not_matter():
    true, poses = rig(), clip(pixels=2)
    first = calibrate(poses, true).rig
    order = [2, 0, 3, 1]
    names = tuple(true.names[i] for i in order)
    joints = list(reversed(range(17)))
    reordered_joints = dataclasses.replace(
        H36M17,
        name="reversed",
        joints=tuple(H36M17.joints[j] for j in joints),
        parents=tuple(16 - H36M17.parents[j] if H36M17.parents[j] >= 0 else -1 for j in joints),
    )
    shuffled = Poses2D(poses.xy[order][:, :, :, joints], poses.conf[order][:, :, :, joints], reordered_joints, names)
    second = calibrate(shuffled, true.select(names)).rig.select(true.names)
    assert float(torch.rad2deg(rotation_errors(first, second)).max()) < 0.05


def test_where_the_world_is_and_how_large_it_is_do_not_matter():
    """The same pictures come from a scene that is turned, moved and twice as large: the same rig must come out."""
    true, xyz = rig(), moving_skeleton(40)
    turn = exp(torch.tensor([0.4, -0.3, 1.1], dtype=torch.float64))
    shift = torch.tensor([3.0, -2.0, 1.0], dtype=torch.float64)
    R = true.camera.R @ turn.mT
    t = 2 * true.camera.t - (R @ shift[:, None])[..., 0]
    moved = Rig(true.names, true.camera.with_pose(R, t))
    a = calibrate(clip(pixels=2), true).rig
    b = calibrate(clip(moved, pixels=2, xyz=2 * xyz @ turn.mT + shift), moved).rig
    assert torch.allclose(a.camera.R, b.camera.R, atol=1e-5)
    assert torch.allclose(a.camera.t, b.camera.t, atol=1e-4)


def test_one_view_of_another_person_does_not_spoil_the_others():
    true, poses = rig(), clip(pixels=2, frames=60)
    other = clip(pixels=2, frames=60, xyz=moving_skeleton(60, seed=9))
    poses.xy[3] = other.xy[3]
    result = calibrate(poses, true)
    good = torch.rad2deg(rotation_errors(result.rig, true))[:3, :3]
    assert float(good.max()) < 3
    assert any("cam60457274" in warning for warning in result.warnings)


def test_frames_with_left_and_right_swapped_are_repaired_and_counted():
    true, poses = rig(), clip(pixels=2, frames=60)
    poses.xy[1, 20:45] = poses.xy[1, 20:45][..., list(H36M17.flip), :]
    result = calibrate(poses, true)
    assert result.cameras[1].swapped_frames == pytest.approx(25, abs=2)
    assert float(torch.rad2deg(rotation_errors(result.rig, true)).max()) < 0.6


def test_two_cameras_work_and_are_warned_about():
    true = rig().select(rig().names[:2])
    result = calibrate(clip(true), true)
    assert float(rotation_errors(result.rig, true).max()) < 1e-6
    assert any("Two cameras cannot check each other" in warning for warning in result.warnings)


def test_the_person_is_about_a_metre_seventy():
    true, poses = rig(), clip()
    found = calibrate(poses, true).rig
    points = (moving_skeleton(40) - true.camera.center[0]) * (
        (found.camera.center[1] - found.camera.center[0]).norm()
        / (true.camera.center[1] - true.camera.center[0]).norm()
    )
    assert limb_chain(points, H36M17) == pytest.approx(0.779 * 1.7, rel=1e-3)


def test_a_known_rig_is_reported_on():
    report = check_rig(clip(pixels=3), rig())
    assert report.rig.metric
    assert all(1 < camera.median_px < 4 for camera in report.cameras)


def test_a_view_that_hardly_shows_the_person_is_named():
    poses = clip()
    poses.conf[2] = 0
    with pytest.raises(EpiposeError, match="'cam58860488' shows only 0 joints"):
        calibrate(poses, rig())


def test_poses_of_other_views_are_refused():
    poses = dataclasses.replace(clip(), views=("a", "b", "c", "d"))
    with pytest.raises(EpiposeError, match="poses are of views a, b, c, d"):
        calibrate(poses, rig())


def test_the_same_input_gives_the_same_cameras():
    a, b = (calibrate(clip(pixels=4), rig(), seed=3).rig for _ in range(2))
    assert torch.equal(a.camera.R, b.camera.R)
    assert torch.equal(a.camera.t, b.camera.t)
