"""Which stretches of which tracks, in different views, are of one person, now that the cameras are known.

Two tracks of one person obey the epipolar geometry frame after frame; two of different persons do so by chance only,
and not for long. So every frame that two tracks of different views share is evidence for or against their being one
person (`evidence`). A track that jumps from one person to another, where people cross, shows as evidence that changes
its mind: such tracks are cut there (`pieces_of`). The pieces are then gathered into groups whose evidence adds up,
the surest first, never two at a time from one view (`grouped`): this is greedy additive edge contraction (Keuper et
al., ICCV 2015), and agreement round a cycle of views comes with it, because every pair of views has its say.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import NoPersonError
from epipose.geometry.epipolar import essential_from_pose, homogeneous, two_view_depths
from epipose.geometry.observations import Observations, observe
from epipose.geometry.triangulate import correct_pair
from epipose.poses import Poses2D
from epipose.skeleton import Skeleton

# Mean of log(1 + squared error in expected errors) over the joints of a frame: about 0.5 for one person where the
# expectation is right, 2 to 5 for two. At this value a frame says nothing.
DOUBTFUL = 1.2
FEWEST = 4  # joints that a frame must share to count
LARGEST_RATIO = 2.5  # sizes in metres that two views give one body differ by less, however it is turned
ALONG = 0.985  # cosine of 10 degrees
CONTINUED = 0.5  # seconds of evidence that a track's not breaking off is worth
RESUMED = 0.1  # the same where it was unseen for more than BROKEN seconds
BROKEN = 1.0
JUMP = 3.0, 75.0  # expected errors, and the same per second unseen (3 m/s), at which that is worth half
MIND = 0.3  # seconds of evidence that it takes to believe that a track changed from one person to another
APART = 0.1  # seconds within which several changes are one
LOOSEST = 4.0  # the expected error grows at most so far


class Sightings(NamedTuple):
    """Every track of every view as rays on z = 1: who saw it, and as `Observations` have it, tracks for views."""

    view: tuple[int, ...]
    person: tuple[int, ...]
    observed: Observations


class Piece(NamedTuple):
    """Frames ``start`` to before ``end`` of a track (an index into the sightings)."""

    track: int
    start: int
    end: int


def sightings_of(poses: Poses2D, rig: Rig) -> Sightings:
    """The tracks that are seen at all, view by view; raises NoPersonError where there are none."""
    people = [observe(poses, rig, person=person) for person in range(poses.conf.shape[2])]
    found = [(v, p) for v in range(len(rig.names)) for p, o in enumerate(people) if bool(o.weight[v].any())]
    if not found:
        raise NoPersonError("Nobody is seen in any view: there is no one to tell apart. Detect again.")

    def stacked(field: str) -> Tensor:
        return torch.stack([getattr(people[p], field)[v] for v, p in found])

    observed = Observations(stacked("x"), stacked("weight"), stacked("noise"))
    return Sightings(tuple(v for v, _ in found), tuple(p for _, p in found), observed)


def evidence(sightings: Sightings, rig: Rig, skeleton: Skeleton) -> Float[np.ndarray, "track track frame"]:
    """How far every frame speaks for two tracks' being one person, from -1 to about 0.7; 0 within a view and unseen.

    The expected error is widened, if need be, until the views have somebody in common who fits as usual: cameras that
    are known badly must not take everybody apart.
    """
    count, frames = sightings.observed.weight.shape[:2]
    pairs = [(a, b) for a, b in combinations(range(count), 2) if sightings.view[a] != sightings.view[b]]
    errors = {
        pair: found for pair in pairs if bool((found := _pair_errors(sightings, rig, skeleton, *pair)).counted.any())
    }
    looseness = _looseness(errors, sightings.view)
    result = np.zeros((count, count, frames), np.float32)
    for (a, b), found in errors.items():
        cost = mean_cost(found.squared / looseness**2, found.weight)
        cost = torch.where(found.fitting, cost, torch.full_like(cost, 10.0))
        speaks = (DOUBTFUL - cost).clamp(-1.0, 1.0) * found.counted
        result[a, b] = result[b, a] = speaks.float().numpy()
    return result


class _PairErrors(NamedTuple):
    squared: Float[Tensor, "frame joint"]  # in squared expected errors
    weight: Float[Tensor, "frame joint"]
    counted: Bool[Tensor, " frame"]  # enough joints are shared
    fitting: Bool[Tensor, " frame"]  # the body lies before both cameras and is of one size


def _pair_errors(sightings: Sightings, rig: Rig, skeleton: Skeleton, a: int, b: int) -> _PairErrors:
    """Distance of every joint pair from obeying the epipolar constraint, sides swapped in b where that fits better."""
    camera, seen = rig.camera.to(torch.float64), sightings.observed
    i, j = sightings.view[a], sightings.view[b]
    R = camera.R[j] @ camera.R[i].mT
    t = camera.t[j] - R @ camera.t[i]
    variance = (seen.noise[a] ** 2 + seen.noise[b] ** 2) / 2
    readings = []
    for order in (list(range(len(skeleton.flip))), list(skeleton.flip)):
        x_a, x_b = seen.x[a], seen.x[b][:, order]
        weight = (seen.weight[a] * seen.weight[b][:, order]).sqrt() * skeleton.votes.to(seen.weight)
        near_a, near_b = correct_pair(essential_from_pose(R, t), x_a, x_b)
        squared = ((near_a - x_a).square().sum(-1) + (near_b - x_b).square().sum(-1)) / variance
        size_a, size_b = (
            body_spread(x, weight) * _middle(z, weight)
            for x, z in zip((x_a, x_b), two_view_depths(R, t, near_a, near_b), strict=True)
        )
        before = (size_a > 0) & (size_b > 0)
        fitting = before & (size_a < LARGEST_RATIO * size_b) & (size_b < LARGEST_RATIO * size_a)
        ray_a, ray_b = homogeneous(near_a) @ R.mT, homogeneous(near_b)
        along = torch.cosine_similarity(ray_a, ray_b, dim=-1).abs()  # rays on nearly one line fix no depth
        fitting |= _middle(along, weight) > ALONG
        readings.append(_PairErrors(squared, weight, (weight > 0).sum(-1) >= FEWEST, fitting))
    as_is, crossed = readings
    swap = mean_cost(crossed.squared, crossed.weight) < 0.6 * mean_cost(as_is.squared, as_is.weight)
    swap &= crossed.counted
    squared, weight, counted, fitting = (
        torch.where(swap.reshape(-1, *[1] * (one.ndim - 1)), other, one)
        for one, other in zip(as_is, crossed, strict=True)
    )
    return _PairErrors(squared.float(), weight.float(), counted, fitting)  # there may be hundreds of pairs


def mean_cost(
    squared: Float[Tensor, "*batch joint"], weight: Float[Tensor, "*batch joint"]
) -> Float[Tensor, " *batch"]:
    """Weighted mean over the joints of log(1 + squared error in expected errors), to be compared with `DOUBTFUL`."""
    return (weight * squared.log1p()).sum(-1) / weight.sum(-1).clamp(min=1e-9)


def _middle(depth: Tensor, weight: Tensor) -> Tensor:
    """Median over the shared joints; 0 where there are none."""
    return torch.where(weight > 0, depth, torch.nan).nanmedian(-1).values.nan_to_num(0.0)


def body_spread(x: Float[Tensor, "*batch joint 2"], weight: Float[Tensor, "*batch joint"]) -> Float[Tensor, " *batch"]:
    """Root of the weighted variance of the joints about their mean, in the unit of ``x``; 0 without any."""
    share = (weight / weight.sum(-1, keepdim=True).clamp(min=1e-9))[..., None]
    return (share * (x - (share * x).sum(-2, keepdim=True)).square()).sum((-1, -2)).sqrt()


def _looseness(errors: dict[tuple[int, int], _PairErrors], view: tuple[int, ...]) -> float:
    """The factor on the expected error, 1 or more, at which half of the pairs of views have a pair of tracks that fits.

    Tracks seen together for less than half as long as others of the same views fit by chance and do not count.
    """
    found: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for (a, b), pair in errors.items():
        squared = pair.squared[(pair.weight > 0) & pair.counted[:, None]]
        if len(squared):
            found.setdefault((view[a], view[b]), []).append((int(pair.counted.sum()), float(squared.median().sqrt())))
    typical = [min(error for shared, error in of if 2 * shared >= max(of)[0]) for of in found.values()]
    return float(np.clip(np.median(typical) / 0.674, 1.0, LOOSEST)) if typical else 1.0


def pieces_of(
    sightings: Sightings, speaks: Float[np.ndarray, "track track frame"], fps: float
) -> tuple[list[Piece], Float[np.ndarray, "piece piece"]]:
    """Tracks cut where they change from one person to another or were unseen for long; what pairs of pieces score.

    The score is in seconds of evidence, -inf for two of one view that are seen at one time.
    """
    seen = (sightings.observed.weight > 0).any(-1).numpy()
    cuts = _changes(speaks, MIND * fps)
    pieces = [Piece(track, *span) for track in range(len(seen)) for span in _spans(seen[track], cuts[track], fps)]
    summed = np.concatenate([np.zeros_like(speaks[..., :1]), speaks.cumsum(-1, dtype=np.float64)], -1)
    score = np.zeros((len(pieces), len(pieces)))
    for (i, a), (j, b) in combinations(enumerate(pieces), 2):
        start, end = max(a.start, b.start), min(a.end, b.end)
        if sightings.view[a.track] == sightings.view[b.track]:
            if start < end and bool((seen[a.track] & seen[b.track])[start:end].any()):
                score[i, j] = -np.inf
            elif a.track == b.track and i + 1 == j:
                score[i, j] = _continuity(sightings.observed, a, b, fps)
        elif start < end:
            score[i, j] = (summed[a.track, b.track, end] - summed[a.track, b.track, start]) / fps
        score[j, i] = score[i, j]
    return pieces, score


def _continuity(observed: Observations, a: Piece, b: Piece, fps: float) -> float:
    """Score of two pieces of one track in succession: less where the joints jump from one to the other."""
    absent = (b.start - a.end + 1) / fps
    if absent > BROKEN:
        return RESUMED
    before, after = (a.track, a.end - 1), (b.track, b.start)
    both = (observed.weight[before] > 0) & (observed.weight[after] > 0)
    if not bool(both.any()):
        return RESUMED
    moved = (observed.x[after] - observed.x[before]).norm(dim=-1) / observed.noise[before]
    return CONTINUED / (1 + (float(moved[both].median()) / (JUMP[0] + JUMP[1] * absent)) ** 2)


def grouped(score: Float[np.ndarray, "piece piece"]) -> Int[np.ndarray, " piece"]:
    """A group number per piece, so that the scores within groups add up to much and none is -inf.

    Greedy: the two groups with the largest summed score become one, as long as it is positive; then single pieces move
    to the group they score best with, the most gained first, until none gains.
    """
    summed, group = score.astype(np.float64), np.arange(len(score))
    np.fill_diagonal(summed, -np.inf)
    while len(score):
        i, j = sorted(divmod(int(summed.argmax()), len(score)))
        if not summed[i, j] > 0:
            break
        summed[i] += summed[j]
        summed[:, i] = summed[i]
        summed[j], summed[:, j], summed[i, i] = -np.inf, -np.inf, -np.inf
        group[group == j] = i
    every = np.arange(len(score))
    while len(score):
        own = group[:, None] == every
        to = np.stack([np.where(column, score, 0.0).sum(1) for column in own.T], 1)  # (piece, group)
        gain = to - to[every, group][:, None]
        piece, best = divmod(int(gain.argmax()), len(score))
        if not gain[piece, best] > 1e-9:
            break
        group[piece] = best
    return np.unique(group, return_inverse=True)[1]


def _changes(speaks: Float[np.ndarray, "track track frame"], penalty: float) -> list[list[int]]:
    """Per track the frames at which its being one person with some other track begins or ends, for good."""
    count, _, frames = speaks.shape
    a, b = np.nonzero(np.triu(speaks.any(-1)))
    emission = speaks[a, b].astype(np.float64)
    one, two = np.zeros(len(a)), np.zeros(len(a))  # best sums of evidence that end in "one person" and in "two"
    turned = np.zeros((2, frames, len(a)), bool)
    for frame in range(frames):
        turned[0, frame], turned[1, frame] = two - penalty > one, one - penalty > two
        one, two = np.maximum(one, two - penalty) + emission[:, frame], np.maximum(two, one - penalty)
    state = (two > one).astype(int)
    cuts: list[list[int]] = [[] for _ in range(count)]
    for frame in range(frames - 1, 0, -1):
        turns = turned[state, frame, np.arange(len(a))]
        for pair in np.flatnonzero(turns):
            cuts[a[pair]].append(frame)
            cuts[b[pair]].append(frame)
        state = np.where(turns, 1 - state, state)
    return cuts


def _spans(seen: Bool[np.ndarray, " frame"], cuts: list[int], fps: float) -> list[tuple[int, int]]:
    """First and past-the-last frames between cuts (those near each other are one) and long times unseen."""
    frames = np.flatnonzero(seen)
    gaps = np.flatnonzero(np.diff(frames) > BROKEN * fps)
    merged: list[list[int]] = []
    for cut in sorted(cuts):
        if merged and cut - merged[-1][0] <= APART * fps:
            merged[-1].append(cut)
        else:
            merged.append([cut])
    bounds = sorted({*(int(np.median(near)) for near in merged), *frames[gaps + 1].tolist()})
    spans = []
    for start, end in zip([0, *bounds], [*bounds, len(seen)], strict=True):
        inside = frames[(frames >= start) & (frames < end)]
        if len(inside):
            spans.append((int(inside[0]), int(inside[-1]) + 1))
    return spans
