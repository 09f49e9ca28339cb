"""Bundle adjustment: cameras and joints together, so that every view explains every joint as well as it can.

The unknowns are six numbers per camera, three per joint and frame, and one length per bone. A person's bones do not
change length, which ties the joints of one frame together and one frame to the next: it is what a single bone seen
from two sides can tell about a camera. The joints of a frame meet other frames only through the cameras and the bone
lengths, so the normal equations are arrow-shaped: each frame's block is eliminated (Schur complement; Triggs et al.
2000, section 6.1), a small system for the cameras and bones remains, and the frames follow by back-substitution. All
frames are one batch. Robustness by Cauchy weights, re-weighted in every step; damping by Levenberg and Marquardt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.geometry.rotation import exp, hat


class Bundle(NamedTuple):
    """Cameras (cam_from_world), points and bone lengths; ``cost`` is the robust cost that was reached."""

    R: Float[Tensor, "view 3 3"]
    t: Float[Tensor, "view 3"]
    xyz: Float[Tensor, "frame joint 3"]
    bone_length: Float[Tensor, "bone"]
    cost: float


def bundle_adjust(
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    xyz: Float[Tensor, "frame joint 3"],
    x: Float[Tensor, "view frame joint 2"],
    weight: Float[Tensor, "view frame joint"],
    noise: Float[Tensor, "view frame joint"],
    bones: Sequence[tuple[int, int]] = (),
    bone_noise: float = 0.02,
    steps: int = 100,
) -> Bundle:
    """Minimise sum of weight * log(1 + |r|^2) over cameras, points and bone lengths.

    ``x``: undistorted observations on z = 1 with ``weight`` 0 where missing; ``noise``: their expected error in the
    same unit. ``bones``: (parent, child) pairs that keep one length, each to within the share ``bone_noise`` of the
    mean bone. The world frame and the scale are free in the equations; they come back as camera 0 and as the
    distance between cameras 0 and 1 of the start.
    """
    shape = xyz.shape
    if not bones:  # nothing ties the joints of a frame together: eliminate them one by one, which is far cheaper
        xyz = xyz.reshape(-1, 1, 3)
        x, weight, noise = (of.reshape(len(R), -1, 1, *of.shape[3:]) for of in (x, weight, noise))
    problem = _Problem(xyz, x, weight, noise, tuple(bones), bone_noise)
    state = Bundle(R, t, xyz, problem.start_length, 0.0)
    state = state._replace(cost=problem.cost(state))
    damping = 1e-4
    for _ in range(steps):
        candidate = problem.step(state, damping)
        if candidate is None or not candidate.cost < state.cost:
            damping *= 10
            if damping > 1e8:
                break
            continue
        gain, state, damping = state.cost - candidate.cost, candidate, max(damping / 10, 1e-10)
        if gain < 1e-6 * state.cost:
            break
    return _in_the_frame_of(state._replace(xyz=state.xyz.reshape(shape)), R, t)


def _in_the_frame_of(state: Bundle, R: Tensor, t: Tensor) -> Bundle:
    """Move the result so that camera 0, and the length of the baseline from it to camera 1, are those of (R, t)."""

    def baseline(R: Tensor, t: Tensor) -> Tensor:
        return (R[1].mT @ t[1] - R[0].mT @ t[0]).norm()

    scale = baseline(R, t) / baseline(state.R, state.t)
    turn = state.R[0].mT @ R[0]  # old world <- new world
    in_camera_0 = state.xyz @ state.R[0].mT + state.t[0]
    xyz = (scale * in_camera_0 - t[0]) @ R[0]
    shift = scale * (state.R[0].mT @ (t[0] / scale - state.t[0]))
    return Bundle(
        R=state.R @ turn,
        t=scale * state.t + (state.R @ shift[:, None])[..., 0],
        xyz=xyz,
        bone_length=scale * state.bone_length,
        cost=state.cost,
    )


class _Problem:
    """The residuals, their derivatives and the damped step. Notation: V views, F frames, J joints, B bones."""

    def __init__(
        self,
        xyz: Tensor,
        x: Tensor,
        weight: Tensor,
        noise: Tensor,
        bones: tuple[tuple[int, int], ...],
        bone_noise: float,
    ):
        self.x, self.weight, self.noise = x, weight, noise
        self.parent = torch.tensor([parent for parent, _ in bones], dtype=torch.long)
        self.child = torch.tensor([child for _, child in bones], dtype=torch.long)
        self.views, self.frames, self.joints = weight.shape
        # A bone counts in a frame when both its joints were seen by two views there.
        seen = ((weight > 0).sum(0) >= 2).to(x)
        self.bone_weight = seen[:, self.parent] * seen[:, self.child]
        length = (xyz[:, self.child] - xyz[:, self.parent]).norm(dim=-1)
        median = torch.where(self.bone_weight > 0, length, torch.nan).nanmedian(0).values
        self.start_length = torch.nan_to_num(median, nan=1.0).clamp(min=1e-9)
        # One absolute error for all bones, written relative to each: detectors err by centimetres, not by per cents.
        self.bone_sigma = bone_noise * self.start_length.mean() / self.start_length

    def cost(self, state: Bundle) -> float:
        r, _, _, in_front = self._reprojection(state)
        if not in_front:
            return torch.inf
        s, _ = self._bone(state)
        return float((self.weight * r.square().sum(-1).log1p()).sum() + (self.bone_weight * s.square().log1p()).sum())

    def _reprojection(self, state: Bundle) -> tuple[Tensor, Tensor, Tensor, bool]:
        """r (V F J 2), by point in the camera (V F J 2 3), rotated point (V F J 3), whether all are in front."""
        rotated = state.xyz @ state.R[:, None].mT
        p = rotated + state.t[:, None, None]
        in_front = bool((p[..., 2] > 1e-6)[self.weight > 0].all())
        z = p[..., 2:].clamp(min=1e-6)
        u = p[..., :2] / z
        scale = 1 / (z * self.noise[..., None])
        by_p = torch.cat([torch.eye(2, dtype=u.dtype).expand(*u.shape, 2), -u[..., None]], -1) * scale[..., None]
        return (u - self.x) / self.noise[..., None], by_p, rotated, in_front

    def _bone(self, state: Bundle) -> tuple[Tensor, Tensor]:
        """s = log(|child - parent| / length) / sigma (F B) and its derivative by the child's position (F B 3)."""
        difference = state.xyz[:, self.child] - state.xyz[:, self.parent]
        length = difference.norm(dim=-1).clamp(min=1e-9)
        s = (length / state.bone_length).log() / self.bone_sigma
        return s, difference / (length.square() * self.bone_sigma)[..., None]

    def step(self, state: Bundle, damping: float) -> Bundle | None:
        """One damped Gauss-Newton step, or None where the damped system is not positive definite."""
        V, F, J, B = self.views, self.frames, self.joints, len(self.parent)
        C = 6 * V + B
        r, by_p, rotated, _ = self._reprojection(state)
        w = (self.weight / (1 + r.square().sum(-1)))[..., None, None]
        A = by_p @ torch.cat([-hat(rotated), torch.eye(3, dtype=r.dtype).expand(*rotated.shape, 3)], -1)  # camera
        P = by_p @ state.R[:, None, None]  # point
        wA, wP = w * A, w * P

        H_cc, g_c = r.new_zeros(C, C), r.new_zeros(C)
        H_pp, g_p = r.new_zeros(F, J, 3, J, 3), (wP.mT @ r[..., None])[..., 0].sum(0)
        H_cp = r.new_zeros(F, C, J, 3)
        camera_blocks = (wA.mT @ A).sum((1, 2))
        for view in range(V):
            H_cc[6 * view : 6 * view + 6, 6 * view : 6 * view + 6] = camera_blocks[view]
        g_c[: 6 * V] = (wA.mT @ r[..., None])[..., 0].sum((1, 2)).flatten()
        H_cp[:, : 6 * V] = (wA.mT @ P).permute(1, 0, 3, 2, 4).reshape(F, 6 * V, J, 3)
        joint = torch.arange(J)
        H_pp[:, joint, :, joint] = (wP.mT @ P).sum(0).transpose(0, 1)
        if B:
            self._add_bones(state, H_cc[6 * V :, 6 * V :], g_c[6 * V :], H_pp, g_p, H_cp[:, 6 * V :])
        H_pp, H_cp, g_p = H_pp.reshape(F, 3 * J, 3 * J), H_cp.reshape(F, C, 3 * J), g_p.reshape(F, 3 * J)
        return self._solve(state, H_cc, g_c, H_pp, g_p, H_cp, damping)

    def _add_bones(self, state: Bundle, H_cc: Tensor, g_c: Tensor, H_pp: Tensor, g_p: Tensor, H_cp: Tensor) -> None:
        """Add the bone terms in place; the unknown of a bone is the logarithm of its length."""
        s, d = self._bone(state)
        w = self.bone_weight / (1 + s.square())
        by_log_length = -1 / self.bone_sigma
        outer = w[..., None, None] * d[..., :, None] * d[..., None, :]
        pull = (w * s)[..., None] * d
        for bone, (parent, child) in enumerate(zip(self.parent.tolist(), self.child.tolist(), strict=True)):
            H_pp[:, child, :, child] += outer[:, bone]
            H_pp[:, parent, :, parent] += outer[:, bone]
            H_pp[:, child, :, parent] -= outer[:, bone]
            H_pp[:, parent, :, child] -= outer[:, bone]
            g_p[:, child] += pull[:, bone]
            g_p[:, parent] -= pull[:, bone]
            cross = (w[:, bone] * by_log_length[bone])[:, None] * d[:, bone]
            H_cp[:, bone, child] += cross
            H_cp[:, bone, parent] -= cross
        H_cc += torch.diag(w.sum(0) * by_log_length**2)
        g_c += (w * s).sum(0) * by_log_length

    def _solve(
        self, state: Bundle, H_cc: Tensor, g_c: Tensor, H_pp: Tensor, g_p: Tensor, H_cp: Tensor, damping: float
    ) -> Bundle | None:
        """Eliminate the frames, solve for cameras and bones, substitute back, and apply the step."""
        H_pp = H_pp + torch.diag_embed(damping * H_pp.diagonal(dim1=-2, dim2=-1) + 1e-9)
        H_cc = H_cc + torch.diag(damping * H_cc.diagonal() + 1e-9)
        L, bad = torch.linalg.cholesky_ex(H_pp)
        if bool(bad.any()):
            return None
        Y = torch.cholesky_solve(torch.cat([H_cp.mT, g_p[..., None]], -1), L)  # H_pp^-1 [H_pc, g_p]
        reduced = torch.einsum("fcp,fpk->ck", H_cp, Y)
        schur, bad = torch.linalg.cholesky_ex(H_cc - reduced[:, :-1])
        if bool(bad.any()):
            return None
        delta_c = -torch.cholesky_solve((g_c - reduced[:, -1])[:, None], schur)[:, 0]
        delta_p = -(Y[..., -1] + Y[..., :-1] @ delta_c)
        camera = delta_c[: 6 * self.views].reshape(self.views, 6)
        new = Bundle(
            R=exp(camera[:, :3]) @ state.R,
            t=state.t + camera[:, 3:],
            xyz=state.xyz + delta_p.reshape(self.frames, self.joints, 3),
            bone_length=state.bone_length * delta_c[6 * self.views :].exp(),
            cost=0.0,
        )
        return new._replace(cost=self.cost(new))
