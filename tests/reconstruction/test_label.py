import torch

from epipose.camera import Rig
from epipose.geometry.rotation import exp
from epipose.geometry.triangulate import widest_parallax
from epipose.poses import Poses2D, in_camera_frames
from epipose.reconstruction.label import label_poses
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig


def clip(frames=30, pixels=0.0, outliers=0.0, cameras=None):
    cameras = cameras or rig()
    uv, conf = detections(cameras, moving_skeleton(frames), pixels, outliers)
    return Poses2D(uv[:, :, None], conf[:, :, None], H36M17, cameras.names)


def test_exact_without_noise():
    labels = label_poses(clip(), rig())
    assert torch.allclose(labels.xyz[:, 0].double(), moving_skeleton(30), atol=1e-5)
    assert bool((labels.conf == 1).all())
    assert labels.metric
    assert labels.space == "world"


def test_confidence_tells_good_joints_from_bad():
    true = moving_skeleton(100)
    labels = label_poses(clip(100, pixels=6, outliers=0.2), rig(), smooth=False)  # smoothing mends bad ones most
    error = (labels.xyz[:, 0].double() - true).norm(dim=-1)
    conf = labels.conf[:, 0]
    assert float(error[conf > 0.9].mean()) < 0.06
    assert float(error[conf > 0.9].mean()) < 0.4 * float(error[(conf > 0) & (conf < 0.5)].mean())
    assert float((conf > 0.5).float().mean()) > 0.6


def test_what_one_view_alone_saw_has_no_label():
    poses = clip()
    poses.conf[1:, :, 0, 4] = 0
    labels = label_poses(poses, rig())
    assert not bool(labels.conf[:, 0, 4].any())
    assert not bool(labels.xyz[:, 0, 4].any())
    assert bool(labels.conf[:, 0, 5].all())


def test_two_views_that_contradict_each_other_give_no_label():
    two = rig().select(rig().names[:2])
    poses = clip(cameras=two)
    poses.xy[1, :, 0, 3] += torch.tensor([0.0, 150.0])
    labels = label_poses(poses, two)
    assert float((labels.conf[:, 0, 3] > 0).float().mean()) < 0.1
    assert bool((labels.conf[:, 0, 6] == 1).all())


def test_cameras_side_by_side_have_no_depth():
    true = rig()
    R = torch.stack([true.camera.R[0], exp(torch.tensor([0.0, 0.01, 0.0], dtype=torch.float64)) @ true.camera.R[0]])
    beside = Rig(true.names[:2], true.camera[:2].with_pose(R, true.camera.t[[0, 0]] + 0.01 * torch.eye(3).double()[:2]))
    poses = clip(cameras=beside)
    assert not bool(label_poses(poses, beside).conf.any())


def test_parallax_counts_only_supporting_views():
    center = torch.tensor([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0]], dtype=torch.float64)
    origin = torch.zeros(1, 3, dtype=torch.float64)
    facing = torch.tensor([[True, False, True]])
    assert float(widest_parallax(origin, center, facing)) == 0  # opposite rays lie on one line
    assert abs(float(widest_parallax(origin, center, torch.tensor([[True, True, False]]))) - torch.pi / 2) < 1e-9
    assert float(widest_parallax(origin, center, torch.tensor([[True, False, False]]))) == 0


def test_camera_frames_are_those_of_the_cameras():
    labels = label_poses(clip(), rig())
    seen = in_camera_frames(labels, rig())
    assert seen.shape == (4, 30, 1, 17, 3)
    assert torch.allclose(seen[2, :, 0].double(), rig().camera[2].into_frame(moving_skeleton(30)), atol=1e-4)
    assert float(seen[..., 2].min()) > 1  # everyone is in front of every camera


def test_cameras_face_to_face_have_no_depth_between_them():
    true = rig()
    xyz = moving_skeleton(30)
    behind = torch.diag(torch.tensor([-1.0, 1.0, -1.0], dtype=torch.float64))  # half a turn about the vertical axis
    middle = xyz.mean((0, 1))
    distance = (true.camera.center[0] - middle).norm()
    R0 = true.camera.R[0]
    look = torch.nn.functional.normalize(middle - true.camera.center[0], dim=0)
    R = torch.stack([R0, behind @ R0])
    center = torch.stack([true.camera.center[0], middle + distance * look])
    t = -(R @ center[..., None])[..., 0]
    facing = Rig(true.names[:2], true.camera[:2].with_pose(R, t))
    uv, conf = detections(facing, xyz, pixels=3)
    labels = label_poses(Poses2D(uv[:, :, None], conf[:, :, None], H36M17, facing.names), facing)
    sure = labels.conf[:, 0] > 0
    parallax = widest_parallax(xyz, facing.camera.center, torch.ones(30, 17, 2, dtype=torch.bool))
    assert not bool(sure[parallax < 0.05].any())
    assert bool(sure[parallax > 0.3].any())


def test_long_clips_go_in_blocks_with_nearly_the_same_result(monkeypatch):
    whole = label_poses(clip(30, pixels=3), rig())
    monkeypatch.setattr("epipose.reconstruction.label._BLOCK_FRAMES", 7)
    apart = (label_poses(clip(30, pixels=3), rig()).xyz - whole.xyz).norm(dim=-1)  # each block measures the bones anew
    assert float(apart.mean()) < 0.005
    assert float(apart.max()) < 0.05


def test_several_people_are_labelled_each_on_their_own():
    one, other = moving_skeleton(30), moving_skeleton(30, seed=5)
    found = [detections(rig(), xyz) for xyz in (other, one)]
    xy, conf = (torch.stack(field, 2) for field in zip(*found, strict=True))
    poses = Poses2D(xy, conf, H36M17, rig().names)
    labels = label_poses(poses, rig(), persons=[1, 0])
    assert labels.xyz.shape == (30, 2, 17, 3)
    assert torch.allclose(labels.xyz[:, 0].double(), one, atol=1e-5)
    assert torch.allclose(labels.xyz[:, 1].double(), other, atol=1e-5)
    assert torch.equal(label_poses(poses, rig()).xyz[:, 0], labels.xyz[:, 1])
