"""Uncertainty of bundle adjustment: a cluster-robust covariance, for detectors that repeat their errors.

The textbook covariance, the inverse of the normal equations, holds for independent errors. A detector that sees a hip
too far left does so in every frame, and a second of video is hardly more than one look: formal standard deviations
come out many times too small. So the spread of the answer is measured from how much the gradients differ between groups
of residuals that err together, stretches of time and body parts (clustered_covariance.py). The points and the bones are
eliminated as in the adjustment itself, so that the results hold for the cameras with everything else free.
"""

from __future__ import annotations

from math import pi
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epipose.geometry.clustered_covariance import Scores, clustered_covariance
from epipose.geometry.gauge import gauge_directions
from epipose.geometry.parameters import Bundle, BundleProblem
from epipose.geometry.part_equations import equations_of_parts, joints_of_parts
from epipose.geometry.residuals import BundleResiduals
from epipose.geometry.robust import robust_weight
from epipose.geometry.rotation import hat


class Uncertainty(NamedTuple):
    """Standard deviations. Poses are meant after the best alignment of the whole rig, as errors are measured.

    Rotations in radians (pi at most), centres in units of the world, ``focal`` and ``aspect`` as a share, ``radial`` of
    k1 and k2, ``principal`` of the principal point on z = 1, ``lag`` in frames; 0 for what was not estimated.
    """

    rotation: Float[Tensor, " view"]
    center: Float[Tensor, " view"]
    between: Float[Tensor, "view view"]  # of the rotation from one view to another
    focal: Float[Tensor, " view"]
    radial: Float[Tensor, "view 2"]
    principal: Float[Tensor, "view 2"]
    aspect: Float[Tensor, " view"]
    lag: Float[Tensor, " view"]


def uncertainty(
    problem: BundleProblem,
    found: Bundle,
    *,
    stretch: Int[Tensor, " frame"],
    part: Int[Tensor, " joint"],
    measured: bool = False,
) -> Uncertainty:
    """Standard deviations of what `bundle_adjust` found for the same problem.

    ``stretch`` numbers the stretches of time, and ``part`` the groups of joints, whose errors are not independent.
    ``measured``: noise and part weights were measured on these observations (see `epipose.geometry.noise_components`).
    """
    residuals = BundleResiduals(problem, found.xyz, found.bone_sigma)
    eliminated = residuals.equations(found).damped(0.0).eliminate()
    score, curvature = joint_scores(residuals, found, eliminated.by_shared())
    prior = residuals.prior_precision(found).diag()
    own = part_curvatures(problem, found, part, residuals.shared)
    scores = Scores(score, curvature * (eliminated.shared - prior), curvature * own)
    gauge = gauge_directions(residuals, found)
    covariance = clustered_covariance(scores, prior, gauge, stretch=stretch, part=part, measured=measured)
    return standard_deviations(residuals, found, covariance, gauge)


def joint_scores(
    residuals: BundleResiduals, found: Bundle, by_shared: Float[Tensor, "shared 3 joint frame"]
) -> tuple[Float[Tensor, "frame joint shared"], float]:
    """Gradient of every joint in every frame by the shared unknowns, and the curvature of the loss over its weights."""
    images = residuals.images(found)
    r = images.weighted[:, None]
    by_view, at_point = (images.by_camera * r).sum(2), (images.by_point * r).sum((0, 2))
    pull = r.new_zeros(residuals.shared + 1, residuals.joints, residuals.frames)
    for view, column in enumerate(residuals.column[:, residuals.active]):
        pull.index_add_(0, column, by_view[view])
    pull = pull[:-1] - (by_shared * at_point).sum(1)
    if residuals.B:
        s, d = residuals.bone(found)
        ws = robust_weight(s.square(), residuals.bone_weight) * s
        stretched = by_shared[:, :, residuals.child] - by_shared[:, :, residuals.parent]
        of_bone = -(stretched * (ws * d)).sum(1)
        of_bone[residuals.bone_column, torch.arange(residuals.B)] -= ws / residuals.bone_sigma[:, None]
        pull.index_add_(1, residuals.child, of_bone)
    # d(w r)/dr is smaller than w where the weight falls with r: for Cauchy's loss by the mean of w over itself
    cauchy = robust_weight(images.r.square().sum(1))
    curvature = float((images.w * cauchy).sum() / images.w.sum().clamp(min=1e-12))
    return pull.permute(2, 1, 0), max(curvature, 0.05)


def part_curvatures(
    problem: BundleProblem, found: Bundle, part: Int[Tensor, " joint"], shared: int
) -> Float[Tensor, "part shared shared"]:
    """Each part's own normal equations; 0 for the lengths of bones, which are the last unknowns."""
    matrices = [of.shared for of in equations_of_parts(problem, found, joints_of_parts(part))]
    more = shared - len(matrices[0])
    return torch.nn.functional.pad(torch.stack(matrices), (0, more, 0, more))


def standard_deviations(
    residuals: BundleResiduals,
    found: Bundle,
    covariance: Float[Tensor, "shared shared"],
    gauge: Float[Tensor, "shared 7"],
) -> Uncertainty:
    """The standard deviations in a covariance of the shared unknowns; ``gauge`` are its directions to align by."""
    V, R = residuals.views, found.R
    # (turn, shift) of the cameras' axes to (turn, move of the centre) in the world; the centre is -R^T t
    to_world = R.new_zeros(V, 6, V, 6)
    view = torch.arange(V)
    to_world[view, :3, view, :3] = R.mT
    to_world[view, 3:, view, :3] = -R.mT @ hat(found.t)
    to_world[view, 3:, view, 3:] = -R.mT
    center = -(R.mT @ found.t[..., None])[..., 0]
    span = (center - center.mean(0)).norm(dim=-1).mean().clamp(min=1e-9)
    to_world[view, :3] *= span  # a radian weighs as much as moving a centre by the size of the rig
    q = to_world.reshape(6 * V, 6 * V)
    free_q = q @ gauge[: 6 * V]
    aligned = torch.eye(6 * V, dtype=R.dtype) - free_q @ torch.linalg.pinv(free_q)
    poses = (aligned @ q @ covariance[: 6 * V, : 6 * V] @ q.mT @ aligned.mT).reshape(V, 6, V, 6)
    own = poses[view, :, view].diagonal(dim1=-2, dim2=-1).clamp(min=0)
    turns = covariance[: 6 * V, : 6 * V].reshape(V, 6, V, 6)[:, :3, :, :3].permute(0, 2, 1, 3)
    j_from_i = R[None, :] @ R[:, None].mT  # [i, j]
    both = turns[view, view][None, :] + j_from_i @ turns[view, view][:, None] @ j_from_i.mT
    cross = j_from_i @ turns
    between = (both - cross - cross.mT).diagonal(dim1=-2, dim2=-1).sum(-1).clamp(min=0).sqrt().clamp(max=pi)
    others = torch.cat([covariance.diagonal(), covariance.new_zeros(1)]).clamp(min=0).sqrt()[residuals.column[:, 6:]]
    return Uncertainty(
        rotation=(own[:, :3].sum(-1).sqrt() / span).clamp(max=pi),
        center=own[:, 3:].sum(-1).sqrt(),
        between=between,
        focal=others[:, 0],
        radial=others[:, 1:3],
        principal=others[:, 3:5],
        aspect=others[:, 5],
        lag=others[:, 6],
    )
