"""Size of a person in an image, from their keypoints.

Two measures: the diagonal of the box round the keypoints, which a detector's error grows with, and the spread of the
keypoints about their mean, which does not hang on the outermost one. (Standing height in space, from bones, is
`epipose.reconstruction.world_frame.stature`; detections, which are NumPy arrays, have `body_size`, the spread again.)
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_USUAL_QUANTILE = 0.8  # over time, of a view's diagonals


def person_size(
    xy: Float[Tensor, "view frame joint 2"],
    weight: Float[Tensor, "view frame joint"],
    usual: Float[Tensor, "view 1"] | None = None,
) -> Float[Tensor, "view frame"]:
    """Diagonal, in pixels, of the box round the keypoints: the view's 80th percentile over time where it is larger.

    A crouching or half-hidden person has a small box, but that does not make the detector more precise. ``usual``: that
    percentile, where these are a part of the frames.
    """
    diagonal = diagonals(xy, weight)
    usual = usual_size(diagonal) if usual is None else usual
    return torch.nan_to_num(torch.fmax(diagonal, usual), nan=1.0).clamp(min=1.0)


def diagonals(
    xy: Float[Tensor, "view frame joint 2"], weight: Float[Tensor, "view frame joint"]
) -> Float[Tensor, "view frame"]:
    """Diagonal, in pixels, of the box round the keypoints of weight above 0; NaN where there are none."""
    seen = (weight > 0)[..., None]
    high = torch.where(seen, xy, -torch.inf).amax(-2)
    low = torch.where(seen, xy, torch.inf).amin(-2)
    return torch.where(seen.any(-2)[..., 0], (high - low).norm(dim=-1), torch.nan)


def usual_size(diagonal: Float[Tensor, "view frame"]) -> Float[Tensor, "view 1"]:
    """The 80th percentile over time of a view's diagonals; NaN where there are none."""
    return torch.stack([of.nanquantile(_USUAL_QUANTILE, keepdim=True) for of in diagonal])


def body_spread(x: Float[Tensor, "*batch joint 2"], weight: Float[Tensor, "*batch joint"]) -> Float[Tensor, " *batch"]:
    """Root of the weighted variance of the joints about their mean, in the unit of ``x``; 0 without any."""
    share = (weight / weight.sum(-1, keepdim=True).clamp(min=1e-9))[..., None]
    return (share * (x - (share * x).sum(-2, keepdim=True)).square()).sum((-1, -2)).sqrt()
