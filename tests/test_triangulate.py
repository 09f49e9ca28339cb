import cv2
import pytest
import torch

from epipose.geometry.epipolar import essential_from_pose, sampson
from epipose.geometry.triangulate import (
    correct_pair,
    triangulate_linear,
    triangulate_pair,
    triangulate_robust,
    vector_median,
    vector_median_of_pairs,
)
from test_epipolar import two_views

from synthetic import detections, moving_skeleton, rig


def normalized(pixels=0.0, outliers=0.0, frames=30):
    """Joints of four views on z = 1, view behind frame and joint, and the truth."""
    cameras, xyz = rig(), moving_skeleton(frames)
    uv, conf = detections(cameras, xyz, pixels, outliers)
    return cameras.camera, cameras.camera.spread(2).to_normalized(uv).movedim(0, 2), conf.movedim(0, -1), xyz


def test_corrected_pairs_obey_E_and_are_as_near_as_opencvs():
    a, b, R, t, _ = two_views()
    generator = torch.Generator().manual_seed(0)
    a, b = (x + 0.005 * torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in (a, b))
    E = essential_from_pose(R, t)
    fitted_a, fitted_b = correct_pair(E, a, b)
    assert float(sampson(E, fitted_a, fitted_b).distance.abs().max()) < 1e-9
    theirs = cv2.correctMatches(E.numpy(), a[None].numpy(), b[None].numpy())  # Hartley-Sturm, a polynomial of degree 6
    ours = (fitted_a - a).square().sum(-1) + (fitted_b - b).square().sum(-1)
    polynomial = sum((torch.from_numpy(x[0]) - y).square().sum(-1) for x, y in zip(theirs, (a, b), strict=True))
    assert float((ours - polynomial).abs().max()) < 1e-4 * float(polynomial.max())


def test_all_methods_are_exact_without_noise():
    camera, x, conf, xyz = normalized()
    noise = torch.full_like(conf, 0.004)
    assert torch.allclose(triangulate_linear(camera.R, camera.t, x, conf), xyz, atol=1e-7)
    assert torch.allclose(vector_median_of_pairs(camera.R, camera.t, x, conf), xyz, atol=1e-7)
    assert torch.allclose(triangulate_robust(camera.R, camera.t, x, conf, noise).xyz, xyz, atol=1e-7)
    R = camera.R[1] @ camera.R[0].mT
    in_first = triangulate_pair(R, camera.t[1] - R @ camera.t[0], x[..., 0, :], x[..., 1, :])
    assert torch.allclose(in_first, camera[0].into_frame(xyz), atol=1e-6)


def test_robust_beats_the_median_of_pairs_which_beats_the_linear_method():
    camera, x, conf, xyz = normalized(pixels=6, outliers=0.1, frames=100)
    noise = torch.full_like(conf, 0.005)
    error = {
        "linear": triangulate_linear(camera.R, camera.t, x, conf),
        "median": vector_median_of_pairs(camera.R, camera.t, x, conf),
        "robust": triangulate_robust(camera.R, camera.t, x, conf, noise).xyz,
    }
    mean = {name: float((points - xyz).norm(dim=-1).mean()) for name, points in error.items()}
    assert mean["robust"] < 0.8 * mean["median"] < mean["median"] < 0.8 * mean["linear"]


def test_one_wrong_view_in_four_is_outvoted_and_gets_no_weight():
    camera, x, conf, xyz = normalized()
    x[..., 2, :] += 0.2
    points = triangulate_robust(camera.R, camera.t, x, conf, torch.full_like(conf, 0.004))
    assert float((points.xyz - xyz).norm(dim=-1).max()) < 0.005
    assert float(points.inlier[..., 2].max()) < 0.01
    assert float(points.inlier[..., [0, 1, 3]].min()) > 0.9


@pytest.mark.parametrize("hidden", [(0,), (1, 3)])
def test_views_without_confidence_do_not_count(hidden):
    camera, x, conf, xyz = normalized()
    x[..., hidden, :] = 1e3
    conf[..., hidden] = 0
    points = triangulate_robust(camera.R, camera.t, x, conf, torch.full_like(conf, 0.004)).xyz
    assert torch.allclose(points, xyz, atol=1e-6)


def test_nothing_seen_gives_finite_points():
    camera, x, conf, _ = normalized(frames=2)
    points = triangulate_robust(camera.R, camera.t, 0 * x, 0 * conf, torch.full_like(conf, 0.004))
    assert bool(points.xyz.isfinite().all())
    assert bool(points.inlier.isfinite().all())


def test_vector_median_ignores_the_minority():
    candidates = torch.tensor([[[0.0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [50, 0, 0], [60, 0, 0]]])
    assert float(vector_median(candidates, torch.ones(1, 5)).norm()) < 0.2
    assert vector_median(candidates, torch.tensor([[0.0, 0, 0, 1, 1]]))[0, 0] >= 50


def test_a_candidate_without_weight_cannot_win_even_in_the_middle():
    triangle = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0.5, 0.866, 0]])
    candidates = torch.cat([triangle.mean(0, keepdim=True), triangle])[None]
    assert vector_median(candidates, torch.tensor([[0.0, 1, 1, 1]]))[0].tolist() in triangle.tolist()
    assert torch.allclose(vector_median(candidates, torch.ones(1, 4))[0], triangle.mean(0))
