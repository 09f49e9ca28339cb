"""Whitening of normal equations: combinations of the unknowns of which each is known to within one, independently.

Every unknown is scaled by its own information first, so that no unknown's unit decides what counts as zero. The two
functions differ in what becomes of a direction of which nothing is known.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, linalg

_MIN_DIAGONAL = 1e-15  # share of the largest information of an unknown that an unknown is taken to have at least
_MIN_KNOWN = 1e-9  # share of the largest eigenvalue above which a direction is known
_MIN_EIGENVALUE = 1e-12  # of the scaled normal equations, whose diagonal is 1


def whitening(H: Float[Tensor, "unknown unknown"]) -> Float[Tensor, "unknown unknown"]:
    """W with W W^T = H^-1. What nothing is known of (an eigenvalue of zero) becomes very uncertain, not certain."""
    unit, value, vector = _scaled(H)
    return unit[:, None] * vector * value.clamp(min=_MIN_EIGENVALUE).rsqrt()


def whitening_of_known(H: Float[Tensor, "unknown unknown"]) -> Float[Tensor, "unknown rank"]:
    """W with W^T H W = 1 over what H knows of; what it knows nothing of, such as the world frame, is left out."""
    unit, value, vector = _scaled(H)
    known = value > _MIN_KNOWN * value.max()
    return unit[:, None] * vector[:, known] * value[known].rsqrt()


def _scaled(H: Tensor) -> tuple[Float[Tensor, " unknown"], Float[Tensor, " unknown"], Tensor]:
    """The unit of every unknown, and eigenvalues and eigenvectors of H in these units."""
    unit = H.diagonal().clamp(min=_MIN_DIAGONAL * float(H.diagonal().max())).rsqrt()
    return unit, *linalg.eigh(unit[:, None] * H * unit)
