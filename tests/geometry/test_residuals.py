"""Every residual's derivatives against differences of the cost, for every unknown there is."""

import dataclasses
import math

import pytest
import torch

from epipose.geometry.bundle import BundleProblem, bundle_adjust
from epipose.geometry.parameters import Bundle, Free, Priors
from epipose.geometry.residuals import BundleResiduals
from epipose.geometry.rotation import exp
from epipose.skeletons import H36M17
from tests.helpers.synthetic import moving_skeleton, rig

FRAMES, NOISE = 5, 0.004
SYMMETRIC = H36M17.bone_flip
CASES = {
    "poses": ((), Free(), Priors()),
    "bones": (H36M17.bones, Free(), Priors()),
    "symmetric bones": (H36M17.bones, Free(), Priors(symmetric=SYMMETRIC)),
    "smoothness": (H36M17.bones, Free(), Priors(smoothness=0.01)),
    "shared focal": ((), Free(focal="shared"), Priors(focal_sigma=0.03)),
    "each its focal": ((), Free(focal="each"), Priors(focal_sigma=(0.01, 0.02, 0.03, 0.04))),
    "shared lens": ((), Free(focal="shared", radial="shared"), Priors(radial_sigma=0.02)),
    "each its lens": ((), Free(focal="each", radial="each"), Priors(radial_sigma=0.02)),
    "principal points": ((), Free(center="each"), Priors(center_sigma=(0.01, 0.02, 0.03, 0.04))),
    "shared principal point": ((), Free(focal="shared", center="shared"), Priors(center_sigma=0.02)),
    "pixels not square": ((), Free(aspect="each", radial="shared"), Priors(aspect_sigma=0.03)),
    "lag": ((), Free(lag=True), Priors(lag_sigma=0.3)),
    "lens alone": (H36M17.bones, Free(poses=False, focal="each", radial="shared"), Priors()),
    "all": (
        H36M17.bones,
        Free(focal="each", radial="each", center="each", aspect="shared", lag=True),
        Priors(symmetric=SYMMETRIC, smoothness=0.02, focal_sigma=0.1, radial_sigma=0.1, lag_sigma=0.5),
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def scene(case, pixels=0.0, missing=0.0):
    """A problem at the truth; observations with noise (in expected errors) and some joints missing."""
    bones, free, priors = case
    generator = torch.Generator().manual_seed(0)
    camera, xyz = rig().camera, moving_skeleton(FRAMES)
    p = camera.spread(2).into_frame(xyz)
    x = p[..., :2] / p[..., 2:]
    velocity = 0.02 * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    x = x + pixels * NOISE * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    weight = 0.5 + 0.5 * torch.rand(x.shape[:-1], generator=generator, dtype=x.dtype)
    weight = weight * (torch.rand(weight.shape, generator=generator) >= missing)
    noise = NOISE * (0.5 + torch.rand(weight.shape, generator=generator, dtype=x.dtype))
    problem = BundleResiduals(BundleProblem(x, weight, noise, bones, free, priors, velocity), xyz, None)
    return problem, problem.start(camera.R, camera.t, xyz, None)


def randomly_moved(problem: BundleResiduals, state: Bundle, size: float) -> Bundle:
    generator = torch.Generator().manual_seed(5)
    shared = size * torch.randn(problem.shared, generator=generator, dtype=torch.float64)
    return problem.moved(state, shared, size * torch.randn(state.xyz.shape, generator=generator, dtype=torch.float64))


def cost_after(problem: BundleResiduals, state: Bundle, shared=None, joints=None) -> float:
    """The cost after a step of some of the unknowns."""
    shared = torch.zeros(problem.shared, dtype=torch.float64) if shared is None else shared
    return problem.cost(problem.moved(state, shared, torch.zeros_like(state.xyz) if joints is None else joints))


def slope(cost, size: int, step: float = 1e-5) -> torch.Tensor:
    """Central differences of a cost by each of its ``size`` unknowns."""
    unit = step * torch.eye(size, dtype=torch.float64)
    return torch.tensor([(cost(e) - cost(-e)) / (2 * step) for e in unit], dtype=torch.float64)


@every_case
def test_the_gradient_is_that_of_the_cost(case):
    """Away from the minimum, with noise, missing joints and a lens, a clock and bones that are off."""
    problem, truth = scene(case, pixels=1.0, missing=0.2)
    state = randomly_moved(problem, truth, 0.01)
    if case[1].radial != "known":
        state = state._replace(radial=state.radial + torch.tensor([-0.3, 1.5], dtype=torch.float64))
    equations = problem.equations(state)
    by_shared = slope(lambda step: cost_after(problem, state, shared=step), problem.shared)
    assert torch.allclose(2 * equations.shared_g, by_shared, rtol=1e-4, atol=1e-2)
    some = torch.arange(0, state.xyz.numel(), 7)  # every joint, axis and frame has its turn

    def moved_joint(step):
        joints = torch.zeros(state.xyz.numel(), dtype=torch.float64)
        joints[some] = step
        return cost_after(problem, state, joints=joints.reshape(state.xyz.shape))

    by_joint = slope(moved_joint, len(some))
    ours = 2 * equations.joint_g.permute(2, 1, 0).flatten()[some]
    assert torch.allclose(ours, by_joint, rtol=1e-4, atol=1e-2)


def curvature(equations, shared: torch.Tensor, joints: torch.Tensor, parent: torch.Tensor) -> float:
    """d^T H d of an arrow."""
    above = torch.where((parent >= 0)[:, None], joints[:, parent.clamp(min=0)], 0.0)
    total = shared @ equations.shared @ shared
    total = total + torch.einsum("fja,abjf,fjb->", joints, equations.joint, joints)
    total = total + 2 * torch.einsum("fja,bajf,fjb->", joints, equations.to_parent, above)
    return float(total + 2 * torch.einsum("fja,sajf,s->", joints, equations.to_shared, shared))


@every_case
def test_where_everything_fits_the_matrix_is_the_curvature_of_the_cost(case):
    """There Gauss and Newton agree, and so do cost and half of d^T H d. Smoothness only bounds it from above."""
    bones, free, priors = case
    problem, truth = scene((bones, free, dataclasses.replace(priors, smoothness=None)))
    problem_with, _ = scene(case)
    generator = torch.Generator().manual_seed(2)
    for only in ("shared", "joints", "both"):
        shared = torch.randn(problem.shared, generator=generator, dtype=torch.float64) * (only != "joints")
        joints = torch.randn(truth.xyz.shape, generator=generator, dtype=torch.float64) * (only != "shared")
        step = 1e-6
        change = cost_after(problem, truth, step * shared, step * joints) - truth.cost
        ours = curvature(problem.equations(truth), shared, joints, problem.tree.parent)
        assert change / step**2 == pytest.approx(ours, rel=1e-3)
        if priors.smoothness is not None:
            path = joints[:-2] - 2 * joints[1:-1] + joints[2:]
            bounded = curvature(problem_with.equations(truth), shared, joints, problem.tree.parent)
            assert bounded >= ours + float((path / priors.smoothness).square().sum()) - 1e-6 * ours


def test_a_lens_bends_rays_as_the_camera_does():
    """K and k1, k2 of a camera say where a joint is seen; so do focal, aspect, centre and radial of the bundle."""
    camera, xyz, assumed = rig().camera, moving_skeleton(FRAMES), 1000.0
    radial = torch.tensor([[-0.2, 0.1], [0.1, -0.05], [0.0, 0.2], [-0.3, 0.0]], dtype=torch.float64)
    distortion = torch.cat([radial, torch.zeros(4, 3, dtype=torch.float64)], 1)
    focal = torch.tensor([1.0, 1.1, 0.9, 1.3], dtype=torch.float64)
    aspect = torch.tensor([1.0, 1.2, 0.8, 1.05], dtype=torch.float64)
    center = torch.tensor([[0.0, 0.0], [0.02, -0.01], [0.0, 0.03], [-0.01, 0.0]], dtype=torch.float64)
    K = camera.K.clone()
    K[:, 0, 0], K[:, 1, 1] = assumed * focal * aspect.sqrt(), assumed * focal / aspect.sqrt()
    middle = K[:, :2, 2].clone()
    K[:, :2, 2] += assumed * center
    pixels = dataclasses.replace(camera, K=K, distortion=distortion).spread(2).project(xyz)
    x = (pixels - middle[:, None, None]) / assumed + 0.001
    weight = torch.ones(x.shape[:-1], dtype=torch.float64)
    problem = BundleResiduals(BundleProblem(x, weight, NOISE * weight), xyz, None)
    state = problem.start(camera.R, camera.t, xyz, None)._replace(
        focal=focal, radial=radial, center=center, aspect=aspect
    )  # fmt: skip
    residual = problem.images(state).r
    assert torch.allclose(residual, torch.full_like(residual, -0.001 / NOISE), rtol=1e-9)
    expected = float(torch.tensor(2 * (0.001 / NOISE) ** 2).log1p()) * weight.numel()
    priors = (focal.log() / 0.5).square().sum() + (radial / 0.3).square().sum()
    priors = priors + (center / 0.02).square().sum() + (aspect.log() / 0.2).square().sum()
    assert problem.cost(state) == pytest.approx(expected + float(priors), rel=1e-6)


def test_a_late_view_is_read_further_on():
    """With a lag of 0.5 frames an observation counts as half a frame's motion further along."""
    camera, xyz = rig().camera, moving_skeleton(FRAMES)
    p = camera.spread(2).into_frame(xyz)
    velocity = torch.full(p[..., :2].shape, 0.01, dtype=torch.float64)
    lag = torch.tensor([0.0, 0.5, -0.25, 1.0], dtype=torch.float64)
    x = p[..., :2] / p[..., 2:] - lag[:, None, None, None] * velocity
    weight = torch.ones(x.shape[:-1], dtype=torch.float64)
    problem = BundleResiduals(
        BundleProblem(x, weight, NOISE * weight, free=Free(lag=True), velocity=velocity), xyz, None
    )
    state = problem.start(camera.R, camera.t, xyz, None)._replace(lag=lag)
    assert float(problem.images(state).r.abs().max()) < 1e-9


def test_a_joint_behind_a_camera_that_sees_it_is_impossible_and_an_unseen_one_is_not():
    problem, state = scene(CASES["poses"])
    camera = rig().camera
    behind = state.xyz.clone()
    behind[2, 3] = camera.center[0] - camera.R[0, 2]
    assert problem.cost(state._replace(xyz=behind)) == math.inf
    problem.weight[:, 3, 2] = 0
    assert problem.cost(state._replace(xyz=behind)) < 1e-9


def test_the_cameras_stay_where_they_are_when_they_are_known():
    problem, truth = scene(CASES["poses"], pixels=0.5)
    camera = rig().camera
    start = truth.xyz + 0.01 * torch.randn(truth.xyz.shape, generator=torch.Generator().manual_seed(3)).double()
    x = problem.x.permute(0, 3, 2, 1) / 1.05
    free = Free(poses=False, focal="shared")
    found = bundle_adjust(
        BundleProblem(x, problem.weight.mT, problem.noise.mT, H36M17.bones, free), camera.R, camera.t, start
    )
    assert torch.equal(found.R, camera.R)
    assert torch.equal(found.t, camera.t)
    assert torch.allclose(found.focal, torch.full((4,), 1 / 1.05, dtype=torch.float64), atol=0.003)
    assert float((found.xyz - truth.xyz).norm(dim=-1).median()) < 0.02
    assert not bool(found.radial.any() or found.lag.any())


def test_what_is_not_free_has_no_unknown():
    """6 per camera, 1 or 4 focal lengths, 2 or 8 distortions, bones by their pairs; view 0 is the clock."""
    pairs = len({min(i, partner) for i, partner in enumerate(SYMMETRIC)})
    expected = {
        "poses": 24,
        "bones": 24 + 16,
        "symmetric bones": 24 + pairs,
        "shared focal": 25,
        "each its focal": 28,
        "shared lens": 27,
        "each its lens": 36,
        "lens alone": 4 + 2 + 16,
    }
    assert {name: scene(CASES[name])[0].shared for name in expected} == expected
    problem, truth = scene(CASES["lag"])
    assert float(randomly_moved(problem, truth, 0.01).lag[0]) == 0


def test_steps_turn_and_shift_each_camera_in_its_own_axes():
    problem, truth = scene(CASES["poses"])
    step = torch.arange(24, dtype=torch.float64) / 100
    moved = problem.moved(truth, step, torch.zeros_like(truth.xyz))
    turn, shift = step.reshape(4, 6)[:, :3], step.reshape(4, 6)[:, 3:]
    assert torch.allclose(moved.R, exp(turn) @ truth.R)
    assert torch.allclose(moved.t, truth.t + shift)


def test_a_point_that_one_view_alone_sees_says_nothing_of_the_cameras():
    """Its depth is open, so its equations are singular; what it takes from the cameras is all that it gives them."""
    problem, truth = scene(CASES["poses"], pixels=1.0)
    state = randomly_moved(problem, truth, 0.003)
    problem.weight[1:, ::3, 1] = 0
    with_them = problem.equations(state).damped(0.0).eliminate()
    problem.weight[:, ::3, 1] = 0
    without = problem.equations(state).damped(0.0).eliminate()
    scale = float(without.shared.diagonal().max())
    assert float((with_them.shared - without.shared).abs().max()) < 1e-6 * scale
    assert float((with_them.shared_g - without.shared_g).abs().max()) < 1e-6 * float(without.shared_g.abs().max())
