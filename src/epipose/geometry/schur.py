"""Block-arrowhead normal equations and their Schur complement, in time linear in the number of joints.

The joints of a frame hang together like the skeleton, a tree of bones, and meet other frames only through a few
shared unknowns: extrinsics, intrinsics, lags, bone lengths. Ordered that way the matrix is an arrow: a wide border for
the shared unknowns, and along the diagonal one tree per frame. A tree is eliminated from its leaves to its root without
any fill-in (as in the dynamics of robots: Featherstone 2008, section 6.5), all frames and all joints of one depth at
once. What remains is a small dense system for the shared unknowns, the Schur complement (Triggs et al. 2000, section
6.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import torch
from jaxtyping import Float
from torch import Tensor


class Tree:
    """The joints of a frame as a forest; joints without a bone are trees of their own."""

    def __init__(self, joints: int, bones: Sequence[tuple[int, int]]) -> None:
        parent = [-1] * joints
        for above, below in bones:
            parent[below] = above
        depth = [0] * joints
        for joint in range(joints):
            above = parent[joint]
            while above >= 0:
                depth[joint] += 1
                above = parent[above]
        self.parent = torch.tensor(parent)
        levels = [[j for j in range(joints) if depth[j] == d] for d in range(max(depth) + 1)]
        self.levels = [torch.tensor(level) for level in levels]


class Arrow:
    """H and g of the linear system H delta = -g; see the fields' shapes. `BundleResiduals` fills them in."""

    def __init__(self, tree: Tree, frames: int, joints: int, shared: int, like: Tensor) -> None:
        self.tree = tree
        self.shared: Float[Tensor, "shared shared"] = like.new_zeros(shared, shared)
        self.shared_g: Float[Tensor, " shared"] = like.new_zeros(shared)
        self.joint: Float[Tensor, "frame joint 3 3"] = like.new_zeros(frames, joints, 3, 3)
        self.joint_g: Float[Tensor, "frame joint 3"] = like.new_zeros(frames, joints, 3)
        self.to_parent: Float[Tensor, "frame joint 3 3"] = like.new_zeros(frames, joints, 3, 3)  # joint x its parent
        self.to_shared: Float[Tensor, "frame joint 3 shared"] = like.new_zeros(frames, joints, 3, shared)

    def damped(self, damping: float) -> Arrow:
        """The system with its diagonal made heavier (Levenberg-Marquardt)."""
        new = copy(self)
        new.joint = _heavier(self.joint, damping)
        new.shared = _heavier(self.shared, damping)
        return new

    def solve(self) -> tuple[Float[Tensor, " shared"], Float[Tensor, "frame joint 3"]] | None:
        """The step (shared unknowns, joints), or None where the system is not positive definite."""
        eliminated = self.eliminate()
        factor, bad = torch.linalg.cholesky_ex(eliminated.shared)
        if bool(bad) or not bool(factor.isfinite().all()):
            return None
        step = -torch.cholesky_solve(eliminated.shared_g[:, None], factor)[:, 0]
        return step, eliminated.back_substitute(step)

    def eliminate(self) -> Eliminated:
        """Eliminate all joints, leaves first."""
        # border: the shared columns and, as the last one, the gradient
        border = torch.cat([self.to_shared, self.joint_g[..., None]], -1)
        diagonal, inverse = self.joint.clone(), torch.empty_like(self.joint)
        reduced = torch.cat([self.shared, self.shared_g[:, None]], 1)
        for level in reversed(self.tree.levels):
            inverse[:, level] = inverse_3x3(diagonal[:, level])
            parent = self.tree.parent[level]
            here = border[:, level]
            solved = inverse[:, level] @ here
            reduced = reduced - here.flatten(0, 2)[:, :-1].mT @ solved.flatten(0, 2)
            if int(parent[0]) >= 0:  # joints of depth 0 have no parents, all others have one
                up = self.to_parent[:, level]
                border.index_add_(1, parent, up.mT @ solved, alpha=-1)
                diagonal.index_add_(1, parent, up.mT @ (inverse[:, level] @ up), alpha=-1)
        return Eliminated(self.tree, self.to_parent, inverse, border, reduced[:, :-1], reduced[:, -1])


class Eliminated:
    """The Schur complement of an arrow, and what back substitution of the joints needs."""

    def __init__(
        self, tree: Tree, to_parent: Tensor, inverse: Tensor, border: Tensor, shared: Tensor, shared_g: Tensor
    ) -> None:
        self.tree, self.to_parent, self.inverse, self.border = tree, to_parent, inverse, border
        self.shared: Float[Tensor, "shared shared"] = shared
        self.shared_g: Float[Tensor, " shared"] = shared_g

    def back_substitute(self, step: Float[Tensor, " shared"]) -> Float[Tensor, "frame joint 3"]:
        """The joints' step that belongs to a step of the shared unknowns."""
        right = self.border[..., :-1] @ step + self.border[..., -1]
        return -self._down(right[..., None])[..., 0]

    def by_shared(self) -> Float[Tensor, "frame joint 3 shared"]:
        """Minus the derivative of the optimal joints by the shared unknowns: H_joints^-1 H_joints,shared."""
        return self._down(self.border[..., :-1])

    def _down(self, right: Tensor) -> Tensor:
        """Solve from the root to the leaves for right-hand sides that have been carried up already."""
        solution = torch.empty_like(right)
        for level in self.tree.levels:
            parent = self.tree.parent[level]
            here = right[:, level]
            if int(parent[0]) >= 0:
                here = here - self.to_parent[:, level] @ solution[:, parent]
            solution[:, level] = self.inverse[:, level] @ here
        return solution


def inverse_3x3(M: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Inverse by cross products of the rows (a library call per tiny matrix would cost more than the arithmetic)."""
    a, b, c = M.unbind(-2)
    bc = torch.linalg.cross(b, c)
    determinant = (a * bc).sum(-1)[..., None, None]
    return torch.stack([bc, torch.linalg.cross(c, a), torch.linalg.cross(a, b)], -1) / determinant


def _heavier(H: Tensor, damping: float) -> Tensor:
    return H + torch.diag_embed(damping * H.diagonal(dim1=-2, dim2=-1) + 1e-9)
