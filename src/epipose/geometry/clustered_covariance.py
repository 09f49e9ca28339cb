"""Cluster-robust covariance: the spread of an estimate from how much groups of residuals that err together disagree.

The sandwich of Liang & Zeger (1986): the inverse curvature on both sides, between them the covariance of the scores,
summed by clusters. The clusters are stretches of time and body parts at once (Cameron, Gelbach & Miller 2011, equation
2.10).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epipose.geometry.whitening import whitening

_MIN_OTHERS = 0.2  # share of the evidence that other parts than one are taken to have, at least


class Scores(NamedTuple):
    """Derivatives of the cost by the unknowns at the optimum, without the priors.

    ``score``: the gradient of every joint in every frame (or summed over frames). ``curvature``: the normal equations
    of all residuals, ``part_curvature`` those of every body part.
    """

    score: Float[Tensor, "frame joint unknown"]
    curvature: Float[Tensor, "unknown unknown"]
    part_curvature: Float[Tensor, "part unknown unknown"]


def clustered_covariance(
    scores: Scores,
    prior: Float[Tensor, "unknown unknown"],
    gauge: Float[Tensor, "unknown 7"],
    *,
    stretch: Int[Tensor, " frame"],
    part: Int[Tensor, " joint"],
    measured: bool,
) -> Float[Tensor, "unknown unknown"]:
    """Covariance of the unknowns.

    ``prior``: the precision that the priors give them. ``gauge``: directions of which nothing is known; they are held.
    ``stretch`` and ``part``: the cluster of every frame and of every joint. ``measured``: noise and part weights were
    measured on these scores; then the covariance is at least the one that those weights imply.
    """
    H = scores.curvature + prior
    whiten = whitening(H + H.diagonal().sum() / gauge.square().sum() * gauge @ gauge.mT)
    meat = _meat(scores.score @ whiten, stretch, part, whiten.mT @ scores.part_curvature @ whiten, measured)
    meat = meat + whiten.mT @ prior @ whiten  # a prior is an observation too, with the error that it states
    return whiten @ meat @ whiten.mT


def _meat(
    scores: Tensor, stretch: Tensor, part: Tensor, part_curvature: Tensor, measured: bool
) -> Float[Tensor, "unknown unknown"]:
    """Covariance of the summed scores, clustered by time and by joints; scores and the parts' curvatures are whitened.

    There are many stretches of time, and few parts: a part draws the cameras towards itself, and its score at the
    optimum is too small by what it weighs there. Divided by the share that the other parts have, it is that of the
    cameras estimated without this part (the jackknife, CR3 of Bell & McCaffrey 2002). Noise and part weights that were
    ``measured`` on these same scores make the clusters look more alike than they are; then the covariance that those
    weights imply, the unit matrix here, is the least.
    """

    def clustered(grouped: Tensor) -> Tensor:
        flat = grouped.reshape(-1, grouped.shape[-1])
        used = int((flat.abs().amax(-1) > 0).sum())
        return flat.mT @ flat * (used / max(used - 1, 1))

    times, parts = int(stretch.max()) + 1, int(part.max()) + 1
    by_time = scores.new_zeros(times, *scores.shape[1:]).index_add_(0, stretch, scores)
    by_both = scores.new_zeros(times, parts, scores.shape[2]).index_add_(1, part, by_time)
    others = torch.eye(scores.shape[2], dtype=scores.dtype) - part_curvature
    alone = torch.linalg.solve(_at_least(others, _MIN_OTHERS), by_both.sum(0)[..., None])[..., 0]
    total = clustered(by_both.sum(1)) + alone.mT @ alone * ((parts - 1) / parts) - clustered(by_both)
    value, vector = torch.linalg.eigh(total)
    return vector * value.clamp(min=1.0 if measured else 0.0) @ vector.mT


def _at_least(matrices: Tensor, least: float) -> Tensor:
    """Symmetric matrices with their eigenvalues raised to a least value."""
    value, vector = torch.linalg.eigh(matrices)
    return vector * value.clamp(min=least)[..., None, :] @ vector.mT
