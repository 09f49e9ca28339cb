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
from epipose.geometry.reprojection import into_views, perspective
from epipose.geometry.robust import mean_robust_cost, robust_cost
from epipose.geometry.triangulate import triangulate_from, triangulate_robust, vector_median_of_pairs

_MAX_COST_RATIO = 0.6  # of the cost of a frame and view with sides swapped over its cost as it is
_MIN_ROBUST_WEIGHT = 0.3  # of a view that counts as agreeing with a point
_MAX_VIEWS_IN_ALL_GROUPS = 5  # of more views not every group is tried
_POINTS_AT_ONCE = 50_000
_SUSPECT_RATIO = 1.2  # the same ratio, against points of all views, above which nothing needs to be tried
_MIN_SUSPECT_COST = 0.7  # mean log(1 + r^2) below which a frame is not tried; r = 1 throughout


def correct_swaps(
    observed: Observations,
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    flip: Sequence[int],
    rounds: int = 3,
    maybe: Bool[Tensor, "view frame"] | None = None,
) -> tuple[Observations, Bool[Tensor, "view frame"]]:
    """Observations with swapped frames corrected, and which views and frames those are.

    ``flip``: index of every joint's mirror partner. In each round every view of a frame, or those that `maybe_swapped`
    names, is compared with the points that the OTHER views give, and the one view whose swap explains the frame best is
    swapped. With two views nothing is changed.
    """
    views, frames = observed.weight.shape[:2]
    swapped = torch.zeros(views, frames, dtype=torch.bool)
    maybe = torch.ones_like(swapped) if maybe is None else maybe
    if views < 3 or not bool(maybe.any()):
        return observed, swapped
    left = maybe.any(0).nonzero()[:, 0]  # frames that the last round changed: the others would come out as before
    for _ in range(rounds):
        as_is, as_swapped = _costs(observed.frames(left), R, t, list(flip), maybe[:, left])
        gain = torch.where(as_swapped < _MAX_COST_RATIO * as_is, as_is - as_swapped, torch.zeros_like(as_is))
        change = torch.zeros_like(swapped)
        change[:, left] = (torch.arange(views)[:, None] == gain.argmax(0)) & (gain > 0)
        left = change.any(0).nonzero()[:, 0]
        if len(left) == 0:
            break
        swapped ^= change
        observed = observed.swapped(change, flip)
    # Swapping the other half of the views would explain as much: such frames stay as they were.
    kept = swapped & (2 * swapped.sum(0) < views)
    return observed.swapped(kept ^ swapped, flip), kept


def maybe_swapped(
    observed: Observations,
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    xyz: Float[Tensor, "frame joint 3"],
    flip: Sequence[int],
) -> Bool[Tensor, "view frame"]:
    """Views that fit a frame's points about as well with their sides swapped: those to give `correct_swaps`.

    ``xyz``: points triangulated from all views. A swapped view pulls them towards itself, but not past the middle.
    """
    u, order = perspective(into_views(R, t, xyz)), list(flip)
    weight = torch.minimum(observed.weight, observed.weight[:, :, order])
    costs = []
    for x in (observed.x, observed.x[:, :, order]):
        r = (x - u) / observed.noise[..., None]
        costs.append(robust_cost(r.square().sum(-1), weight).sum(-1))
    return costs[1] < _SUSPECT_RATIO * costs[0]


def undecided_swaps(
    observed: Observations, R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], flip: Sequence[int]
) -> Bool[Tensor, " frame"]:
    """Frames in which views contradict each other about left and right, and `correct_swaps` cannot decide.

    Call it on what `correct_swaps` returned. A frame is undecided when swapping two views or more, up to half of them
    (one of two), brings its cost clearly down. Only frames that fit worse than usual are tried; with up to
    `_MAX_VIEWS_IN_ALL_GROUPS` views every group of views, else one that grows view by view.
    """
    views, frames = observed.weight.shape[:2]
    found = torch.zeros(frames, dtype=torch.bool)
    sided = torch.tensor([joint != partner for joint, partner in enumerate(flip)])
    as_is = _frame_costs(observed, R, t, sided)
    suspect = (as_is > as_is.median().clamp(min=_MIN_SUSPECT_COST)).nonzero()[:, 0]
    if len(suspect) == 0:
        return found
    some, best = observed.frames(suspect), as_is[suspect]
    least, most = min(2, views // 2), views // 2
    tried = _of_every_group if views <= _MAX_VIEWS_IN_ALL_GROUPS else _of_growing_groups
    best = torch.minimum(best, tried(some, R, t, flip, sided, least, most))
    found[suspect] = best < _MAX_COST_RATIO * as_is[suspect]
    return found


def _of_every_group(
    observed: Observations, R: Tensor, t: Tensor, flip: Sequence[int], sided: Tensor, least: int, most: int
) -> Tensor:
    """Least cost of every frame over all groups of ``least`` to ``most`` views whose sides are swapped."""
    views, frames = observed.weight.shape[:2]
    costs = []
    for group in (g for size in range(least, most + 1) for g in combinations(range(views), size)):
        where = torch.zeros(views, frames, dtype=torch.bool)
        where[list(group)] = True
        costs.append(_frame_costs(observed.swapped(where, flip), R, t, sided))
    return torch.stack(costs).amin(0)


def _of_growing_groups(
    observed: Observations, R: Tensor, t: Tensor, flip: Sequence[int], sided: Tensor, least: int, most: int
) -> Tensor:
    """The same over groups that grow by the view that lowers the cost most: few tries, where all would be thousands.

    When one half of the views contradicts the other, each view that changes sides makes the majority clearer.
    """
    views, frames = observed.weight.shape[:2]
    where, costs = torch.zeros(views, frames, dtype=torch.bool), []
    for _ in range(most):
        tried = []
        for view in range(views):
            one_more = where.clone()
            one_more[view] = True
            cost = _frame_costs(observed.swapped(one_more, flip), R, t, sided)
            tried.append(torch.where(where[view], torch.full_like(cost, torch.inf), cost))
        cost, view = torch.stack(tried).min(0)
        where[view, torch.arange(frames)] = True
        costs.append(cost)
    return torch.stack(costs[least - 1 :]).amin(0)


def _frame_costs(observed: Observations, R: Tensor, t: Tensor, counted: Tensor) -> Tensor:
    """Mean robust cost of every frame over the joints that count and two views see; 0 where there is none."""
    x, weight, noise = observed.per_point()
    residual = triangulate_robust(R, t, x, weight, noise, steps=8).residual
    w = weight * ((weight > 0).sum(-1) >= 2)[..., None] * counted[:, None]
    return mean_robust_cost(residual.square(), w, (1, 2))


def _costs(observed: Observations, R: Tensor, t: Tensor, flip: list[int], tried: Tensor) -> tuple[Tensor, Tensor]:
    """Robust cost of views and frames against the points of the other views, as it is and with sides swapped.

    Those that are not ``tried`` (view frame) have the costs 0 and 0.
    """
    joints, view, frame = observed.weight.shape[2], *tried.nonzero(as_tuple=True)
    costs = observed.weight.new_zeros(2, *tried.shape)
    if len(view):
        at_once = max(1, _POINTS_AT_ONCE // joints)
        parts = zip(view.split(at_once), frame.split(at_once), strict=True)
        costs[:, view, frame] = torch.cat([_costs_of_some(observed, R, t, flip, *part) for part in parts], 1)
    return costs[0], costs[1]


def _costs_of_some(
    observed: Observations, R: Tensor, t: Tensor, flip: list[int], view: Tensor, frame: Tensor
) -> Float[Tensor, "2 tried"]:
    """Both costs of so many views, each in a frame, that the points without them can be found all at once."""
    x, weight, noise = (of[frame] for of in observed.per_point())
    others = weight.clone()
    others[torch.arange(len(view)), :, view] = 0
    if len(R) > _MAX_VIEWS_IN_ALL_GROUPS:  # one view among many hardly moves the median of all
        frames, place = frame.unique(return_inverse=True)
        start = vector_median_of_pairs(R, t, *observed.frames(frames).per_point()[:2])[place]
        points = triangulate_from(start, R, t, x, others, noise, steps=5)
    else:
        points = triangulate_robust(R, t, x, others, noise, steps=5)
    u = perspective(points.xyz @ R[view].mT + t[view, None])
    reliable = ((others > 0) & (points.robust_weight > _MIN_ROBUST_WEIGHT)).sum(-1) >= 2
    own, own_noise = observed.weight[view, frame], observed.noise[view, frame]
    # Both costs are over the same joints, those that can be compared either way; otherwise missing ones would pay.
    w = torch.minimum(own, own[:, flip]) * (reliable & reliable[:, flip])
    costs = []
    for seen in (observed.x[view, frame], observed.x[view, frame][:, flip]):
        r = (seen - u) / own_noise[..., None]
        costs.append(robust_cost(r.square().sum(-1), w).sum(-1))
    return torch.stack(costs)
