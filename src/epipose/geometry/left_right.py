"""Left-right swaps of a detector, found and corrected by multi-view consistency.

Detectors swap the sides of a person they see from behind or half turned, for whole frames, with full confidence. Once
the cameras are known, the other views tell: the swapped view errs by the width of a body, and stops to err when its
left and right are swapped. What geometry cannot decide it must not: a swap of all views at once is invisible (it is
the mirrored person), and when half of the views contradict the other half, as always with two views, either half may
be right. Such frames are left alone, and can be counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.geometry.observations import Observations
from epipose.geometry.reprojection import reproject
from epipose.geometry.robust import mean_robust_cost, robust_cost
from epipose.geometry.triangulate import triangulate_robust

_MAX_COST_RATIO = 0.6  # of the cost of a frame and view with sides swapped over its cost as it is
_MIN_ROBUST_WEIGHT = 0.3  # of a view that counts as agreeing with a point
_MIN_SUSPECT_COST = 0.7  # mean log(1 + r^2) below which a frame is not tried; r = 1 throughout


def correct_swaps(
    observed: Observations,
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    flip: Sequence[int],
    rounds: int = 3,
) -> tuple[Observations, Bool[Tensor, "view frame"]]:
    """Observations with swapped frames corrected, and which views and frames those are.

    ``flip``: index of every joint's mirror partner. In each round every view of a frame is compared with the points
    that the OTHER views give, and the one view whose swap explains the frame best is swapped. With two views
    nothing is changed.
    """
    views, frames = observed.weight.shape[:2]
    swapped = torch.zeros(views, frames, dtype=torch.bool)
    if views < 3:
        return observed, swapped
    for _ in range(rounds):
        as_is, as_swapped = _costs(observed, R, t, list(flip))
        gain = torch.where(as_swapped < _MAX_COST_RATIO * as_is, as_is - as_swapped, torch.zeros_like(as_is))
        best = gain.argmax(0)
        change = (torch.arange(views)[:, None] == best) & (gain > 0)
        if not bool(change.any()):
            break
        swapped ^= change
        observed = observed.swapped(change, flip)
    # Swapping the other half of the views would explain as much: such frames stay as they were.
    kept = swapped & (2 * swapped.sum(0) < views)
    return observed.swapped(kept ^ swapped, flip), kept


def undecided_swaps(
    observed: Observations, R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], flip: Sequence[int]
) -> Bool[Tensor, " frame"]:
    """Frames in which views contradict each other about left and right, and `correct_swaps` cannot decide.

    Call it on what `correct_swaps` returned. A frame is undecided when swapping two views or more, up to half of them
    (one of two), brings its cost clearly down. Only frames that fit worse than usual are tried.
    """
    views, frames = observed.weight.shape[:2]
    found = torch.zeros(frames, dtype=torch.bool)
    sided = torch.tensor([joint != partner for joint, partner in enumerate(flip)])
    as_is = _frame_costs(observed, R, t, sided)
    suspect = (as_is > as_is.median().clamp(min=_MIN_SUSPECT_COST)).nonzero()[:, 0]
    if len(suspect) == 0:
        return found
    some = observed.frames(suspect)
    best = as_is[suspect]
    for size in range(min(2, views // 2), views // 2 + 1):
        for group in combinations(range(views), size):
            where = torch.zeros(views, len(suspect), dtype=torch.bool)
            where[list(group)] = True
            best = torch.minimum(best, _frame_costs(some.swapped(where, flip), R, t, sided))
    found[suspect] = best < _MAX_COST_RATIO * as_is[suspect]
    return found


def _frame_costs(observed: Observations, R: Tensor, t: Tensor, counted: Tensor) -> Tensor:
    """Mean robust cost of every frame over the joints that count and two views see; 0 where there is none."""
    x, weight, noise = observed.per_point()
    residual = triangulate_robust(R, t, x, weight, noise, steps=8).residual
    w = weight * ((weight > 0).sum(-1) >= 2)[..., None] * counted[:, None]
    return mean_robust_cost(residual.square(), w, (1, 2))


def _costs(observed: Observations, R: Tensor, t: Tensor, flip: list[int]) -> tuple[Tensor, Tensor]:
    """Robust cost of every view and frame against the points of the other views, as it is and with sides swapped."""
    views = len(R)
    as_is, as_swapped = [], []
    for view in range(views):
        others = [v for v in range(views) if v != view]
        x, weight, noise = observed.views(others).per_point()
        points = triangulate_robust(R[others], t[others], x, weight, noise, steps=5)
        u = reproject(R[view], t[view], points.xyz).x
        reliable = ((weight > 0) & (points.robust_weight > _MIN_ROBUST_WEIGHT)).sum(-1) >= 2
        mine = observed.weight[view]
        # Both costs are over the same joints, those that can be compared either way; otherwise missing ones would pay.
        w = torch.minimum(mine, mine[:, flip]) * (reliable & reliable[:, flip])
        for costs, order in ((as_is, list(range(len(flip)))), (as_swapped, flip)):
            r = (observed.x[view][:, order] - u) / observed.noise[view][..., None]
            costs.append(robust_cost(r.square().sum(-1), w).sum(-1))
    return torch.stack(as_is), torch.stack(as_swapped)
