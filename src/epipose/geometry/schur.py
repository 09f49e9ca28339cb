"""Block-arrowhead normal equations and their Schur complement, in time linear in the number of joints.

The joints of a frame hang together like the skeleton, a tree of bones, and meet other frames only through a few
shared unknowns: extrinsics, intrinsics, lags, bone lengths. Ordered that way the matrix is an arrow: a wide border for
the shared unknowns, and along the diagonal one tree per frame. A tree is eliminated from its leaves to its root without
any fill-in (as in the dynamics of robots: Featherstone 2008, section 6.5), all frames and all joints of one depth at
once. What remains is a small dense system for the shared unknowns, the Schur complement (Triggs et al. 2000, section
6.1). Joints and frames are the last axes everywhere, so that one operation works on thousands of joints in a row: their
matrices are far too small for a library call each.
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
        levels = [[j for j in range(joints) if depth[j] == d] for d in range(max(depth, default=0) + 1)]
        # All joints as a slice, which takes no copy.
        self.levels = [torch.tensor(level) for level in levels] if bones else [slice(None)]


class Arrow:
    """H and g of the linear system H delta = -g; see the fields' shapes. `BundleResiduals` fills them in."""

    def __init__(self, tree: Tree, frames: int, joints: int, shared: int, like: Tensor) -> None:
        self.tree = tree
        self.shared: Float[Tensor, "shared shared"] = like.new_zeros(shared, shared)
        self.shared_g: Float[Tensor, " shared"] = like.new_zeros(shared)
        self.joint: Float[Tensor, "3 3 joint frame"] = like.new_zeros(3, 3, joints, frames)
        self.joint_g: Float[Tensor, "3 joint frame"] = like.new_zeros(3, joints, frames)
        self.to_parent: Float[Tensor, "3 3 joint frame"] = like.new_zeros(3, 3, joints, frames)  # its parent x joint
        self.to_shared: Float[Tensor, "shared 3 joint frame"] = like.new_zeros(shared, 3, joints, frames)

    def damped(self, damping: float) -> Arrow:
        """The system with its diagonal made heavier (Levenberg-Marquardt)."""
        new = copy(self)
        new.joint, new.shared = self.joint.clone(), self.shared.clone()
        for diagonal in (new.joint.diagonal(), new.shared.diagonal()):
            diagonal.mul_(1 + damping).add_(1e-9)
        return new

    def with_shared(self, count: int) -> Arrow:
        """The system with the first so many of its shared unknowns, the others held."""
        new = copy(self)
        new.shared, new.shared_g = self.shared[:count, :count], self.shared_g[:count]
        new.to_shared = self.to_shared[:count]
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
        """Eliminate all joints, leaves first: with H_joint = L L^T, what meets a joint is multiplied by L^-1."""
        # border: the shared unknowns and, as the last one, the gradient
        border = torch.cat([self.to_shared, self.joint_g[None]])
        joint, up, factor = self.joint.clone(), self.to_parent.clone(), self.joint.new_empty(6, *self.joint.shape[2:])
        reduced = border.new_zeros(len(border), len(border))
        for level in reversed(self.tree.levels):
            L, here, parent = cholesky_3x3(joint[:, :, level]), border[:, :, level], self.tree.parent[level]
            forward_(L, here)
            reduced.addmm_(here.flatten(1), here.flatten(1).mT)
            factor[:, level] = L
            if int(parent[0]) >= 0:  # joints of depth 0 have no parents, all others have one
                border[:, :, level] = here
                above = up[:, :, level]
                forward_(L, above)
                up[:, :, level] = above
                border.index_add_(2, parent, products(here, above), alpha=-1)
                joint.index_add_(2, parent, products(above, above), alpha=-1)
            elif isinstance(level, Tensor):
                border[:, :, level] = here
        return Eliminated(
            self.tree, factor, up, border, self.shared - reduced[:-1, :-1], self.shared_g - reduced[:-1, -1]
        )


class Eliminated:
    """The Schur complement of an arrow, and what back substitution of the joints needs."""

    def __init__(
        self, tree: Tree, factor: Tensor, up: Tensor, border: Tensor, shared: Tensor, shared_g: Tensor
    ) -> None:
        self.tree, self.factor, self.up, self.border = tree, factor, up, border
        self.shared: Float[Tensor, "shared shared"] = shared
        self.shared_g: Float[Tensor, " shared"] = shared_g

    def back_substitute(self, step: Float[Tensor, " shared"]) -> Float[Tensor, "frame joint 3"]:
        """The joints' step that belongs to a step of the shared unknowns."""
        right = torch.cat([step, step.new_ones(1)]) @ self.border.flatten(1)
        return -self._down(right.reshape(1, *self.border.shape[1:]))[0].permute(2, 1, 0)

    def by_shared(self) -> Float[Tensor, "shared 3 joint frame"]:
        """Minus the derivative of the optimal joints by the shared unknowns: H_joints^-1 H_joints,shared."""
        return self._down(self.border[:-1].clone())

    def _down(self, solution: Tensor) -> Tensor:
        """Solve in place from the root to the leaves for right-hand sides that have been carried up already."""
        for level in self.tree.levels:
            here, parent = solution[:, :, level], self.tree.parent[level]
            if int(parent[0]) >= 0:
                here -= products(solution[:, :, parent], self.up[:, :, level].transpose(0, 1))
            backward_(self.factor[:, level], here)
            solution[:, :, level] = here
        return solution


def products(A: Float[Tensor, "*batch m k joint frame"], B: Float[Tensor, "*batch n k joint frame"]) -> Tensor:
    """A B^T of every joint's m x k and n x k matrices (*batch, m, n, joint, frame)."""
    A, B = A.unsqueeze(-4), B.unsqueeze(-5)
    product = A[..., 0, :, :] * B[..., 0, :, :]
    for i in range(1, A.shape[-3]):
        product.addcmul_(A[..., i, :, :], B[..., i, :, :])
    return product


def cholesky_3x3(H: Float[Tensor, "3 3 joint frame"]) -> Float[Tensor, "6 joint frame"]:
    """L of H = L L^T row by row, with the reciprocals of its diagonal: 1/l00, l10, 1/l11, l20, l21, 1/l22.

    Pivots that rounding has made negative are those of a direction that is hardly held.
    """
    eps = torch.finfo(H.dtype).eps
    a = H[0, 0].rsqrt()
    l10, l20 = H[1, 0] * a, H[2, 0] * a
    b = torch.maximum(H[1, 1] - l10 * l10, eps * H[1, 1]).rsqrt()
    l21 = (H[2, 1] - l20 * l10) * b
    c = torch.maximum(H[2, 2] - l20 * l20 - l21 * l21, eps * H[2, 2]).rsqrt()
    return torch.stack([a, l10, b, l20, l21, c])


def forward_(L: Float[Tensor, "6 joint frame"], right: Float[Tensor, "rows 3 joint frame"]) -> None:
    """Multiply every row by L^-1, in place."""
    a, l10, b, l20, l21, c = L
    x, y, z = right.unbind(1)
    x.mul_(a)
    y.addcmul_(l10, x, value=-1).mul_(b)
    z.addcmul_(l20, x, value=-1).addcmul_(l21, y, value=-1).mul_(c)


def backward_(L: Float[Tensor, "6 joint frame"], right: Float[Tensor, "rows 3 joint frame"]) -> None:
    """Multiply every row by L^-T, in place."""
    a, l10, b, l20, l21, c = L
    x, y, z = right.unbind(1)
    z.mul_(c)
    y.addcmul_(l21, z, value=-1).mul_(b)
    x.addcmul_(l10, y, value=-1).addcmul_(l20, z, value=-1).mul_(a)
