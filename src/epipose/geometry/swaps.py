"""Left and right mistaken for each other, found and undone.

Detectors swap the sides of a person they see from behind or half turned, for whole frames, with full confidence. Once
the cameras are known, the other views tell: the swapped view errs by the width of a body, and stops to err when its
left and right are exchanged. A swap of all views at once is invisible here (it is the mirrored person).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.geometry.triangulate import triangulate_robust
from epipose.observations import Observations

_CLEARLY = 0.6  # a swap must bring the cost of the frame and view below this share of what it was


def unswapped(
    observed: Observations,
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    flip: Sequence[int],
    rounds: int = 3,
) -> tuple[Observations, Bool[Tensor, "view frame"]]:
    """Observations with swapped frames repaired, and where that was done.

    ``flip``: index of every joint's mirror partner. In each round every view of a frame is compared with the points
    that the OTHER views give, and the one view whose exchange explains the frame best is exchanged. With two views
    there are no other views to ask, and nothing is changed.
    """
    views, frames = observed.weight.shape[:2]
    swapped = torch.zeros(views, frames, dtype=torch.bool)
    if views < 3:
        return observed, swapped
    for _ in range(rounds):
        as_is, exchanged = _costs(observed, R, t, list(flip))
        gain = torch.where(exchanged < _CLEARLY * as_is, as_is - exchanged, torch.zeros_like(as_is))
        best = gain.argmax(0)
        change = (torch.arange(views)[:, None] == best) & (gain > 0)
        if not bool(change.any()):
            break
        swapped ^= change
        observed = _exchanged(observed, change, list(flip))
    return observed, swapped


def _costs(observed: Observations, R: Tensor, t: Tensor, flip: list[int]) -> tuple[Tensor, Tensor]:
    """Robust cost of every view and frame against the points of the other views, as it is and with sides exchanged."""
    views = len(R)
    as_is, exchanged = [], []
    for view in range(views):
        others = [v for v in range(views) if v != view]
        x, weight, noise = observed.views(others).per_point()
        points = triangulate_robust(R[others], t[others], x, weight, noise, steps=5)
        p = (points.xyz @ R[view].mT) + t[view]
        u = p[..., :2] / p[..., 2:].clamp(min=1e-6)
        reliable = ((weight > 0) & (points.inlier > 0.3)).sum(-1) >= 2
        mine = observed.weight[view]
        # Both costs are over the same joints, those that can be compared either way; otherwise missing ones would pay.
        w = torch.minimum(mine, mine[:, flip]) * (reliable & reliable[:, flip])
        for costs, order in ((as_is, list(range(len(flip)))), (exchanged, flip)):
            r = (observed.x[view][:, order] - u) / observed.noise[view][..., None]
            costs.append((w * r.square().sum(-1).log1p()).sum(-1))
    return torch.stack(as_is), torch.stack(exchanged)


def _exchanged(observed: Observations, where: Tensor, flip: list[int]) -> Observations:
    """Exchange left and right in the frames and views of ``where`` (view, frame)."""
    x = torch.where(where[..., None, None], observed.x[:, :, flip], observed.x)
    weight = torch.where(where[..., None], observed.weight[:, :, flip], observed.weight)
    return Observations(x, weight, observed.noise)
