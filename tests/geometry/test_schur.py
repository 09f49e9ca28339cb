"""The arrow-shaped normal equations against the same system written out as one dense matrix."""

import pytest
import torch

from epipose.geometry.schur import Arrow, Tree, backward_, cholesky_3x3, forward_
from epipose.skeletons import BLAZEPOSE33, H36M17

# Two trees and two joints on their own; parents stand before and behind their children.
FOREST = ((4, 0), (4, 5), (5, 2), (7, 6))
SYSTEMS = {
    "no bones": (4, 3, (), 5),
    "one joint": (6, 1, (), 4),
    "forest": (3, 9, FOREST, 7),
    "h36m17": (2, 17, H36M17.bones, 12),
    "blazepose33": (2, 33, BLAZEPOSE33.bones, 3),
}


def random_system(frames, joints, bones, shared, seed=0):
    """A positive definite arrow and its dense counterpart: H, g over the shared unknowns, then frame by frame."""
    generator = torch.Generator().manual_seed(seed)
    size = shared + 3 * frames * joints
    parent = {child: above for above, child in bones}
    J = torch.zeros(frames * joints, 6, size, dtype=torch.float64)

    def place(frame, joint):
        start = shared + 3 * (frame * joints + joint)
        return slice(start, start + 3)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    for frame in range(frames):
        for joint in range(joints):
            rows = J[frame * joints + joint]
            rows[:, :shared], rows[:, place(frame, joint)] = draw(6, shared), draw(6, 3)
            if joint in parent:
                rows[:, place(frame, parent[joint])] = draw(6, 3)
    J = J.reshape(-1, size)
    H, g = J.mT @ J + 0.1 * torch.eye(size, dtype=torch.float64), draw(size)
    arrow = Arrow(Tree(joints, bones), frames, joints, shared, H)
    arrow.shared += H[:shared, :shared]
    arrow.shared_g += g[:shared]
    for frame in range(frames):
        for joint in range(joints):
            here = place(frame, joint)
            arrow.joint[..., joint, frame], arrow.joint_g[..., joint, frame] = H[here, here], g[here]
            arrow.to_shared[..., joint, frame] = H[:shared, here]
            if joint in parent:
                arrow.to_parent[..., joint, frame] = H[place(frame, parent[joint]), here]
    return arrow, H, g


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
@pytest.mark.parametrize("seed", [0, 1])
def test_solves_as_a_dense_solver_does(system, seed):
    arrow, H, g = random_system(*system, seed=seed)
    step = arrow.solve()
    assert step is not None
    expected = torch.linalg.solve(H, -g)
    assert torch.allclose(torch.cat([step[0], step[1].flatten()]), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_what_remains_is_the_schur_complement(system):
    arrow, H, g = random_system(*system)
    S = system[3]
    by_shared = torch.linalg.solve(H[S:, S:], H[S:, :S])
    eliminated = arrow.eliminate()
    assert torch.allclose(eliminated.shared, H[:S, :S] - H[:S, S:] @ by_shared, rtol=1e-8, atol=1e-9)
    assert torch.allclose(eliminated.shared_g, g[:S] - by_shared.mT @ g[S:], rtol=1e-8, atol=1e-9)
    assert torch.allclose(eliminated.by_shared().permute(3, 2, 1, 0).reshape(-1, S), by_shared, rtol=1e-8, atol=1e-9)


def test_the_joints_follow_any_step_of_the_shared_unknowns():
    arrow, H, g = random_system(*SYSTEMS["forest"])
    S = len(arrow.shared)
    step = torch.linspace(-1, 2, S, dtype=torch.float64)
    expected = torch.linalg.solve(H[S:, S:], -(g[S:] + H[S:, :S] @ step))
    assert torch.allclose(arrow.eliminate().back_substitute(step).flatten(), expected, rtol=1e-8, atol=1e-9)


def test_damping_makes_every_diagonal_heavier_and_leaves_the_original_alone():
    arrow, H, g = random_system(*SYSTEMS["forest"])
    before = arrow.joint.clone(), arrow.shared.clone()
    step = arrow.damped(0.5).solve()
    assert step is not None
    heavier = H + torch.diag(0.5 * H.diagonal() + 1e-9)
    expected = torch.linalg.solve(heavier, -g)
    assert torch.allclose(torch.cat([step[0], step[1].flatten()]), expected, rtol=1e-8, atol=1e-10)
    assert torch.equal(arrow.joint, before[0])
    assert torch.equal(arrow.shared, before[1])


def test_solving_twice_gives_the_same():
    arrow, _, _ = random_system(*SYSTEMS["h36m17"])
    first, second = arrow.solve(), arrow.solve()
    assert first is not None
    assert second is not None
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_a_direction_that_goes_uphill_gives_no_step():
    arrow, _, _ = random_system(*SYSTEMS["forest"])
    arrow.shared -= 2 * torch.diag(arrow.shared.diagonal())
    assert arrow.solve() is None


def test_a_joint_that_nothing_holds_gives_no_step_until_damped():
    arrow, _, _ = random_system(*SYSTEMS["no bones"])
    for field in (arrow.joint, arrow.joint_g, arrow.to_shared):
        field[..., 2, 1] = 0
    assert arrow.solve() is None
    damped = arrow.damped(1e-4).solve()
    assert damped is not None
    assert float(damped[1][1, 2].abs().max()) == 0


def test_factors_of_small_matrices_solve_as_a_dense_solver_does():
    generator = torch.Generator().manual_seed(0)
    A, right = (torch.randn(4, 5, 3, n, generator=generator, dtype=torch.float64) for n in (6, 2))
    H = A @ A.mT
    L, rows = cholesky_3x3(H.permute(2, 3, 0, 1)), right.permute(3, 2, 0, 1).clone()
    forward_(L, rows)
    lower = torch.linalg.cholesky(H)
    assert torch.allclose(rows.permute(2, 3, 1, 0), torch.linalg.solve(lower, right), rtol=1e-8, atol=1e-8)
    backward_(L, rows)
    assert torch.allclose(rows.permute(2, 3, 1, 0), torch.linalg.solve(H, right), rtol=1e-8, atol=1e-8)
