import json
from dataclasses import replace
from functools import cache

import pytest
import torch

from epipose.calibration.calibrate import calibrate_rig
from epipose.calibration.result import Calibration
from epipose.calibration.rig_options import RigOptions
from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.geometry.align import similarity_between
from epipose.geometry.observations import observe
from epipose.geometry.rotation import angle_between, exp
from epipose.poses import Poses2D
from epipose.reconstruction.label import label_poses
from epipose.reconstruction.scale import Scale
from epipose.reconstruction.world_frame import stature
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig


def clip(cameras=None, frames=30, pixels=0.0, outliers=0.0, xyz=None):
    """2D poses of the moving skeleton in every view of the rig."""
    cameras = cameras or rig()
    uv, conf = detections(cameras, moving_skeleton(frames) if xyz is None else xyz, pixels, outliers)
    return Poses2D(uv[:, :, None], conf[:, :, None], H36M17, cameras.names)


@cache
def exact():
    """The rig from the standard clip without noise."""
    return calibrate_rig(clip(), rig())


@cache
def noisy():
    """The rig from the standard clip at 2 px, which several tests compare with."""
    return calibrate_rig(clip(pixels=2), rig())


def rotation_errors(found: Rig, true: Rig):
    relative = [rig.camera.R[:, None] @ rig.camera.R[None].mT for rig in (found, true)]
    return angle_between(*relative)


def center_error(found: Rig, true: Rig):
    aligned = similarity_between(found.camera.center, true.camera.center).apply(found.camera.center)
    return float((aligned - true.camera.center).norm(dim=-1).max())


def test_exact_without_noise():
    result = exact()
    assert float(rotation_errors(result.rig, rig()).max()) < 1e-6
    assert center_error(result.rig, rig()) < 1e-5
    assert not result.rig.metric
    assert result.notes() == ("The scale is nominal: the person was made 1.7 m tall. Give --height for metres.",)
    assert not any(pair.outvoted for pair in result.pairs)
    assert result.undecided_swaps == 0
    assert all(camera.median_px < 1e-6 and camera.inlier_share == 1 for camera in result.cameras)


@pytest.mark.slow
def test_noise_and_outliers_cost_little():
    result = calibrate_rig(clip(frames=100, pixels=6, outliers=0.03), rig())
    assert float(torch.rad2deg(rotation_errors(result.rig, rig())).max()) < 0.8
    assert center_error(result.rig, rig()) < 0.06


@pytest.mark.slow
def test_the_true_poses_of_the_cameras_are_not_looked_at():
    true = rig()
    hidden = Rig(
        true.names, true.camera.with_pose(torch.eye(3, dtype=torch.float64).repeat(4, 1, 1), 0 * true.camera.t)
    )
    assert torch.equal(calibrate_rig(clip(pixels=2), hidden).rig.camera.R, noisy().rig.camera.R)


@pytest.mark.slow
def test_camera_order_and_joint_order_do_not_matter():
    true, poses = rig(), clip(pixels=2)
    first = noisy().rig
    order = [2, 0, 3, 1]
    names = tuple(true.names[i] for i in order)
    joints = list(reversed(range(17)))
    reordered_joints = replace(
        H36M17,
        name="reversed",
        joints=tuple(H36M17.joints[j] for j in joints),
        parents=tuple(16 - H36M17.parents[j] if H36M17.parents[j] >= 0 else -1 for j in joints),
    )
    shuffled = Poses2D(poses.xy[order][:, :, :, joints], poses.conf[order][:, :, :, joints], reordered_joints, names)
    second = calibrate_rig(shuffled, true.select(names)).rig.select(true.names)
    assert float(torch.rad2deg(rotation_errors(first, second)).max()) < 0.05


@pytest.mark.slow
def test_where_the_world_is_and_how_large_it_is_do_not_matter():
    """The same images come from a scene that is turned, moved and twice as large: the same rig must come out."""
    true, xyz = rig(), moving_skeleton(30)
    turn = exp(torch.tensor([0.4, -0.3, 1.1], dtype=torch.float64))
    shift = torch.tensor([3.0, -2.0, 1.0], dtype=torch.float64)
    R = true.camera.R @ turn.mT
    t = 2 * true.camera.t - (R @ shift[:, None])[..., 0]
    moved = Rig(true.names, true.camera.with_pose(R, t))
    a = noisy().rig
    b = calibrate_rig(clip(moved, pixels=2, xyz=2 * xyz @ turn.mT + shift), moved).rig
    assert torch.allclose(a.camera.R, b.camera.R, atol=1e-5)
    assert torch.allclose(a.camera.t, b.camera.t, atol=1e-4)


@pytest.mark.slow
def test_one_view_of_another_person_does_not_spoil_the_others():
    true, poses = rig(), clip(pixels=2, frames=60)
    other = clip(pixels=2, frames=60, xyz=moving_skeleton(60, seed=9))
    poses.xy[3] = other.xy[3]
    result = calibrate_rig(poses, true)
    good = torch.rad2deg(rotation_errors(result.rig, true))[:3, :3]
    assert float(good.max()) < 3
    assert {pair.views for pair in result.pairs if pair.outvoted} & {(name, "cam60457274") for name in true.names[:3]}
    assert min(result.cameras, key=lambda camera: camera.inlier_share).name == "cam60457274"
    assert result.evidence.worst_inlier_share < 0.5


@pytest.mark.slow
def test_frames_with_left_and_right_swapped_are_repaired_and_counted():
    true, poses = rig(), clip(pixels=2, frames=60)
    poses.xy[1, 20:45] = poses.xy[1, 20:45][..., list(H36M17.flip), :]
    result = calibrate_rig(poses, true)
    assert result.cameras[1].swapped_frames == pytest.approx(25, abs=2)
    assert float(torch.rad2deg(rotation_errors(result.rig, true)).max()) < 0.6


@pytest.mark.slow
def test_two_cameras_work():
    true = rig().select(rig().names[:2])
    result = calibrate_rig(clip(true), true)
    assert float(rotation_errors(result.rig, true).max()) < 1e-6
    assert (len(result.pairs), result.evidence.cameras) == (1, 2)


def test_the_person_is_about_a_metre_seventy():
    true, found = rig(), exact().rig
    points = (moving_skeleton(30) - true.camera.center[0]) * (
        (found.camera.center[1] - found.camera.center[0]).norm()
        / (true.camera.center[1] - true.camera.center[0]).norm()
    )
    everywhere = torch.ones(points.shape[:2])
    assert stature(points, everywhere, H36M17) == pytest.approx(1.7, rel=1e-3)


@pytest.mark.slow
def test_a_person_who_comes_late_has_a_size(monkeypatch):
    """The world is measured where the person is, not in the empty minutes before."""
    monkeypatch.setattr("epipose.calibration.calibrate._WORLD_FRAMES", 30)
    poses = clip(pixels=2)
    nobody = replace(poses, xy=0 * poses.xy, conf=0 * poses.conf)
    late = replace(poses, xy=torch.cat([nobody.xy, poses.xy], 1), conf=torch.cat([nobody.conf, poses.conf], 1))
    assert torch.allclose(calibrate_rig(late, rig()).rig.camera.center, noisy().rig.camera.center, atol=1e-6)


def test_a_view_that_hardly_shows_the_person_is_named():
    poses = clip()
    poses.conf[2] = 0
    with pytest.raises(EpiposeError, match="'cam58860488' shows only 0 keypoints"):
        calibrate_rig(poses, rig())


def test_poses_of_other_views_are_refused():
    poses = replace(clip(), views=("a", "b", "c", "d"))
    with pytest.raises(EpiposeError, match="poses are of views a, b, c, d"):
        calibrate_rig(poses, rig())


@pytest.mark.slow
def test_the_same_input_gives_the_same_cameras():
    again = calibrate_rig(clip(pixels=2), rig())
    assert torch.equal(again.rig.camera.R, noisy().rig.camera.R)
    assert torch.equal(again.rig.camera.t, noisy().rig.camera.t)


@pytest.mark.slow
def test_frames_without_the_person_do_not_count():
    """Absent in two thirds of the clip, legs hidden in half of the rest: the same cameras, the same size."""
    poses = clip(frames=120, pixels=1)
    whole = calibrate_rig(poses, rig()).rig
    poses.conf[:, 40:] = 0
    poses.xy[:, 40:] = 0
    poses.conf[:, 20:40, :, 2:4] = 0
    poses.xy[:, 20:40, :, 2:4] = 0
    result = calibrate_rig(poses, rig())
    assert result.frames_used == 40
    assert float(torch.rad2deg(rotation_errors(result.rig, rig())).max()) < 1
    baselines = [(r.camera.center[1] - r.camera.center[0]).norm() for r in (result.rig, whole)]
    assert float(baselines[0] / baselines[1]) == pytest.approx(1, abs=0.05)


def test_missing_joints_outside_a_strong_lens_stay_missing():
    """Pixel (0, 0) has no ray through this lens: that must not leak into the other views."""
    true = rig()
    strong = torch.tensor([-0.45, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64).repeat(4, 1)
    shorter = true.camera.K * torch.tensor([[0.45], [0.45], [1.0]], dtype=torch.float64)
    wide = Rig(true.names, replace(true.camera, K=shorter, distortion=strong))
    poses = clip(wide, pixels=0.0)
    poses.conf[0, :, 0, 3] = 0
    poses.xy[0, :, 0, 3] = 0
    observed = observe(poses, wide)
    assert bool(observed.x.isfinite().all())
    labels = label_poses(poses, wide)
    assert bool(labels.conf.isfinite().all())
    assert bool((labels.conf[:, 0, 3] > 0.9).all())


def test_a_pixel_without_a_ray_counts_as_missing():
    true = rig()
    folding = torch.tensor([-0.45, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64).repeat(4, 1)
    bent = Rig(true.names, replace(true.camera, distortion=folding))
    poses = clip(bent)
    poses.xy[1, :, 0, 5] = -3000.0
    observed = observe(poses, bent)
    assert not bool(observed.weight[1, :, 5].any())
    assert bool(observed.x.isfinite().all())
    assert bool(observed.weight[1, :, 4].all())


@pytest.mark.slow
def test_someone_who_stays_in_one_place_is_told_from_someone_who_walks():
    still = calibrate_rig(clip(pixels=2, xyz=moving_skeleton(30, roam=0.0)), rig())
    assert still.evidence.roaming < 0.1 < 0.3 < noisy().evidence.roaming
    assert any("hardly moved" in finding for pair in still.pairs for finding in pair.findings)


@pytest.mark.slow
def test_the_room_that_was_covered_is_measured_along_the_axes_of_the_world():
    walk = moving_skeleton(60)
    result = calibrate_rig(clip(frames=60, pixels=1, xyz=walk), rig())
    hips = walk[:, [H36M17.index("left_hip"), H36M17.index("right_hip")]].mean(1)
    extent = hips.quantile(0.95, 0) - hips.quantile(0.05, 0)
    assert result.roaming_m[2] == pytest.approx(float(extent[2]), abs=0.1)
    # x and y may be turned, and the size is that of a person 1.7 m tall
    assert 0.6 * float(extent.norm()) < float(torch.tensor(result.roaming_m).norm()) < 1.4 * float(extent.norm())


@pytest.mark.slow
def test_the_uncertainty_is_about_as_large_as_the_error():
    """Three standard deviations hold the errors at 2 px, and six pixels are less sure than two."""
    sigma = max(camera.rotation_sigma_deg for camera in noisy().cameras)
    error = float(torch.rad2deg(rotation_errors(noisy().rig, rig())).max())
    assert 0.1 * error < sigma
    assert error < 3 * noisy().evidence.worst_sigma_deg
    coarse = calibrate_rig(clip(pixels=6), rig())
    assert coarse.evidence.worst_sigma_deg > 1.5 * noisy().evidence.worst_sigma_deg


@pytest.mark.slow
def test_a_camera_moved_halfway_shows():
    poses = clip(frames=60, pixels=1)
    assert noisy().evidence.worst_drift_mrad < 3
    poses.xy[2, 30:] += 20.0
    result = calibrate_rig(poses, rig())
    assert max(result.cameras, key=lambda camera: camera.drift_mrad).name == "cam58860488"
    assert result.evidence.worst_drift_mrad > 5


@pytest.mark.slow
def test_the_report_is_plain_json_with_nothing_lost(tmp_path):
    found = replace(noisy(), remarks=("Intrinsics were given.",), scale=Scale(1.1, 0.02, ("By a bone.",), ()))
    found.save(tmp_path)
    report = json.loads((tmp_path / "calibration.json").read_text())
    assert [camera["name"] for camera in report["cameras"]] == list(rig().names)
    assert len(report["pairs"]) == 6
    assert set(report["verdict"]) == {"word", "reasons"}
    assert "rig" not in report
    assert report["notes"][:2] == ["Intrinsics were given.", "By a bone."]
    again = Calibration.load(tmp_path)
    assert replace(again, rig=found.rig) == found
    torch.testing.assert_close(again.rig.camera.t, found.rig.camera.t)
    assert again.report() == found.report()
    assert "verdict: " in found.report()
    assert repr(found).startswith(f"Calibration(verdict {found.verdict.word}, cameras 4 (")


def test_a_detector_stuck_on_one_pixel_is_an_error_in_plain_words():
    poses = clip()
    poses.xy[:] = 500.0
    with pytest.raises(EpiposeError):
        calibrate_rig(poses, rig())


def test_too_few_frames_asked_for():
    with pytest.raises(EpiposeError, match="'max_frames' is 1; expected a number from 10"):
        calibrate_rig(clip(), rig(), RigOptions(max_frames=1))
