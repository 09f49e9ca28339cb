"""Residuals of bundle adjustment and their derivatives: reprojection, bone length, smoothness, priors.

Four kinds: a keypoint in an image, a bone that keeps its length, a joint that moves smoothly, and what is known of
intrinsics and lags beforehand. Each adds its part to the normal equations (schur.py). Residuals are in units of their
expected error, so that costs of different kinds may be added; all but the priors on intrinsics and lags go through
Cauchy's log(1 + r^2), which lets single wrong ones pass. Inside, joints and frames are the last axes (see schur.py).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.geometry.image_residuals import ImageResiduals, in_columns
from epipose.geometry.parameters import Bundle, BundleProblem, Sharing
from epipose.geometry.reprojection import MIN_DEPTH
from epipose.geometry.robust import MAD_TO_SIGMA, robust_cost, robust_weight
from epipose.geometry.rotation import exp
from epipose.geometry.schur import Arrow, Tree, products

_MIN_BONE_SIGMA = 0.01  # of the logarithm of a length: no bone is held stiffer than to one per cent


class BundleResiduals:
    """Residuals, cost and normal equations of one bundle adjustment."""

    def __init__(
        self, problem: BundleProblem, xyz: Float[Tensor, "frame joint 3"], bone_sigma: Float[Tensor, " bone"] | None
    ) -> None:
        self.x = problem.x.permute(0, 3, 2, 1).contiguous()  # view 2 joint frame
        self.weight, self.noise = (of.mT.contiguous() for of in (problem.weight, problem.noise))
        self.free, self.priors, bones = problem.free, problem.priors, problem.bones
        velocity = problem.velocity
        self.velocity = torch.zeros_like(self.x) if velocity is None else velocity.permute(0, 3, 2, 1).contiguous()
        self.views, self.joints, self.frames = self.weight.shape
        self.tree = Tree(self.joints, bones)
        self.parent = torch.tensor([parent for parent, _ in bones], dtype=torch.long)
        self.child = torch.tensor([child for _, child in bones], dtype=torch.long)
        # A bone counts in a frame when both its joints were seen by two views there.
        self.in_two_views = ((self.weight > 0).sum(0) >= 2).to(self.x)
        self.bone_weight = self.in_two_views[self.parent] * self.in_two_views[self.child]
        self.start_length, measured_sigma = self._measured_bones(xyz)
        self.bone_sigma = measured_sigma if bone_sigma is None else bone_sigma
        self._number_the_unknowns()

    def _measured_bones(self, xyz: Tensor) -> tuple[Float[Tensor, " bone"], Float[Tensor, " bone"]]:
        """Median length of every bone, and the robust spread of its logarithm over the frames.

        The constancy of each bone length is estimated, not assumed: a spine bends, a forearm does not, and a foot in a
        corner of the image is seen badly. Held stiffer than it is seen, noise (which only ever lengthens) would turn
        cameras.
        """
        length = (xyz[:, self.child] - xyz[:, self.parent]).norm(dim=-1).clamp(min=1e-9).log()
        length = torch.where(self.bone_weight.mT > 0, length, torch.nan)
        median = length.nanmedian(0).values
        spread = MAD_TO_SIGMA * (length - median).abs().nanmedian(0).values  # the standard deviation, were it normal
        median, spread = torch.nan_to_num(median, nan=0.0), torch.nan_to_num(spread, nan=1.0).clamp(min=_MIN_BONE_SIGMA)
        if self.priors.symmetric is not None:
            mirror = list(self.priors.symmetric)
            median, spread = (median + median[mirror]) / 2, (spread + spread[mirror]) / 2
        return median.exp(), spread

    def _number_the_unknowns(self) -> None:
        """Columns of the shared unknowns; the last column is a waste bin for what is not free."""
        V, self.B = self.views, len(self.parent)
        count = 0

        def numbered(sharing: Sharing, each: int) -> Tensor:
            nonlocal count
            if sharing == "known":
                return torch.full((V, each), -1)
            copies = 1 if sharing == "shared" else V
            columns = count + torch.arange(copies * each).reshape(copies, each).expand(V, each)
            count += copies * each
            return columns

        pose = numbered("each" if self.free.poses else "known", 6)
        lens = [
            numbered(self.free.focal, 1), numbered(self.free.radial, 2),
            numbered(self.free.center, 2), numbered(self.free.aspect, 1),
        ]  # fmt: skip
        lag = torch.full((V, 1), -1)
        if self.free.lag:  # view 0 is the clock
            lag[1:, 0] = count + torch.arange(V - 1)
            count += V - 1
        mirror = torch.arange(self.B) if self.priors.symmetric is None else torch.tensor(self.priors.symmetric)
        first, self.bone_column = torch.minimum(torch.arange(self.B), mirror).unique(return_inverse=True)
        self.bone_column = count + self.bone_column
        self.shared = count + len(first)
        self.column = torch.cat([pose, *lens, lag], 1)  # as `moved` takes them apart
        self.column = torch.where(self.column < 0, self.shared, self.column)
        self.active = (self.column < self.shared).any(0)  # which of a camera's unknowns are free

    def start(self, R: Tensor, t: Tensor, xyz: Tensor, before: Bundle | None) -> Bundle:
        """The state to begin with, and its cost."""
        V = self.views
        unknowns = (R.new_ones(V), R.new_zeros(V, 2), R.new_zeros(V, 2), R.new_ones(V), R.new_zeros(V))
        if before is not None:
            unknowns = (before.focal, before.radial, before.center, before.aspect, before.lag)
        state = Bundle(R, t, xyz, self.start_length, self.bone_sigma, *unknowns, cost=0.0)
        return state._replace(cost=self.cost(state))

    def moved(self, state: Bundle, shared: Tensor, joints: Tensor) -> Bundle:
        """The state after a step; its cost is still that of the state before."""
        unknown = torch.cat([shared, shared.new_zeros(1)])[self.column]
        return Bundle(
            R=exp(unknown[:, :3]) @ state.R,
            t=state.t + unknown[:, 3:6],
            xyz=state.xyz + joints,
            bone_length=state.bone_length * shared[self.bone_column].exp(),
            bone_sigma=state.bone_sigma,
            focal=state.focal * unknown[:, 6].exp(),
            radial=state.radial + unknown[:, 7:9],
            center=state.center + unknown[:, 9:11],
            aspect=state.aspect * unknown[:, 11].exp(),
            lag=state.lag + unknown[:, 12],
            cost=state.cost,
        )

    def cost(self, state: Bundle) -> float:
        """Robust cost of everything; infinite where a joint lies behind a camera that sees it."""
        _, p = self._in_cameras(state)
        if bool(((p[:, 2] <= MIN_DEPTH) & (self.weight > 0)).any()):
            return torch.inf
        r = self._residual(state, p[:, :2] / p[:, 2:].clamp(min=MIN_DEPTH))
        total = robust_cost(r.square().sum(1), self.weight).sum()
        if self.B:
            s, _ = self.bone(state)
            total = total + robust_cost(s.square(), self.bone_weight).sum()
        if self.priors.smoothness is not None:
            jerk, w = self._jerk(state.xyz)
            total = total + robust_cost(jerk.square().sum(0), w).sum()
        value, sigma = self._priors(state)
        return float(total + (value / sigma).square().sum())

    def _in_cameras(self, state: Bundle) -> tuple[Float[Tensor, "view 3 joint frame"], Tensor]:
        """Joints in the cameras' axes, before and after they are shifted to the cameras' origins."""
        rotated = (state.R @ in_columns(state.xyz).flatten(1)).unflatten(-1, (self.joints, self.frames))
        return rotated, rotated + state.t[..., None, None]

    def _residual(self, state: Bundle, u: Tensor) -> Tensor:
        """(seen minus observed) / noise for points at u (view 2 joint frame) on z = 1."""
        r2 = u.square().sum(1, keepdim=True)
        k1, k2 = (state.radial[:, i, None, None, None] for i in (0, 1))
        seen = state.center[..., None, None] + _scales(state) * u * (1 + r2 * (k1 + r2 * k2))
        return (seen - self.read_at(state.lag)) / self.noise[:, None]

    def read_at(self, lag: Float[Tensor, " view"]) -> Float[Tensor, "view 2 joint frame"]:
        """Where the joints were seen, every view read by its lag later."""
        return self.x + lag[:, None, None, None] * self.velocity

    def images(self, state: Bundle) -> ImageResiduals:
        """Residuals of the images with derivatives by what is free of a camera, and by the point."""
        rotated, p = self._in_cameras(state)
        z = p[:, 2:].clamp(min=MIN_DEPTH)
        u = p[:, :2] / z
        r = self._residual(state, u)
        w = robust_weight(r.square().sum(1), self.weight)
        per_noise = (w.sqrt() / self.noise)[:, None]
        r2 = u.square().sum(1, keepdim=True)
        k1, k2 = (state.radial[:, i, None, None, None] for i in (0, 1))
        scale, bent = _scales(state) * per_noise, 1 + r2 * (k1 + r2 * k2)
        by_p = u.new_empty(self.views, 3, 2, self.joints, self.frames)
        torch.mul((scale * (2 * k1 + 4 * r2 * k2) * u)[:, None], u[:, :, None], out=by_p[:, :2])
        by_p[:, :2].diagonal(dim1=1, dim2=2).add_((scale * bent).movedim(1, -1))
        by_p[:, 2] = -(by_p[:, 0] * u[:, :1] + by_p[:, 1] * u[:, 1:])
        by_p /= z[:, None]
        columns = [by_p[:, :0]]
        if self.free.poses:
            columns += [torch.linalg.cross(rotated[:, :, None].expand_as(by_p), by_p, dim=1), by_p]
        if self.free.focal != "known":
            columns.append((scale * u * bent)[:, None])
        if self.free.radial != "known":
            columns += [(scale * u * r2)[:, None], (scale * u * r2 * r2)[:, None]]
        if self.free.center != "known":
            columns.append(torch.eye(2).to(u)[..., None, None] * per_noise[:, None])
        if self.free.aspect != "known":
            columns.append((scale * u * bent * u.new_tensor([0.5, -0.5])[:, None, None])[:, None])
        if self.free.lag:
            columns.append(-(self.velocity * per_noise)[:, None])
        by_point = (state.R.mT @ by_p.flatten(2)).reshape(by_p.shape)
        return ImageResiduals(r, w, torch.cat(columns, 1), by_point)

    def bone(self, state: Bundle) -> tuple[Float[Tensor, "bone frame"], Float[Tensor, "3 bone frame"]]:
        """s = log(|child - parent| / length) / sigma and its derivative by the child's position."""
        xyz, sigma = in_columns(state.xyz), self.bone_sigma[:, None]
        difference = xyz[:, self.child] - xyz[:, self.parent]
        length = difference.norm(dim=0).clamp(min=1e-9)
        s = (length / state.bone_length[:, None]).log() / sigma
        return s, difference / (length.square() * sigma)

    def equations(self, state: Bundle) -> Arrow:
        """The normal equations at a state."""
        arrow = self._with_images(self.tree, self.images(state))
        if self.B:
            self._add_bones(arrow, state)
        if self.priors.smoothness is not None:
            self._add_smoothness(arrow, state)
        self._add_priors(arrow, state)
        return arrow.with_shared(self.shared)

    def image_equations(self, images: ImageResiduals) -> Arrow:
        """The normal equations of images alone, which may be those of some joints; no bones, no priors."""
        return self._with_images(Tree(images.w.shape[1], ()), images).with_shared(self.shared)

    def _with_images(self, tree: Tree, images: ImageResiduals) -> Arrow:
        _, joints, frames = images.w.shape
        arrow = Arrow(tree, frames, joints, self.shared + 1, self.x)
        A, P, r = images.by_camera, images.by_point, images.weighted
        arrow.joint += products(P, P).sum(0)
        arrow.joint_g += (P * r[:, None]).sum((0, 2))
        blocks = A.flatten(2) @ A.flatten(2).mT
        gradient = (A.flatten(2) @ r.flatten(1)[..., None])[..., 0]
        for view, column in enumerate(self.column[:, self.active]):
            arrow.shared.index_put_((column[:, None], column[None, :]), blocks[view], accumulate=True)
            arrow.shared_g.index_add_(0, column, gradient[view])
            arrow.to_shared.index_add_(0, column, products(A[view], P[view]))
        return arrow

    def _add_bones(self, arrow: Arrow, state: Bundle) -> None:
        """The unknown of a bone is the logarithm of its length; every bone belongs to its child."""
        s, d = self.bone(state)
        w = robust_weight(s.square(), self.bone_weight)
        pull = w * s * d
        by_length = -1 / self.bone_sigma[:, None]
        arrow.shared_g.index_add_(0, self.bone_column, (w * s * by_length).sum(1))
        arrow.shared.diagonal().index_add_(0, self.bone_column, (w * by_length.square()).sum(1))
        outer, cross = w * d[:, None] * d, w * by_length * d
        for joint, sign in ((self.child, 1), (self.parent, -1)):
            arrow.joint.index_add_(2, joint, outer)
            arrow.joint_g.index_add_(1, joint, pull, alpha=sign)
            place = (self.bone_column[None], torch.arange(3)[:, None], joint[None])
            arrow.to_shared.index_put_(place, sign * cross, accumulate=True)
        arrow.to_parent[:, :, self.child] = -outer

    def _jerk(self, xyz: Tensor) -> tuple[Tensor, Tensor]:
        """Second differences of the joints' paths in units of their expected size, and their weights (joint frame-2)."""
        assert self.priors.smoothness is not None
        weight = self.in_two_views[:, :-2] * self.in_two_views[:, 1:-1] * self.in_two_views[:, 2:]
        return in_columns(xyz).diff(2) / self.priors.smoothness, weight

    def _add_smoothness(self, arrow: Arrow, state: Bundle) -> None:
        """The exact gradient, and a diagonal that bounds the Hessian from above, which leaves frames uncoupled.

        (1, -2, 1)^T (1, -2, 1) has row sums of absolute values 4, 8, 4 (Gershgorin).
        """
        jerk, w = self._jerk(state.xyz)
        unit = self.priors.smoothness or 1.0
        w = robust_weight(jerk.square().sum(0), w)
        pull, bound = w * jerk / unit, 4 * w / unit**2
        for first, factor in ((0, 1.0), (1, -2.0), (2, 1.0)):
            rows = slice(first, first + w.shape[1])
            arrow.joint_g[..., rows] += factor * pull
            arrow.joint[..., rows].diagonal().add_(abs(factor) * bound[..., None])

    def _priors(self, state: Bundle) -> tuple[Tensor, Tensor]:
        """What of a camera should be near zero (in the order of its columns, the pose left out), and its sigma."""
        state_of = (state.focal.log()[:, None], state.radial, state.center, state.aspect.log()[:, None])
        value = torch.cat([*state_of, state.lag[:, None]], 1)
        p = self.priors
        sigma = torch.empty_like(value)
        sigma[:, 0], sigma[:, 3:5] = self._each(p.focal_sigma), self._each(p.center_sigma)[:, None]
        sigma[:, 1:3], sigma[:, 5], sigma[:, 6] = p.radial_sigma, p.aspect_sigma, p.lag_sigma
        return value, sigma

    def _each(self, sigma: float | tuple[float, ...]) -> Float[Tensor, " view"]:
        return torch.as_tensor(sigma, dtype=self.x.dtype).expand(self.views)

    def prior_precision(self, state: Bundle) -> Float[Tensor, " shared"]:
        """What the priors on intrinsics and lags add to the diagonal of the normal equations."""
        precision = state.focal.new_zeros(self.shared + 1)
        precision.index_add_(0, self.column[:, 6:].flatten(), self._priors(state)[1].flatten() ** -2)
        return precision[:-1]

    def _add_priors(self, arrow: Arrow, state: Bundle) -> None:
        """Add the priors on intrinsics and lags."""
        value, sigma = self._priors(state)
        column, precision = self.column[:, 6:].flatten(), sigma.flatten() ** -2
        arrow.shared.diagonal().index_add_(0, column, precision)
        arrow.shared_g.index_add_(0, column, value.flatten() * precision)


def _scales(state: Bundle) -> Float[Tensor, "view 2 1 1"]:
    """Focal lengths along x and y, relative to those of the observations."""
    root = state.aspect.sqrt()
    return (state.focal[:, None] * torch.stack([root, 1 / root], 1))[..., None, None]
