"""Robust loss: Cauchy's log(1 + r^2), its mean over weighted residuals, and the robust weight that minimises it.

A detector is wrong by a limb's length now and then. Squared residuals would let one such keypoint move a camera; the
Cauchy loss grows so slowly that it hardly counts. Residuals are in units of their expected error, so a residual of one
standard deviation costs log 2. The point solver (point_solver.py) and the search for time offsets (time_offset.py)
write the same loss out in columns of their own, for speed.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

MEDIAN_OF_RAYLEIGH = 1.1774  # median length of a 2D error over its standard deviation along an axis
MAD_TO_SIGMA = 1.4826  # standard deviation of normal errors over the median of their absolute values


def robust_cost(squared: Float[Tensor, "*residuals"], weight: Float[Tensor, "*weights"]) -> Float[Tensor, "*out"]:
    """weight * log(1 + r^2) of squared residuals in units of their expected error."""
    return weight * squared.log1p()


def mean_robust_cost(
    squared: Float[Tensor, "*residuals"], weight: Float[Tensor, "*residuals"], axes: tuple[int, ...] = ()
) -> Float[Tensor, "*out"]:
    """Weighted mean of the robust cost over ``axes`` (none given: over all); 0 where all weights are 0."""
    return robust_cost(squared, weight).sum(axes) / weight.sum(axes).clamp(min=1e-12)


def robust_weight(
    squared: Float[Tensor, "*residuals"], weight: Float[Tensor, "*residuals"] | float = 1.0
) -> Float[Tensor, "*residuals"]:
    """weight / (1 + r^2): what a residual counts in a least-squares step that lowers the robust cost."""
    return weight / (1 + squared)
