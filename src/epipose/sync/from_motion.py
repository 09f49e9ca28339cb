"""Time offsets from the motion of people, without calibration.

Neither the cameras are known, nor which persons correspond, nor the offsets. `epipose.sync.offset_search` finds persons
and offsets by trying every offset of every two views; here the offsets are refined to the frame, by the robust epipolar
cost of all pairs of views around them, and tested for significance. Videos that start together must stay so: other
offsets are taken only where they fit significantly better. Where the motion does not tell, none are taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.detection.joint_speeds import log_joint_speeds
from epipose.detection.tracklets import Tracklet, join_tracklets
from epipose.geometry.sampling import stride_for
from epipose.geometry.time_offset import robust_costs
from epipose.poses import Poses2D
from epipose.sync.clock_drift import ClockDrift, clock_drifts
from epipose.sync.offset_search import best_offsets, offset_support, tensors, view_support
from epipose.sync.resample import resampled
from epipose.sync.result import MIN_SUPPORT, TimeOffsets

COARSE_RATE = 25.0  # Hz, at least: the rate at which all offsets are tried
MAX_CANDIDATES = 4  # people per view
MIN_COMMON_FRAMES = 10  # of two views, for their cost to count
SUFFICIENT_GAIN = 0.5  # of support in a view, from which offsets need no significance test
MIN_STANDARD_ERRORS = 3.0  # by which offsets must fit better than none, else
JACKKNIFE_BLOCKS = 12  # of time, for the standard error


def offsets_from_motion(
    poses: Poses2D, times: Sequence[Float[np.ndarray, " _"]], max_offset: float = 10.0
) -> TimeOffsets:
    """Time offsets of videos from the detections in their own frames, at ``times`` (seconds after the first, per view).

    Offsets of up to ``max_offset`` seconds between any two are tried. Where nobody moves, or nothing fits, all
    offsets are 0 and a warning says so. Candidates are all persons of each view.
    """
    rate = max(1 / float(np.median(np.diff(own))) if len(own) > 1 else 1.0 for own in times)
    grids = [np.arange(int((own[-1] - own[0]) * rate + 1e-3) + 1) / rate + own[0] for own in times]
    even = resampled(poses, times, grids)
    stride = stride_for(rate, COARSE_RATE)
    people = [_candidates(even, view, len(grid), rate) for view, grid in enumerate(grids)]
    coarse = [[_subsampled(track, stride) for track in tracks] for tracks in people]
    tables = offset_support(coarse, rate / stride, round(max_offset * rate / stride))
    chosen, starts = best_offsets(tables, [len(tracks) for tracks in people], round(max_offset * rate / stride))
    support = view_support(tables, chosen, starts)
    tracks = [own[index] if own else None for own, index in zip(people, chosen, strict=True)]
    if np.median(support) >= MIN_SUPPORT:
        fine = _refine_starts(tracks, starts * stride, stride + 1)
        fine = fine - fine.min()
        without = view_support(tables, chosen, np.zeros_like(fine))
        if fine.any() and (support - without).max() < SUFFICIENT_GAIN and not _significantly_better(tracks, fine):
            fine[:] = 0
        if not fine.any():
            support = without
    else:
        fine = np.zeros(len(people), int)
    warnings = _warnings(poses.views, support, max_offset)
    starts, support = (tuple(of.tolist()) for of in (np.round(fine / rate, 6), np.round(support, 3)))
    found = TimeOffsets(starts, "motion", support, not warnings, tuple(warnings), searched=max_offset)
    return found if warnings else _with_drifts(found, clock_drifts(tracks, fine.tolist(), rate), rate, poses.views)


def _with_drifts(found: TimeOffsets, drifts: Sequence[ClockDrift], rate: float, names: Sequence[str]) -> TimeOffsets:
    """The offsets with the clocks' drifts that are clear, and notes on these and on the likely ones."""
    starts, rates, notes = [], [], []
    for name, start, drift in zip(names, found.starts, drifts, strict=True):
        ppm = f"{abs(drift.slope) * 1e6:.0f} ± {drift.sigma * 1e6:.0f} ppm {'slow' if drift.slope > 0 else 'fast'}"
        if drift.clear:  # the view's own frame is t - offset - slope (t - middle) at frame t of view 0
            start = found.starts[0] + (drift.offset - drift.slope * drift.middle) / (1 - drift.slope) / rate
            notes.append(f"View {name}: its clock runs {ppm} against {names[0]}'s, and is read so.")
        elif drift.likely:
            notes.append(f"View {name}: its clock may run {ppm} against {names[0]}'s; too uncertain to be corrected.")
        starts.append(start)
        rates.append(1 - drift.slope if drift.clear else 1.0)
    if not any(drift.clear for drift in drifts):
        return replace(found, notes=tuple(notes))
    starts = tuple(round(start - min(starts), 6) for start in starts)
    return replace(found, starts=starts, rates=tuple(rates), notes=tuple(notes))


def _warnings(names: Sequence[str], support: np.ndarray, searched: float) -> list[str]:
    doubtful = [name for name, value in zip(names, support, strict=True) if value < MIN_SUPPORT]
    if not doubtful:
        return []
    if np.median(support) < MIN_SUPPORT:
        return [
            "The time offsets cannot be estimated from the motion (the person hardly moves, or different people are "
            "seen): the videos are taken to start together. If they do not, give --offsets, or cut them. "
            + _searched(searched)
        ]
    return [
        f"View {name}: its time offset is uncertain from the motion. Check it, or give --offsets. {_searched(searched)}"
        for name in doubtful
    ]


def _searched(seconds: float) -> str:
    """What was searched, and how to search further."""
    further = 60 if seconds < 60 else round(5 * seconds)
    return f"Starts up to {seconds:g} s apart were searched; --max-offset {further} searches further."


def _candidates(poses: Poses2D, view: int, frames: int, rate: float) -> list[Tracklet]:
    """The candidates of a view, broken tracklets joined, those that are seen long and move much first."""
    tracks = []
    for person in range(poses.xy.shape[2]):
        conf = poses.conf[view, :frames, person].double().numpy()
        if conf.any():
            tracks.append(Tracklet(poses.xy[view, :frames, person].double().numpy(), conf, None))
    return sorted(join_tracklets(tracks, rate), key=lambda track: -_motion_energy(track, rate))[:MAX_CANDIDATES]


def _motion_energy(track: Tracklet, rate: float) -> float:
    speed, weight = log_joint_speeds(track, rate)
    return float((weight * (speed - (weight * speed).sum(0) / np.maximum(weight.sum(0), 1e-9)) ** 2).sum())


def _subsampled(track: Tracklet, stride: int) -> Tracklet:
    return Tracklet(track.xy[::stride], track.conf[::stride], None)


def _refine_starts(tracks: Sequence[Tracklet | None], starts: np.ndarray, reach: int) -> np.ndarray:
    """Starts, in frames, with the least summed robust cost of all pairs, within ``reach`` of those given."""
    for _ in range(3):
        costs = _cost_tables(tracks, starts, 2 * reach)
        moved = _descend(costs, len(starts), reach)
        starts = starts + moved
        if np.ptp(moved) < 2 * reach:
            break
    return starts


def _cost_tables(
    tracks: Sequence[Tracklet | None], starts: np.ndarray, reach: int
) -> dict[tuple[int, int], Float[np.ndarray, " offset"]]:
    """Robust cost of every pair for offsets within ``reach`` of those of ``starts``, all on the same frames."""
    costs = {}
    for a, b in itertools.combinations(range(len(tracks)), 2):
        first, second = tracks[a], tracks[b]
        if first is None or second is None:
            continue
        offset = int(starts[b] - starts[a])
        frames = _common_frames(first, second, offset, reach)
        if len(frames) >= MIN_COMMON_FRAMES:
            offsets = torch.arange(offset - reach, offset + reach + 1)
            cost, weight = robust_costs(*tensors(first), *tensors(second), offsets, frames, offset)
            costs[a, b] = (cost.sum(1) / weight.sum(1).clamp_min(1e-9) * weight.sum(1).mean()).numpy()
    return costs


def _common_frames(a: Tracklet, b: Tracklet, offset: int, reach: int, most: int = 300) -> Tensor:
    """Frames of ``a`` that have a counterpart in ``b`` at all offsets in reach, both seen; evenly at most ``most``."""
    frames = np.arange(max(0, offset + reach), min(len(a.conf), len(b.conf) + offset - reach))
    seen = a.conf[frames].any(-1) & b.conf[frames - offset].any(-1)
    return _evenly(frames[seen], most)


def _evenly(frames: np.ndarray, most: int) -> Tensor:
    # Both ends included and in double precision, unlike `epipose.geometry.sampling`: the search rests on these frames.
    return torch.from_numpy(frames[np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).astype(int))])


def _descend(costs: dict[tuple[int, int], np.ndarray], views: int, reach: int) -> np.ndarray:
    """Moves of whole frames that lower the sum most; ``costs`` hold offsets within twice the reach.

    Views move alone and in groups: opposite cameras constrain each other more than the others do.
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


def _significantly_better(tracks: Sequence[Tracklet | None], starts: np.ndarray) -> bool:
    """Whether ``starts`` fit better than no offsets by `MIN_STANDARD_ERRORS` (a jackknife over time)."""
    gain, without_block = 0.0, np.zeros(JACKKNIFE_BLOCKS)
    for a, b in itertools.combinations(range(len(tracks)), 2):
        first, second, offset = tracks[a], tracks[b], int(starts[b] - starts[a])
        if first is None or second is None or offset == 0:
            continue
        frames = _evenly(np.arange(len(first.conf)), 300)
        costs = robust_costs(*tensors(first), *tensors(second), torch.tensor([0, offset]), frames, offset)
        block = np.arange(len(frames)) * JACKKNIFE_BLOCKS // len(frames)
        cost, weight = (part.numpy() @ (block[:, None] == np.arange(JACKKNIFE_BLOCKS)) for part in costs)
        if (weight.sum(1) < 1e-9).any():
            return True  # without offsets the two do not even overlap
        total_cost, total_weight = cost.sum(1, keepdims=True), weight.sum(1, keepdims=True)
        zero, other = (total_cost / total_weight)[:, 0]
        gain += float(zero - other)
        zero, other = (total_cost - cost) / np.maximum(total_weight - weight, 1e-9)
        without_block += zero - other
    spread = ((without_block - without_block.mean()) ** 2).sum()
    return gain > MIN_STANDARD_ERRORS * float(np.sqrt((JACKKNIFE_BLOCKS - 1) / JACKKNIFE_BLOCKS * spread))
