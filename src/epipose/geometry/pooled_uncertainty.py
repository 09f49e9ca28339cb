"""Uncertainty of cameras that several clips share: the cluster-robust covariance, summed over the clips.

As in uncertainty.py, with bone lengths and lags of every clip eliminated beside its joints. A stretch of time belongs
to one clip; a joint's errors are of one cluster through all clips, for a detector's bias repeats with every person: the
cameras become surer with more clips only as far as the clips differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from epipose.geometry.clustered_covariance import Scores, clustered_covariance
from epipose.geometry.gauge import gauge_directions
from epipose.geometry.parameters import Bundle, BundleProblem
from epipose.geometry.pooled_bundle import camera_equations, camera_unknowns, with_shared_priors
from epipose.geometry.residuals import BundleResiduals
from epipose.geometry.uncertainty import Uncertainty, joint_scores, part_curvatures, standard_deviations


def uncertainty_together(
    problems: Sequence[BundleProblem],
    found: Sequence[Bundle],
    *,
    stretch: Sequence[Int[Tensor, " _"]],
    part: Int[Tensor, " joint"],
    measured: bool = False,
) -> Uncertainty:
    """Standard deviations of the cameras that `adjust_together` found; those of the lags are 0, they are each clip's.

    ``stretch`` numbers each clip's stretches of time, from 0, ``part`` the groups of joints that err together.
    ``measured`` as for `epipose.geometry.uncertainty.uncertainty`.
    """
    problems = with_shared_priors(problems)
    clips = [_of_clip(*of, part) for of in zip(problems, found, stretch, strict=True)]
    scores = Scores(
        torch.cat([of_clip.score for of_clip in clips]),
        torch.stack([of_clip.curvature for of_clip in clips]).sum(0),
        torch.stack([of_clip.part_curvature for of_clip in clips]).sum(0),
    )
    residuals = BundleResiduals(problems[0], found[0].xyz, found[0].bone_sigma)
    count, own = len(scores.curvature), residuals.shared - len(scores.curvature)
    prior = len(clips) * residuals.prior_precision(found[0])[:count].diag()
    gauge = gauge_directions(residuals, found[0])
    times, parts = (torch.arange(clusters) for clusters in scores.score.shape[:2])
    covariance = clustered_covariance(scores, prior, gauge[:count], stretch=times, part=parts, measured=measured)
    return standard_deviations(residuals, found[0], torch.nn.functional.pad(covariance, (0, own, 0, own)), gauge)


def _of_clip(
    problem: BundleProblem, found: Bundle, stretch: Int[Tensor, " frame"], part: Int[Tensor, " joint"]
) -> Scores:
    """A clip's scores by the cameras, summed over stretches of time (``frame``) and body parts (``joint``)."""
    residuals = BundleResiduals(problem, found.xyz, found.bone_sigma)
    eliminated = residuals.equations(found).damped(0.0).eliminate()
    equations = camera_equations(residuals, eliminated)
    assert equations is not None  # joints eliminated from a positive definite matrix
    scores, curvature = joint_scores(residuals, found, eliminated.by_shared())
    count = camera_unknowns(residuals)
    scores = scores[..., :count] - scores[..., count:] @ equations.own_by_camera
    by_time = scores.new_zeros(int(stretch.max()) + 1, *scores.shape[1:]).index_add_(0, stretch, scores)
    by_both = by_time.new_zeros(len(by_time), int(part.max()) + 1, count).index_add_(1, part, by_time)
    prior = residuals.prior_precision(found)[:count].diag()
    of_parts = part_curvatures(problem, found, part, residuals.shared)[:, :count, :count]
    return Scores(by_both, curvature * (equations.H - prior), curvature * of_parts)
