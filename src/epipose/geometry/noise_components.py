"""Variance components of a detector's errors: the noise of every body part and view, and the part's weight.

How well a detector sees a wrist, and how well it sees anything in the third video, shows in the residuals: it is
measured, not assumed. But residuals tell only half. A detector that takes the hips for lower than they are does so in
all views and frames alike; its residuals are small, and yet it pulls the cameras. That shows in the disagreement between
body parts: each part alone would move the cameras somewhere, and a part whose pull is longer than its noise explains
counts for less (variance component estimation: Foerstner 1979; Helmert 1924). With some ten parts such a factor is
itself uncertain, so the factors are drawn towards their common mean as far as chance explains their differences
(empirical Bayes: Efron & Morris 1973; for variances, Smyth 2004).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epipose.geometry.observations import Observations
from epipose.geometry.parameters import Bundle, BundleProblem
from epipose.geometry.part_equations import equations_of_parts, joints_of_parts
from epipose.geometry.triangulate import triangulate_robust
from epipose.geometry.whitening import whitening_of_known

# Standard deviations: what lies beyond the gate is left out, and within it Cauchy's loss is nearly a square, as normal
# errors want it (a constant of 3 and a gate of 6 left the rotations of simulated cameras 5 per cent further off).
CAUCHY_SIGMAS = 5.0
GATE_SIGMAS = 4.0
_MIN_COUNT = 200  # residuals from which a noise is measured; fewer take the median of the others
_MIN_NOISE, _MAX_NOISE = 0.1, 10.0  # times the expected one
_ROUNDS = 2


def measured_noise(
    observed: Observations,
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    part: Int[Tensor, " joint"],
) -> Observations:
    """The observations with their noise measured on residuals at these cameras; what lies far outside has weight 0.

    The noise is a product of one factor per part (``part``: its number for every joint) and one per view, times the
    expected noise. It comes back as Cauchy's constant (`CAUCHY_SIGMAS`), the weights multiplied by its square,
    so that the robust cost of a small residual is its square in standard deviations.
    """
    counted = (observed.weight > 0) & ((observed.weight > 0).sum(0) >= 2)
    usual = _usual_square((observed.weight > 0).sum(0))
    sigma = torch.full_like(observed.noise, 0.5)
    squared = torch.zeros_like(sigma)
    for _ in range(_ROUNDS):
        tuned = replace(observed, noise=observed.noise * sigma * CAUCHY_SIGMAS)
        residual = triangulate_robust(R, t, *tuned.per_point()).residual.movedim(-1, 0)
        squared = (residual * sigma * CAUCHY_SIGMAS).square()
        sigma = _factors(squared / usual, counted, part)
    near = squared < (GATE_SIGMAS * sigma).square()
    return replace(
        observed,
        noise=observed.noise * sigma * CAUCHY_SIGMAS,
        weight=observed.weight * (counted & near) * CAUCHY_SIGMAS**2,
    )


def _usual_square(views: Int[Tensor, "frame joint"]) -> Float[Tensor, "frame joint"]:
    """Median of a view's squared residual for unit noise, where so many views see the point.

    The point takes 3 of the 2 V degrees of freedom. What is left to a view has two variances that add up to 2 - 3 / V;
    the median of such a sum of squares by Wilson & Hilferty (1931).
    """
    left = 2 - 3 / views.clamp(min=2).double()
    first, second = left.clamp(max=1), (left - 1).clamp(min=0)
    freedom = left.square() / (first.square() + second.square())
    return left * (1 - 2 / (9 * freedom)) ** 3


def _factors(squared: Tensor, counted: Tensor, part: Tensor) -> Float[Tensor, "view frame joint"]:
    """Standard deviation of every observation over the expected one: a factor per part times one per view."""
    values = torch.where(counted, squared.clamp(min=1e-12).log() / 2, torch.nan)
    whole = values.nanmedian()
    by_part = torch.stack([_median(values[:, :, part == p], whole) for p in range(int(part.max()) + 1)])
    rest = values - by_part[part]
    by_view = torch.stack([_median(rest[view], whole * 0) for view in range(len(values))])
    factor = by_part[part] + (by_view - by_view.median())[:, None, None]
    return factor.expand_as(values).exp().clamp(_MIN_NOISE, _MAX_NOISE)


def _median(values: Tensor, otherwise: Tensor) -> Tensor:
    return values.nanmedian() if int(values.isfinite().sum()) >= _MIN_COUNT else otherwise


def part_weights(problem: BundleProblem, found: Bundle, part: Int[Tensor, " joint"]) -> Float[Tensor, " joint"]:
    """Weight of every joint from its part's pull on the cameras, at the optimum of ``problem``: 1 at most.

    The pull of a part p is the gradient g_p of its residuals by the unknowns that all parts share, points eliminated; H_p
    is its part of the normal equations, H their sum. If its errors were independent, g_p^T H_p^-1 g_p would have the
    expectation rank - tr(H_p H^-1). The weight is one over the factor by which it exceeds that, and so also says how
    many independent observations the part is worth.
    """
    numbers = [joints for joints in joints_of_parts(part) if bool((problem.weight[:, :, joints] > 0).any())]
    parts = equations_of_parts(problem, found, numbers)
    curvatures, pulls = [of.shared for of in parts], [of.shared_g for of in parts]
    whiten = whitening_of_known(torch.stack(curvatures).sum(0))
    factors = _shrunk(*_variance_factors([whiten.mT @ H @ whiten for H in curvatures], [whiten.mT @ g for g in pulls]))
    weight = found.R.new_ones(len(part))
    for joints, factor in zip(numbers, factors.clamp(min=1).tolist(), strict=True):
        weight[joints] = 1 / factor
    return weight


def _variance_factors(curvatures: list[Tensor], pulls: list[Tensor]) -> tuple[Float[Tensor, " part"], Tensor]:
    """g^T H^-1 g over its expectation, and that expectation (the degrees of freedom), for every part."""
    factors, freedoms = [], []
    for H, g in zip(curvatures, pulls, strict=True):
        value, vector = torch.linalg.eigh(H)
        known = value > 1e-6 * value.max()
        length = ((vector.mT @ g)[known].square() / value[known]).sum()
        freedom = (known.sum() - H.trace()).clamp(min=1.0)
        factors.append((length / freedom).clamp(min=1e-6))
        freedoms.append(freedom)
    return torch.stack(factors), torch.stack(freedoms)


def _shrunk(factor: Float[Tensor, " part"], freedom: Float[Tensor, " part"]) -> Float[Tensor, " part"]:
    """Variance factors drawn towards their mean on the logarithmic scale, as far as chance explains their spread."""
    chance = torch.polygamma(1, freedom / 2)  # variance of the logarithm of a mean of squares
    log = factor.log() - torch.digamma(freedom / 2) + (freedom / 2).log()
    mean = log.mean()
    real = (log.var() - chance.mean()).clamp(min=0) if len(log) > 1 else log.new_zeros(())
    return (mean + real / (real + chance) * (log - mean)).exp()
