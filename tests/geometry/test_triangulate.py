import time
from itertools import combinations

import cv2
import numpy as np
import pytest
import torch

from epipose.errors import EpiposeError
from epipose.geometry import triangulate
from epipose.geometry.epipolar import essential_from_pose, homogeneous
from epipose.geometry.reprojection import perspective
from epipose.geometry.rotation import exp
from epipose.geometry.triangulate import (
    correct_pair,
    gated,
    point_covariance,
    triangulate_linear,
    triangulate_pair,
    triangulate_robust,
    vector_median,
    vector_median_of_pairs,
    widest_parallax,
)
from tests.helpers.synthetic import detections, moving_skeleton, rig, two_views


def normalized(pixels=0.0, outliers=0.0, frames=30):
    """Joints of four views on z = 1, view behind frame and joint, and the truth."""
    cameras, xyz = rig(), moving_skeleton(frames)
    uv, conf = detections(cameras, xyz, pixels, outliers)
    return cameras.camera, cameras.camera.spread(2).to_normalized(uv).movedim(0, 2), conf.movedim(0, -1), xyz


def hartley_sturm(E, a, b):
    """Least squared correction that brings one pair onto E: the polynomial method (Hartley & Zisserman, 12.1)."""

    def axes(epipole):
        x, y, z = epipole / np.hypot(epipole[0], epipole[1])
        return np.array([[x, y, 0], [-y, x, 0], [0, 0, 1]]), z

    shift_a, shift_b = np.eye(3), np.eye(3)
    shift_a[:2, 2], shift_b[:2, 2] = a, b  # take the origin to the point
    F = shift_b.T @ E @ shift_a
    U, _, Vt = np.linalg.svd(F)
    (turn_a, f), (turn_b, g) = axes(Vt[2]), axes(U[:, 2])
    (a, b), (c, d) = (turn_b @ F @ turn_a.T)[1:, 1:]
    P = np.polynomial.Polynomial
    t, ab, cd = P([0, 1]), P([b, a]), P([d, c])
    roots = (t * (ab**2 + g**2 * cd**2) ** 2 - (a * d - b * c) * (1 + f**2 * t**2) ** 2 * ab * cd).roots().real
    cost = roots**2 / (1 + f**2 * roots**2) + cd(roots) ** 2 / (ab(roots) ** 2 + g**2 * cd(roots) ** 2)
    at_infinity = 1 / f**2 + c**2 / (a**2 + g**2 * c**2) if f else np.inf
    return min(cost.min(), at_infinity)


POSES = {
    "converging": ([0.1, -0.9, 0.05], [1.0, 0.1, 0.3]),
    "epipoles at infinity": ([0.0, 0.0, 0.0], [1.0, 0.0, 0.0]),
    "forward": ([0.0, 0.0, 0.0], [0.02, 0.01, 1.0]),
    "facing": ([0.0, 3.1, 0.0], [0.05, 0.0, 8.0]),
}


@pytest.mark.parametrize("name", POSES)
def test_corrected_pairs_are_those_of_the_polynomial_method(name):
    rotation, t = (torch.tensor(of, dtype=torch.float64) for of in POSES[name])
    R, generator = exp(rotation), torch.Generator().manual_seed(1)
    xyz = torch.rand(300, 3, generator=generator, dtype=torch.float64) * 2 - 1 + torch.tensor([0.0, 0.0, 4.0])
    a, b = (p[:, :2] / p[:, 2:] for p in (xyz, xyz @ R.mT + t))
    a, b = (x + 0.003 * torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in (a, b))
    E = essential_from_pose(R, t)
    fitted_a, fitted_b = correct_pair(E, a, b)
    ours = (fitted_a - a).square().sum(-1) + (fitted_b - b).square().sum(-1)
    best = torch.tensor([hartley_sturm(E.numpy(), *pair) for pair in zip(a.numpy(), b.numpy(), strict=True)])
    away = (homogeneous(fitted_b) * (homogeneous(fitted_a) @ E.mT)).sum(-1).abs()
    lost = (ours.sqrt() - best.sqrt()).abs() / 0.003  # in units of the noise
    assert float(lost.median()) < 1e-6
    assert float(lost.quantile(0.97)) < 0.01  # two steps do not quite reach the optimum of points near an epipole
    assert float(away.quantile(0.97)) < 1e-6


def test_two_view_points_are_ten_times_faster_than_opencvs():
    a, b, R, t, _ = two_views(200)

    def seconds(call):
        times = []
        for _ in range(3):
            start = time.process_time()
            call()
            times.append(time.process_time() - start)
        return min(times)

    def opencv():
        fitted = cv2.correctMatches(essential_from_pose(R, t).numpy(), a[None].numpy(), b[None].numpy())
        projection = np.hstack([R.numpy(), t[:, None].numpy()])
        cv2.triangulatePoints(np.eye(3, 4), projection, fitted[0][0].T, fitted[1][0].T)

    assert seconds(lambda: triangulate_pair(R, t, a, b)) < seconds(opencv) / 10


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
    assert float(points.robust_weight[..., 2].max()) < 0.01
    assert float(points.robust_weight[..., [0, 1, 3]].min()) > 0.9


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
    assert bool(points.robust_weight.isfinite().all())


def test_vector_median_ignores_the_minority():
    candidates = torch.tensor([[[0.0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [50, 0, 0], [60, 0, 0]]])
    assert float(vector_median(candidates, torch.ones(1, 5)).norm()) < 0.2
    assert vector_median(candidates, torch.tensor([[0.0, 0, 0, 1, 1]]))[0, 0] >= 50


def test_a_candidate_without_weight_cannot_win_even_in_the_middle():
    triangle = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0.5, 0.866, 0]])
    candidates = torch.cat([triangle.mean(0, keepdim=True), triangle])[None]
    assert vector_median(candidates, torch.tensor([[0.0, 1, 1, 1]]))[0].tolist() in triangle.tolist()
    assert torch.allclose(vector_median(candidates, torch.ones(1, 4))[0], triangle.mean(0))


@pytest.mark.slow
def test_all_functions_are_differentiable():
    camera, x, conf, _ = normalized(pixels=4, outliers=0.1, frames=1)
    x, conf = x[0, 3:5], conf[0, 3:5]
    noise = torch.full_like(conf, 0.005)
    given = [of.clone().requires_grad_() for of in (camera.R, camera.t, x, conf, noise)]

    def robust(*of):
        return triangulate_robust(*of, steps=30)

    assert torch.autograd.gradcheck(robust, given, atol=1e-4, rtol=1e-3, fast_mode=True)
    R, t = camera.R[1] @ camera.R[0].mT, torch.tensor([1.0, 0.2, 0.1], dtype=torch.float64)
    pair = [of.clone().requires_grad_() for of in (R, t, x[:, 0], x[:, 1])]
    assert torch.autograd.gradcheck(triangulate_pair, pair, atol=1e-5)
    assert torch.autograd.gradcheck(triangulate_linear, given[:4], atol=1e-5)
    exact = triangulate_pair(*(of.detach().requires_grad_() for of in (R, 0 * t, 0 * x[:, 0], 0 * x[:, 1])))
    assert bool(exact.isfinite().all())


def test_an_undetermined_point_has_no_derivative_instead_of_an_infinite_one():
    camera, x, conf, _ = normalized(frames=1)
    conf[..., 1:] = 0
    x = x.requires_grad_()
    triangulate_robust(camera.R, camera.t, x, conf, torch.full_like(conf, 0.005)).xyz.sum().backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())


@pytest.mark.parametrize("views", [[0, 1], [0, 1, 2, 3]])
def test_errors_are_as_large_as_the_covariance_says(views):
    camera, x, conf, xyz = normalized(pixels=6, frames=200)
    R, t, x, conf = camera.R[views], camera.t[views], x[..., views, :], conf[..., views]
    noise = torch.full_like(conf, 6 / 1147)
    points = triangulate_robust(R, t, x, conf, noise)
    covariance = point_covariance(R, t, points.xyz, conf * points.robust_weight, noise)
    error = points.xyz - xyz
    squared = (error * torch.linalg.solve(covariance, error)).sum(-1) / 3
    assert 0.6 < float(squared.mean()) < 1.3
    assert 0.5 < float(squared.median()) < 1.0  # of chi squared with 3 degrees of freedom, divided by 3: 0.79


def test_the_covariance_of_an_undetermined_point_is_large_and_finite():
    camera, _, conf, xyz = normalized(frames=3)
    noise = torch.full_like(conf, 0.005)
    one = conf.clone()
    one[..., 1:] = 0
    for weight, least in ((one, 1e3), (0 * conf, 1e3)):
        covariance = point_covariance(camera.R, camera.t, xyz, weight, noise)
        assert bool(covariance.isfinite().all())
        assert float(torch.linalg.eigvalsh(covariance)[..., -1].sqrt().min()) > least
    assert float(torch.linalg.eigvalsh(point_covariance(camera.R, camera.t, xyz, conf, noise)).sqrt().max()) < 0.05


def test_single_precision_gives_the_same_points():
    camera, x, conf, _ = normalized(pixels=6, outliers=0.05)
    given = (camera.R, camera.t, x, conf, torch.full_like(conf, 0.005))
    double, single = triangulate_robust(*given), triangulate_robust(*(of.float() for of in given))
    assert single.xyz.dtype == torch.float32
    apart = (double.xyz - single.xyz).norm(dim=-1)
    assert float(apart.quantile(0.99)) < 1e-3
    covariance = point_covariance(
        given[0].float(), given[1].float(), single.xyz, single.robust_weight, given[4].float()
    )
    assert bool(covariance.isfinite().all())


def test_gating_excludes_what_contradicts_and_marks_what_is_left_open():
    camera, x, conf, xyz = normalized(pixels=1)
    x[:10, :, 2] += 0.3  # one view is wrong
    conf[10:15, :, 1:] = 0  # one view is left
    x[15:20, :, 0] += 0.3  # two views are left, one of them wrong
    conf[15:20, :, 2:] = 0
    points = gated(camera.R, camera.t, x, conf, torch.full_like(conf, 0.004))
    assert not bool(points.inlier[:10, :, 2].any())
    assert float(points.inlier[:10][..., [0, 1, 3]].double().mean()) > 0.99
    assert float(points.confidence[:10].min()) > 0.9
    assert float((points.xyz[:10] - xyz[:10]).norm(dim=-1).max()) < 0.1
    assert float(points.confidence[10:15].max()) == 0
    assert float((points.confidence[15:20] > 0).double().mean()) < 0.2
    assert float(points.confidence[20:].min()) > 0.9


def test_parallel_rays_support_nothing():
    camera, x, conf, _ = normalized(frames=5)
    twice = [0, 0]
    points = gated(camera.R[twice], camera.t[twice], x[..., twice, :], conf[..., twice], 0.004 * conf[..., twice])
    assert float(points.confidence.max()) == 0
    center = torch.tensor([[1.0, 0, 0], [-1, 0, 0]], dtype=torch.float64)
    assert float(widest_parallax(torch.zeros(3).double(), center, torch.ones(2, dtype=torch.bool))) < 1e-7


def test_one_view_is_an_error():
    camera, x, conf, _ = normalized(frames=1)
    with pytest.raises(EpiposeError, match="two views or more; got 1"):
        triangulate_robust(camera.R[:1], camera.t[:1], x[..., :1, :], conf[..., :1], conf[..., :1])


def test_a_residual_of_zero_has_a_finite_derivative():
    R = torch.stack([torch.eye(3), torch.tensor([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])]).double()
    t = torch.tensor([[0.0, 0, 4], [0, 0, 4]]).double()
    x = torch.zeros(1, 2, 2, dtype=torch.float64, requires_grad=True)  # two axes that meet in the origin
    points = triangulate_robust(R, t, x, torch.ones(1, 2).double(), 0.01 * torch.ones(1, 2).double())
    assert float(points.residual.detach().max()) < 1e-9
    points.residual.sum().backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())


def test_the_median_of_some_pairs_of_many_views_is_as_near_as_that_of_all():
    generator = torch.Generator().manual_seed(0)
    angle = torch.arange(14, dtype=torch.float64) * 2 * torch.pi / 14
    R = rig().camera.R[0] @ exp(angle[:, None] * torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    t = rig().camera.t[:1].expand(14, 3)
    xyz = moving_skeleton(20).reshape(-1, 3)
    x = perspective(xyz @ R.mT + t[:, None]).movedim(0, 1)
    x = x + 0.004 * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    x[:, :4] += 0.1  # four views are wrong altogether
    weight = torch.ones(len(xyz), 14, dtype=torch.float64)
    weight[::5, 2:] = 0  # seen by two neighbours only
    weight[1::5, 6:] = 0  # by two that are right and four that are wrong
    found = vector_median_of_pairs(R, t, x, weight)
    pairs = list(combinations(range(14), 2))
    everyone = triangulate._median_of(pairs, R, t, x, weight)
    assert torch.equal(found[::5], everyone[::5])
    error, expected = ((of - xyz).norm(dim=-1)[2::5].median() for of in (found, everyone))
    assert float(error) < 1.5 * float(expected) < 0.08
