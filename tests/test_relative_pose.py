import pytest
import torch

from epipose.errors import EpiposeError
from epipose.geometry.relative_pose import refine, relative_pose, relative_pose_from_one_frame
from epipose.geometry.rotation import angle_between, exp

from synthetic import detections, moving_skeleton, rig

PAIRS = [(i, j) for i in range(4) for j in range(i + 1, 4)]


def pair(i, j, frames=40, pixels=0.0, outliers=0.0, roam=1.2):
    """Pooled correspondences of two cameras, their confidences, and the true b_from_a with |t| = 1."""
    cameras = rig()
    uv, conf = detections(cameras, moving_skeleton(frames, roam=roam), pixels, outliers)
    x = cameras.camera.spread(2).to_normalized(uv).reshape(4, -1, 2)
    R = cameras.camera.R[j] @ cameras.camera.R[i].mT
    t = cameras.camera.t[j] - R @ cameras.camera.t[i]
    return x[i], x[j], conf[i].flatten(), R, t / t.norm()


@pytest.mark.parametrize(("i", "j"), PAIRS)
def test_exact_without_noise(i, j):
    a, b, weight, R, t = pair(i, j)
    found = relative_pose(a, b, weight, noise=0.004)
    assert float(angle_between(found.R, R)) < 1e-6
    assert float((found.t - t).norm()) < 1e-6
    assert found.in_front == 1


@pytest.mark.parametrize(("i", "j"), PAIRS)
def test_noise_and_outliers_are_survived(i, j):
    a, b, weight, R, _ = pair(i, j, frames=200, pixels=6, outliers=0.1)
    found = relative_pose(a, b, weight, noise=0.005)
    assert float(torch.rad2deg(angle_between(found.R, R))) < 3
    assert 0.75 < float(found.inlier.double().mean()) < 0.995


def test_the_order_of_joints_and_the_unit_of_confidence_do_not_matter():
    a, b, weight, _, _ = pair(0, 1, pixels=3)
    order = torch.randperm(len(a), generator=torch.Generator().manual_seed(0))
    one = relative_pose(a, b, weight, noise=0.004)
    other = relative_pose(a[order], b[order], 0.5 * weight, noise=0.004)
    assert float(angle_between(one.R, other.R)) < 1e-6


def test_pooling_frames_beats_the_papers_single_frame_recipe_by_an_order_of_magnitude():
    cameras = rig()
    uv, _ = detections(cameras, moving_skeleton(60), pixels=4)
    flat = cameras.camera.spread(2).undistort(uv)
    a, b, weight, R, _ = pair(0, 1, frames=60, pixels=4)
    recipe = [
        relative_pose_from_one_frame(flat[0, frame], flat[1, frame], cameras.camera.K[0], cameras.camera.K[1])
        for frame in range(0, 60, 6)
    ]
    errors = torch.stack([angle_between(pose[0], R) for pose in recipe if pose is not None])
    assert float(angle_between(relative_pose(a, b, weight, noise=0.004).R, R)) < 0.1 * float(errors.median())


def test_refinement_converges_from_several_degrees_away():
    a, b, weight, R, t = pair(0, 2)
    R0 = exp(torch.tensor([0.08, -0.06, 0.05], dtype=torch.float64)) @ R
    t0 = torch.nn.functional.normalize(t + torch.tensor([0.1, 0.0, -0.1], dtype=torch.float64), dim=0)
    found_R, found_t, cost = refine(R0, t0, a, b, weight, 0.004)
    assert float(angle_between(found_R, R)) < 1e-6
    assert float((found_t - t).norm()) < 1e-6
    assert cost < 1e-12


def test_too_few_joints_are_an_error_that_says_how_many():
    a, b, weight, _, _ = pair(0, 1)
    weight[7:] = 0
    with pytest.raises(EpiposeError, match="7 joints are seen by both"):
        relative_pose(a, b, weight, noise=0.004)


def test_one_frame_with_too_few_joints_has_no_answer():
    K = torch.eye(3)
    assert relative_pose_from_one_frame(torch.rand(5, 2), torch.rand(5, 2), K, K) is None
