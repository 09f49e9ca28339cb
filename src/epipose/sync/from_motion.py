"""When each video was started, from the motion of the people in it.

Nothing is known yet: not the cameras, not who of several people is the same one, not the offsets.
`epipose.sync.offset_search` finds persons and starts by trying every shift of every two views; here the starts are
refined to the frame, by the robust epipolar cost of all pairs of views around them, and it is judged whether to believe
them. Videos that start together must stay so: other starts are taken only where they fit clearly better. Where nothing
tells, none are taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.detection.joint_speeds import motion as speeds
from epipose.detection.tracklets import Tracklet, join_tracklets
from epipose.geometry.time_offset import robust_costs
from epipose.poses import Poses2D
from epipose.sync.offset_search import best_starts, support_of, support_tables, tensors
from epipose.sync.resample import resampled
from epipose.sync.result import SURE, Sync

COARSE = 25.0  # Hz, at least: the rate at which all shifts are tried
CANDIDATES = 4  # people per view that are tried
FEWEST = 10  # frames that two views must share for their cost to count
FAR_BETTER = 0.5  # support that a view gains by which other starts need no further proof,
CLEARLY = 3.0  # else standard errors by which they must fit better than none,
BLOCKS = 12  # from a jackknife over so many stretches of time


def offsets_from_motion(poses: Poses2D, times: Sequence[Float[np.ndarray, " _"]], max_offset: float = 10.0) -> Sync:
    """Starts of videos from the detections in their own frames, taken at ``times`` (seconds after the first, per view).

    Offsets of up to ``max_offset`` seconds between any two are looked for. Where nobody moves, or nothing fits, all
    starts are 0 and a warning says so. Candidates are all persons of each view.
    """
    rate = max(1 / float(np.median(np.diff(own))) if len(own) > 1 else 1.0 for own in times)
    grids = [np.arange(int((own[-1] - own[0]) * rate + 1e-3) + 1) / rate + own[0] for own in times]
    even = resampled(poses, times, grids)
    stride = max(1, int(rate / COARSE + 1e-6))
    people = [_people(even, view, len(grid), rate) for view, grid in enumerate(grids)]
    coarse = [[_every(track, stride) for track in tracks] for tracks in people]
    tables = support_tables(coarse, rate / stride, round(max_offset * rate / stride))
    chosen, starts = best_starts(tables, [len(tracks) for tracks in people], round(max_offset * rate / stride))
    support = support_of(tables, chosen, starts)
    tracks = [own[index] if own else None for own, index in zip(people, chosen, strict=True)]
    if np.median(support) >= SURE:
        fine = _refined(tracks, starts * stride, stride + 1)
        fine = fine - fine.min()
        without = support_of(tables, chosen, np.zeros_like(fine))
        if fine.any() and (support - without).max() < FAR_BETTER and not _clearly_better(tracks, fine):
            fine[:] = 0
        if not fine.any():
            support = without
    else:
        fine = np.zeros(len(people), int)
    warnings = _doubts(poses.views, support)
    starts = tuple(np.round(fine / rate, 6).tolist())
    return Sync(starts, "motion", tuple(np.round(support, 3).tolist()), not warnings, tuple(warnings))


def _doubts(names: Sequence[str], support: np.ndarray) -> list[str]:
    doubtful = [name for name, value in zip(names, support, strict=True) if value < SURE]
    if not doubtful:
        return []
    if np.median(support) < SURE:
        return [
            "The motion does not tell when the videos were started (the person hardly moves, or different people are "
            "seen): they are taken to start together. If they do not, give their starts with --offsets, or cut them."
        ]
    return [f"View {name}: its start is not sure from the motion. Check it, or give --offsets." for name in doubtful]


def _people(poses: Poses2D, view: int, frames: int, rate: float) -> list[Tracklet]:
    """The candidates of a view, broken tracks joined, those that are seen long and move much first."""
    tracks = []
    for person in range(poses.xy.shape[2]):
        conf = poses.conf[view, :frames, person].double().numpy()
        if conf.any():
            tracks.append(Tracklet(poses.xy[view, :frames, person].double().numpy(), conf, None))
    return sorted(join_tracklets(tracks, rate), key=lambda track: -_liveliness(track, rate))[:CANDIDATES]


def _liveliness(track: Tracklet, rate: float) -> float:
    speed, weight = speeds(track, rate)
    return float((weight * (speed - (weight * speed).sum(0) / np.maximum(weight.sum(0), 1e-9)) ** 2).sum())


def _every(track: Tracklet, stride: int) -> Tracklet:
    return Tracklet(track.xy[::stride], track.conf[::stride], None)


def _refined(tracks: Sequence[Tracklet | None], starts: np.ndarray, reach: int) -> np.ndarray:
    """Starts, in frames, with the least summed robust cost of all pairs, within ``reach`` of those given."""
    for _ in range(3):
        costs = _cost_tables(tracks, starts, 2 * reach)
        moved = _descended(costs, len(starts), reach)
        starts = starts + moved
        if np.ptp(moved) < 2 * reach:
            break
    return starts


def _cost_tables(
    tracks: Sequence[Tracklet | None], starts: np.ndarray, reach: int
) -> dict[tuple[int, int], Float[np.ndarray, " lag"]]:
    """Robust cost of every pair for lags within ``reach`` of those of ``starts``: on the same frames, so comparable."""
    costs = {}
    for a, b in itertools.combinations(range(len(tracks)), 2):
        first, second = tracks[a], tracks[b]
        if first is None or second is None:
            continue
        lag = int(starts[b] - starts[a])
        frames = _common(first, second, lag, reach)
        if len(frames) >= FEWEST:
            lags = torch.arange(lag - reach, lag + reach + 1)
            cost, weight = robust_costs(*tensors(first), *tensors(second), lags, frames, lag)
            costs[a, b] = (cost.sum(1) / weight.sum(1).clamp_min(1e-9) * weight.sum(1).mean()).numpy()
    return costs


def _common(a: Tracklet, b: Tracklet, lag: int, reach: int, most: int = 300) -> Tensor:
    """Frames of ``a`` that have a counterpart in ``b`` at all lags in reach, both seen; evenly at most ``most``."""
    frames = np.arange(max(0, lag + reach), min(len(a.conf), len(b.conf) + lag - reach))
    seen = a.conf[frames].any(-1) & b.conf[frames - lag].any(-1)
    return _evenly(frames[seen], most)


def _evenly(frames: np.ndarray, most: int) -> Tensor:
    return torch.from_numpy(frames[np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).astype(int))])


def _descended(costs: dict[tuple[int, int], np.ndarray], views: int, reach: int) -> np.ndarray:
    """Moves of whole frames that lower the sum most; ``costs`` hold lags within twice the reach.

    Views move alone and in groups: opposite cameras tie each other more firmly than they are tied to the others.
    """
    groups = [g for size in range(1, min(views // 2, 3) + 1) for g in itertools.combinations(range(views), size)]
    starts = np.zeros(views, int)
    for _ in range(50):
        options = [(np.array([v in group for v in range(views)]) * step) for group in groups for step in (-2, -1, 1, 2)]
        tried = np.stack([starts, *(starts + option for option in options)])
        tried = tried[np.ptp(tried, axis=1) <= 2 * reach]
        total = sum(table[tried[:, b] - tried[:, a] + 2 * reach] for (a, b), table in costs.items())
        best = tried[int(np.argmin(total))]
        if (best == starts).all():
            break
        starts = best
    return starts


def _clearly_better(tracks: Sequence[Tracklet | None], starts: np.ndarray) -> bool:
    """Whether ``starts`` fit better than no offsets by `CLEARLY` standard errors (a jackknife over time)."""
    gain, without_block = 0.0, np.zeros(BLOCKS)
    for a, b in itertools.combinations(range(len(tracks)), 2):
        first, second, lag = tracks[a], tracks[b], int(starts[b] - starts[a])
        if first is None or second is None or lag == 0:
            continue
        frames = _evenly(np.arange(len(first.conf)), 300)
        costs = robust_costs(*tensors(first), *tensors(second), torch.tensor([0, lag]), frames, lag)
        block = np.arange(len(frames)) * BLOCKS // len(frames)
        cost, weight = (part.numpy() @ (block[:, None] == np.arange(BLOCKS)) for part in costs)
        if (weight.sum(1) < 1e-9).any():
            return True  # without offsets the two do not even overlap
        total_cost, total_weight = cost.sum(1, keepdims=True), weight.sum(1, keepdims=True)
        zero, other = (total_cost / total_weight)[:, 0]
        gain += float(zero - other)
        zero, other = (total_cost - cost) / np.maximum(total_weight - weight, 1e-9)
        without_block += zero - other
    spread = ((without_block - without_block.mean()) ** 2).sum()
    return gain > CLEARLY * float(np.sqrt((BLOCKS - 1) / BLOCKS * spread))
