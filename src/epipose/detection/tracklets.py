"""Tracklets: a detector's output frame by frame as one array per person and view.

A tracklet that broke off and one that begins soon after near the same place, at the same size, are one person: they are
joined here, so that the choice of the subject sees few, long candidates.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from epipose.detection.base import Detection
from epipose.poses import Poses2D
from epipose.skeleton import Skeleton

MAX_GAP_SECONDS = 1.0  # that a person may be unseen within a tracklet
MAX_JUMP = 0.5  # between the ends of two tracklets of one person, in body sizes,
MAX_SPEED = 3.0  # plus so many body sizes for every second between them (1.4 m/s)
MAX_SWAP_SECONDS = 1.0  # of a left-right swap that is undone
MAX_SWAPPED_END_SECONDS = 0.2  # before the first, or behind the last moment at which left and right change
SWAP_DISTANCE_RATIO = 0.7  # of the distances to the frame before, with left and right swapped and as they are
MIN_FRAMES = 3  # a shorter tracklet is a false alarm


@dataclass(frozen=True)
class Tracklet:
    """One person in one view: joints over all frames of the video, conf 0 where the person was not seen."""

    xy: Float[np.ndarray, "frame joint 2"]
    conf: Float[np.ndarray, "frame joint"]
    xyz: Float[np.ndarray, "frame joint 3"] | None

    @property
    def seen(self) -> np.ndarray:
        """Indices of the frames in which any joint was seen."""
        return np.flatnonzero(self.conf.any(-1))


def tracklets_from_detections(
    frames: Sequence[Sequence[Detection]], joints: int, fps: float, most: int = 8
) -> list[Tracklet]:
    """Gather detections by track number, join broken tracklets, drop flickers; the ``most`` longest, longest first.

    People without a number (-1) get one first: see `numbered`.
    """
    frames = numbered(frames)
    lengths = Counter(found.track for detections in frames for found in detections if found.conf.any())
    # arrays are as long as the video: bound their number, however often tracklets broke off
    kept = {number for number, _ in lengths.most_common(8 * most)}
    gathered: dict[int, Tracklet] = {}
    for index, detections in enumerate(frames):
        for found in detections:
            if found.track not in kept:
                continue
            if found.track not in gathered:
                gathered[found.track] = _empty_tracklet(len(frames), joints, found.xyz is not None)
            track = gathered[found.track]
            track.xy[index], track.conf[index] = found.xy, found.conf
            if track.xyz is not None and found.xyz is not None:
                track.xyz[index] = found.xyz
    shortest = min(MIN_FRAMES, len(frames))
    long = [track for track in join_tracklets(list(gathered.values()), fps) if len(track.seen) >= shortest]
    return sorted(long, key=lambda track: -len(track.seen))[:most]


def numbered(frames: Sequence[Sequence[Detection]]) -> Sequence[Sequence[Detection]]:
    """The same people, those without a track number (-1) linked and numbered behind the highest number there is."""
    if all(person.track >= 0 for people in frames for person in people):
        return frames
    first = 1 + max((person.track for people in frames for person in people), default=-1)
    linked = link_detections([[person for person in people if person.track < 0] for people in frames])
    return [
        [*(person for person in people if person.track >= 0), *(replace(new, track=first + new.track) for new in added)]
        for people, added in zip(frames, linked, strict=True)
    ]


def link_detections(frames: Sequence[Sequence[Detection]]) -> list[list[Detection]]:
    """Number people that come without track numbers: nearest to the frame before, at most `MAX_JUMP` body sizes."""
    result: list[list[Detection]] = []
    fresh = 0
    for people in frames:
        before = result[-1] if result else []
        costs = {
            (new, old): keypoint_distance(other.xy, other.conf, person.xy, person.conf)
            for new, person in enumerate(people)
            for old, other in enumerate(before)
        }
        track_of: dict[int, int] = {}
        for new, old in sorted(costs, key=lambda pair: costs[pair]):
            if costs[new, old] < MAX_JUMP and new not in track_of and before[old].track not in track_of.values():
                track_of[new] = before[old].track
        for new in range(len(people)):
            if new not in track_of:
                track_of[new], fresh = fresh, fresh + 1
        result.append([replace(person, track=track_of[new]) for new, person in enumerate(people)])
    return result


def undo_swaps(track: Tracklet, flip: Sequence[int], fps: float) -> Tracklet:
    """Undo left-right swaps of up to `MAX_SWAP_SECONDS`.

    A detector that takes a back for a front for a while swaps every left joint with its right one, at once, and later
    swaps them back: both moments show as frames that continue the one before only with left and right swapped. Of
    moments that follow each other closely every second stretch between is swapped, so that the fewest frames are. A
    moment without a counterpart is left alone: better one wrong stretch than everything after it.
    """
    seen, flipped = track.seen, np.asarray(flip)
    before, after = seen[:-1], seen[1:]
    # only joints that both assignments can be measured with: seen before, and seen after with their mirror image
    weight = (
        track.conf[before] * track.conf[after] * track.conf[after][:, flipped] * (flipped != np.arange(len(flipped)))
    )
    distance = (weight * np.linalg.norm(track.xy[after] - track.xy[before], axis=-1)).sum(-1)
    swapped_distance = (weight * np.linalg.norm(track.xy[after][:, flipped] - track.xy[before], axis=-1)).sum(-1)
    turns = after[swapped_distance < SWAP_DISTANCE_RATIO * distance]
    longest = MAX_SWAP_SECONDS * fps
    swapped = np.zeros(len(track.conf), bool)
    for chain in np.split(turns, np.flatnonzero(np.diff(turns) > longest) + 1):
        if not len(seen):
            break
        bounds = [int(seen[0]), *chain.tolist(), int(seen[-1]) + 1]
        for start, end in _swapped_stretches(bounds, MAX_SWAPPED_END_SECONDS * fps):
            swapped[start:end] = True
    frames = np.arange(len(track.conf))[:, None]
    joints = np.where(swapped[:, None], flipped, np.arange(len(flipped)))
    xyz = None if track.xyz is None else track.xyz[frames, joints]
    return Tracklet(track.xy[frames, joints], track.conf[frames, joints], xyz)


def _swapped_stretches(bounds: Sequence[int], longest_end: float) -> list[tuple[int, int]]:
    """The stretches between turns that are swapped: every second one, so that the longest is as it was seen.

    ``bounds``: where the track begins, the turns, and where it ends. What lies before the first turn and behind the last
    counts together where both are alike; swapped it is only where it has at most ``longest_end`` frames.
    """
    stretches = list(itertools.pairwise(bounds))
    if len(stretches) < 2:
        return []
    last = len(stretches) - 1
    lengths = [end - start for start, end in stretches]
    longest = [0, 0]
    for parity in (0, 1):
        ends = sum(lengths[each] for each in {0, last} if each % 2 == parity)
        longest[parity] = max([ends, *(lengths[each] for each in range(1, last) if each % 2 == parity)])
    wrong = 1 if longest[0] >= longest[1] else 0
    able = (each for each in range(wrong, last + 1, 2) if each not in (0, last) or lengths[each] <= longest_end)
    return [stretches[each] for each in able]


def stack_tracklets(
    tracklets: Sequence[Sequence[Tracklet]], views: tuple[str, ...], frames: int, skeleton: Skeleton
) -> Poses2D:
    """Tracklets per view as one array; views with fewer people or fewer frames are filled with conf 0."""
    shape = (len(tracklets), frames, max(1, *map(len, tracklets)), len(skeleton.joints))
    xy, conf, xyz = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32), np.zeros((*shape, 3), np.float32)
    for view, people in enumerate(tracklets):
        for person, track in enumerate(people):
            length = len(track.conf)
            xy[view, :length, person], conf[view, :length, person] = track.xy, track.conf
            if track.xyz is not None:
                xyz[view, :length, person] = track.xyz
    with_xyz = all(track.xyz is not None for view in tracklets for track in view)
    own_3d = torch.from_numpy(xyz) if with_xyz else None
    return Poses2D(torch.from_numpy(xy), torch.from_numpy(conf), skeleton, views, own_3d)


def join_tracklets(tracklets: Sequence[Tracklet], fps: float) -> list[Tracklet]:
    """Append each tracklet to the one it continues: the nearest that ended at most `MAX_GAP_SECONDS` before."""
    whole: list[Tracklet] = []
    for track in sorted(tracklets, key=lambda track: track.seen[0]):
        costs = [_gap_cost(before, track, fps) for before in whole]
        best = int(np.argmin(costs)) if costs else -1
        if best >= 0 and costs[best] < 1:
            whole[best] = merge_tracklets(whole[best], track)
        else:
            whole.append(track)
    return whole


def merge_tracklets(track: Tracklet, other: Tracklet) -> Tracklet:
    """A tracklet with the frames in which another was seen put over it; its own 3D only where both have it."""
    seen = np.any(other.conf, axis=-1)[:, None]
    xyz = None
    if track.xyz is not None and other.xyz is not None:
        xyz = np.where(seen[..., None], other.xyz, track.xyz)
    return Tracklet(np.where(seen[..., None], other.xy, track.xy), np.where(seen, other.conf, track.conf), xyz)


def _gap_cost(before: Tracklet, after: Tracklet, fps: float) -> float:
    """Distance from the end of one tracklet to the start of another, over the allowed; inf if it cannot follow."""
    last, first = int(before.seen[-1]), int(after.seen[0])
    if not 0 < first - last <= max(1, round(MAX_GAP_SECONDS * fps)):
        return float("inf")
    allowed = MAX_JUMP + MAX_SPEED * (first - last) / fps
    return keypoint_distance(before.xy[last], before.conf[last], after.xy[first], after.conf[first]) / allowed


def keypoint_distance(xy_a: np.ndarray, conf_a: np.ndarray, xy_b: np.ndarray, conf_b: np.ndarray) -> float:
    """Mean distance of the joints that both poses have, in sizes of the smaller body; inf where they share none."""
    weight = conf_a * conf_b
    size = min(body_size(xy_a, conf_a), body_size(xy_b, conf_b))
    if not weight.any() or size == 0:
        return float("inf")
    return float((weight * np.linalg.norm(xy_a - xy_b, axis=-1)).sum() / weight.sum() / size)


def body_size(xy: Float[np.ndarray, "*batch joint 2"], conf: Float[np.ndarray, "*batch joint"]) -> np.ndarray:
    """Root of the summed variances of the joints in pixels (about a quarter of the body's height); 0 where unseen.

    `epipose.geometry.person_size.body_spread` for NumPy arrays, which detections are.
    """
    weight = conf[..., None] / np.maximum(conf.sum(-1), 1e-9)[..., None, None]
    mean = (weight * xy).sum(-2, keepdims=True)
    return np.asarray(np.sqrt((weight * (xy - mean) ** 2).sum((-1, -2))))


def _empty_tracklet(frames: int, joints: int, with_xyz: bool) -> Tracklet:
    xyz = np.zeros((frames, joints, 3)) if with_xyz else None
    return Tracklet(np.zeros((frames, joints, 2)), np.zeros((frames, joints)), xyz)
