"""Uncertainty of cameras that several clips share: the cluster-robust covariance, summed over the clips.

As in uncertainty.py, with bone lengths and lags of every clip eliminated beside its joints. A stretch of time belongs
to one clip; a joint's errors are of one cluster through all clips, for a detector's bias repeats with every person: the
cameras become surer with more clips only as far as the clips differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epipose.geometry.parameters import Bundle, BundleProblem
from epipose.geometry.pooled_bundle import camera_equations, camera_unknowns, with_shared_priors
from epipose.geometry.residuals import BundleResiduals
from epipose.geometry.uncertainty import Uncertainty, _gauge, _meat, _read_off, _scores, _whitening, part_curvatures


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
    residuals = BundleResiduals(problems[0], found[0].xyz, found[0].bone_sigma)
    prior = len(clips) * residuals.prior_precision(found[0])[: len(clips[0][0])].diag()
    H = torch.stack([curvature for curvature, _, _ in clips]).sum(0) + prior
    scores = torch.cat([score for _, score, _ in clips])
    own_parts = torch.stack([of_parts for _, _, of_parts in clips]).sum(0)
    gauge = _gauge(residuals, found[0])
    of_cameras = gauge[: len(H)]
    unit = H.diagonal().sum() / of_cameras.square().sum()
    whiten = _whitening(H + unit * of_cameras @ of_cameras.mT)
    times, parts = torch.arange(len(scores)), torch.arange(scores.shape[1])
    meat = _meat(scores @ whiten, times, parts, whiten.mT @ own_parts @ whiten, measured)
    meat = meat + whiten.mT @ prior @ whiten  # a prior is an observation, too
    covariance = whiten @ meat @ whiten.mT
    own = residuals.shared - len(H)
    return _read_off(residuals, found[0], torch.nn.functional.pad(covariance, (0, own, 0, own)), gauge)


def _of_clip(
    problem: BundleProblem, found: Bundle, stretch: Int[Tensor, " frame"], part: Int[Tensor, " joint"]
) -> tuple[Float[Tensor, "camera camera"], Float[Tensor, "time part camera"], Float[Tensor, "part camera camera"]]:
    """A clip's curvature by the cameras without the priors; its scores, summed by stretches and parts; each part's own."""
    residuals = BundleResiduals(problem, found.xyz, found.bone_sigma)
    eliminated = residuals.equations(found).damped(0.0).eliminate()
    equations = camera_equations(residuals, eliminated)
    assert equations is not None  # joints eliminated from a positive definite matrix
    scores, curvature = _scores(residuals, found, eliminated.by_shared())
    count = camera_unknowns(residuals)
    scores = scores[..., :count] - scores[..., count:] @ equations.own_by_camera
    by_time = scores.new_zeros(int(stretch.max()) + 1, *scores.shape[1:]).index_add_(0, stretch, scores)
    by_both = by_time.new_zeros(len(by_time), int(part.max()) + 1, count).index_add_(1, part, by_time)
    prior = residuals.prior_precision(found)[:count].diag()
    of_parts = part_curvatures(problem, found, part, residuals.shared)[:, :count, :count]
    return curvature * (equations.H - prior), by_both, curvature * of_parts
