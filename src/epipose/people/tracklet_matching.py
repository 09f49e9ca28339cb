"""Tracklet association across calibrated views: epipolar evidence and greedy edge contraction.

Two tracklets of one person obey the epipolar geometry frame after frame; two of different persons do so by chance only,
and not for long. So every frame that two tracklets of different views share is evidence for or against their being one
person (`epipolar_evidence`). In a tracklet that jumps from one person to another, where people cross, the evidence
changes its sign for good: such tracklets are cut there into segments (`segment_tracklets`). The segments are then
clustered so that the evidence within a cluster adds up, the most evidence first, never two at a time from one view
(`cluster_segments`): this is greedy additive edge contraction (Keuper et al., ICCV 2015), and consistency round a cycle
of views comes with it, because every pair of views counts.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.epipolar import essential_from_pose, homogeneous, two_view_depths
from epipose.geometry.observations import Observations
from epipose.geometry.person_size import body_spread
from epipose.geometry.robust import mean_robust_cost
from epipose.geometry.sampling import evenly
from epipose.geometry.triangulate import correct_pair
from epipose.people.tracklet_rays import TrackletRays
from epipose.skeleton import Skeleton

# Mean of log(1 + squared error in expected errors) over the joints of a frame: about 0.5 for one person where the
# expectation is right, 2 to 5 for two. At this value a frame is no evidence either way.
NEUTRAL_COST = 1.2
MIN_SHARED_JOINTS = 4  # seen in both views, for a frame to count
MAX_SIZE_RATIO = 2.5  # sizes in metres that two views give one body differ by less, however it is turned
COLLINEAR_COS = 0.985  # of 10 degrees: rays nearer to one line fix no depth
CONTINUITY_SCORE = 0.5  # seconds of evidence that the continuity of a tracklet is worth
RESUMED_SCORE = 0.1  # the same where it was unseen for more than MAX_GAP_SECONDS
MAX_GAP_SECONDS = 1.0
HALF_SCORE_JUMP = 3.0, 75.0  # expected errors, and the same per second unseen (3 m/s), at which that is worth half
CHANGE_COST_SECONDS = 0.3  # seconds of evidence that a change from one person to another costs
MERGED_CHANGES_SECONDS = 0.1  # changes nearer to each other count as one
MAX_LOOSENESS = 4.0  # factor by which the expected error grows at most
_LOOSENESS_FRAMES = 2000  # at which that is measured
_FRAMES_AT_ONCE = 500  # of which the evidence is taken in double precision


class Segment(NamedTuple):
    """Frames ``start`` to before ``end`` of a tracklet (an index into `TrackletRays`)."""

    tracklet: int
    start: int
    end: int


def epipolar_evidence(rays: TrackletRays, rig: Rig, skeleton: Skeleton) -> Float[np.ndarray, "tracklet tracklet frame"]:
    """Evidence of every frame that two tracklets are one person, from -1 to about 0.7; 0 within a view and unseen.

    The expected error is widened, if need be, until the views have a person in common whose residuals are as expected:
    inaccurate cameras must not separate everybody. That is measured on `_LOOSENESS_FRAMES` frames of a long clip.
    """
    count, frames = rays.seen.shape
    looseness = _looseness(_errors_at(rays, rig, skeleton, evenly(frames, _LOOSENESS_FRAMES)), rays.view)
    result = np.zeros((count, count, frames), np.float32)
    for block in rays.blocks():
        part = slice(int(block[0]), int(block[-1]) + 1)
        for (a, b), found in _errors_at(rays, rig, skeleton, block).items():
            cost = mean_robust_cost(found.squared / looseness**2, found.weight, (-1,))
            cost = torch.where(found.fitting, cost, torch.full_like(cost, 10.0))
            evidence = (NEUTRAL_COST - cost).clamp(-1.0, 1.0) * found.counted
            result[a, b, part] = result[b, a, part] = evidence.float().numpy()
    return result


def _errors_at(
    rays: TrackletRays, rig: Rig, skeleton: Skeleton, frames: Tensor
) -> dict[tuple[int, int], _EpipolarErrors]:
    """The errors in some frames of every two tracklets of different views that share enough joints in any of them."""
    observed, seen = rays.at(frames), rays.seen[:, frames]
    found = {}
    for a, b in combinations(range(len(seen)), 2):
        if rays.view[a] != rays.view[b] and bool((seen[a] & seen[b]).any()):
            errors = _epipolar_errors(observed, rig, skeleton, (a, b), (rays.view[a], rays.view[b]))
            if bool(errors.counted.any()):
                found[a, b] = errors
    return found


class _EpipolarErrors(NamedTuple):
    squared: Float[Tensor, "frame joint"]  # in squared expected errors
    weight: Float[Tensor, "frame joint"]
    counted: Bool[Tensor, " frame"]  # enough joints are shared
    fitting: Bool[Tensor, " frame"]  # the body lies before both cameras and has one size in metres


def _epipolar_errors(
    seen: Observations, rig: Rig, skeleton: Skeleton, tracklets: tuple[int, int], views: tuple[int, int]
) -> _EpipolarErrors:
    """Epipolar residual of every keypoint pair of tracklets a and b, left and right swapped in b where that fits better."""
    camera, (a, b), (i, j) = rig.camera.to(torch.float64), tracklets, views
    R = camera.R[j] @ camera.R[i].mT
    t = camera.t[j] - R @ camera.t[i]
    variance = (seen.noise[a] ** 2 + seen.noise[b] ** 2) / 2
    hypotheses = []
    for order in (list(range(len(skeleton.flip))), list(skeleton.flip)):
        x_a, x_b = seen.x[a], seen.x[b][:, order]
        weight = (seen.weight[a] * seen.weight[b][:, order]).sqrt() * skeleton.evidence_weights.to(seen.weight)
        near_a, near_b = correct_pair(essential_from_pose(R, t), x_a, x_b)
        squared = ((near_a - x_a).square().sum(-1) + (near_b - x_b).square().sum(-1)) / variance
        size_a, size_b = (
            body_spread(x, weight) * _median(z, weight)
            for x, z in zip((x_a, x_b), two_view_depths(R, t, near_a, near_b), strict=True)
        )
        before = (size_a > 0) & (size_b > 0)
        fitting = before & (size_a < MAX_SIZE_RATIO * size_b) & (size_b < MAX_SIZE_RATIO * size_a)
        ray_a, ray_b = homogeneous(near_a) @ R.mT, homogeneous(near_b)
        along = torch.cosine_similarity(ray_a, ray_b, dim=-1).abs()
        fitting |= _median(along, weight) > COLLINEAR_COS
        hypotheses.append(_EpipolarErrors(squared, weight, (weight > 0).sum(-1) >= MIN_SHARED_JOINTS, fitting))
    as_is, swapped = hypotheses
    swap = mean_robust_cost(swapped.squared, swapped.weight, (-1,)) < 0.6 * mean_robust_cost(
        as_is.squared, as_is.weight, (-1,)
    )
    swap &= swapped.counted
    squared, weight, counted, fitting = (
        torch.where(swap.reshape(-1, *[1] * (one.ndim - 1)), other, one)
        for one, other in zip(as_is, swapped, strict=True)
    )
    return _EpipolarErrors(squared.float(), weight.float(), counted, fitting)  # there may be hundreds of pairs


def _median(depth: Tensor, weight: Tensor) -> Tensor:
    """Median over the shared joints; 0 where there are none."""
    return torch.where(weight > 0, depth, torch.nan).nanmedian(-1).values.nan_to_num(0.0)


def _looseness(errors: dict[tuple[int, int], _EpipolarErrors], view: tuple[int, ...]) -> float:
    """Factor on the expected error, 1 or more, at which half of the view pairs have a pair of tracklets that fits.

    Tracklets seen together for less than half as long as others of the same views fit by chance and do not count.
    """
    found: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for (a, b), pair in errors.items():
        squared = pair.squared[(pair.weight > 0) & pair.counted[:, None]]
        if len(squared):
            found.setdefault((view[a], view[b]), []).append((int(pair.counted.sum()), float(squared.median().sqrt())))
    typical = [min(error for shared, error in of if 2 * shared >= max(of)[0]) for of in found.values()]
    return float(np.clip(np.median(typical) / 0.674, 1.0, MAX_LOOSENESS)) if typical else 1.0


def segment_tracklets(
    rays: TrackletRays, evidence: Float[np.ndarray, "tracklet tracklet frame"], fps: float
) -> tuple[list[Segment], Float[np.ndarray, "segment segment"]]:
    """Tracklets cut where they change from one person to another or were unseen for long; and the scores of pairs.

    The score is in seconds of evidence, -inf for two of one view that are seen at one time.
    """
    seen = rays.seen.numpy()
    cuts = _identity_changes(evidence, CHANGE_COST_SECONDS * fps)
    segments = [
        Segment(tracklet, *span)
        for tracklet in range(len(seen))
        for span in _spans(seen[tracklet], cuts[tracklet], fps)
    ]
    score = np.zeros((len(segments), len(segments)))
    for (i, a), (j, b) in combinations(enumerate(segments), 2):
        start, end = max(a.start, b.start), min(a.end, b.end)
        if rays.view[a.tracklet] == rays.view[b.tracklet]:
            if start < end and bool((seen[a.tracklet] & seen[b.tracklet])[start:end].any()):
                score[i, j] = -np.inf
            elif a.tracklet == b.tracklet and i + 1 == j:
                score[i, j] = _continuity(rays, a, b, fps)
        elif start < end:
            score[i, j] = evidence[a.tracklet, b.tracklet, start:end].sum(dtype=np.float64) / fps
        score[j, i] = score[i, j]
    return segments, score


def _continuity(rays: TrackletRays, a: Segment, b: Segment, fps: float) -> float:
    """Score of two successive segments of one tracklet: less where the joints jump from one to the other."""
    absent = (b.start - a.end + 1) / fps
    if absent > MAX_GAP_SECONDS:
        return RESUMED_SCORE
    ends = rays.of(a.tracklet, torch.tensor([a.end - 1, b.start]))
    both = (ends.weight[0] > 0).all(0)
    if not bool(both.any()):
        return RESUMED_SCORE
    moved = (ends.x[0, 1] - ends.x[0, 0]).norm(dim=-1) / ends.noise[0, 0]
    return CONTINUITY_SCORE / (
        1 + (float(moved[both].median()) / (HALF_SCORE_JUMP[0] + HALF_SCORE_JUMP[1] * absent)) ** 2
    )


def cluster_segments(score: Float[np.ndarray, "segment segment"]) -> Int[np.ndarray, " segment"]:
    """A cluster number per segment, so that the sum of scores within clusters is large and none is -inf.

    Greedy: the two clusters with the largest summed score are merged, as long as it is positive; then single segments
    move to the cluster they score best with, the largest gain first, until none gains.
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
        to = np.stack([np.where(column, score, 0.0).sum(1) for column in own.T], 1)  # (segment, group)
        gain = to - to[every, group][:, None]
        segment, best = divmod(int(gain.argmax()), len(score))
        if not gain[segment, best] > 1e-9:
            break
        group[segment] = best
    return np.unique(group, return_inverse=True)[1]


def _identity_changes(evidence: Float[np.ndarray, "tracklet tracklet frame"], penalty: float) -> list[list[int]]:
    """Per tracklet the frames at which it begins or ends to be one person with another, by dynamic programming."""
    count, _, frames = evidence.shape
    a, b = np.nonzero(np.triu(evidence.any(-1)))
    # best sums of evidence that end in the state "one person" and in "two"
    one, two = np.zeros(len(a)), np.zeros(len(a))
    turned = np.zeros((2, frames, len(a)), bool)
    for begin in range(0, frames, _FRAMES_AT_ONCE):
        emission = evidence[a, b, begin : begin + _FRAMES_AT_ONCE].astype(np.float64)
        for frame, now in enumerate(emission.T, begin):
            turned[0, frame], turned[1, frame] = two - penalty > one, one - penalty > two
            one, two = np.maximum(one, two - penalty) + now, np.maximum(two, one - penalty)
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
    gaps = np.flatnonzero(np.diff(frames) > MAX_GAP_SECONDS * fps)
    merged: list[list[int]] = []
    for cut in sorted(cuts):
        if merged and cut - merged[-1][0] <= MERGED_CHANGES_SECONDS * fps:
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
