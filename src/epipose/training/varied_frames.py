"""Choice of frames to train on: as many different poses as a number of frames can show.

Somebody who stands for minutes and bends down twice has thousands of frames that teach the same. Poses are grouped
(k-means, Lloyd 1982), and every group gives as many frames as the others, as far as it has them. Groups, unlike the
poses that are farthest from each other, do not prefer wrong labels, which are rare and far from everything.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int

from epipose.poses import Poses3D

_GROUPS, _ROUNDS = 64, 10
_FITTED = 20_000  # frames from which the groups are found


def varied_frames(
    labels: Poses3D, candidates: Int[np.ndarray, " candidate"], count: int, seed: int
) -> Int[np.ndarray, " chosen"]:
    """``count`` of the candidate frames of a clip's labels with varied poses, in order; all where there are no more.

    A frame's pose is that of everybody in it, relative to their roots, as they stand in the world. The choice follows
    from the seed.
    """
    if len(candidates) <= count:
        return np.sort(candidates)
    rng = np.random.default_rng((seed, 16))
    pose = _poses(labels, candidates)
    group = _groups(pose, min(_GROUPS, max(1, count // 4)), rng)
    order = rng.permutation(len(candidates))
    turn = np.empty(len(candidates), int)  # the how manieth of its group a frame is, in random order
    for number in np.unique(group):
        members = order[group[order] == number]
        turn[members] = np.arange(len(members))
    first = order[np.argsort(turn[order], kind="stable")][:count]
    return np.sort(candidates[first])


def _poses(labels: Poses3D, frames: Int[np.ndarray, " frame"]) -> Float[np.ndarray, "frame number"]:
    """Joints relative to their person's root in sizes of the person; 0 where there is no label."""
    rows = torch.from_numpy(frames)
    xyz, conf, root = labels.xyz[rows].double(), labels.conf[rows].double(), labels.skeleton.root
    has = ((conf > 0) & (conf[..., root, None] > 0)).double()[..., None]
    pose = (xyz - xyz[:, :, root, None]) * has
    size = (pose.square().sum() / has.sum().clamp(min=1)).sqrt().clamp(min=1e-9)
    return (pose / size).flatten(1).numpy()


def _groups(pose: Float[np.ndarray, "frame number"], count: int, rng: np.random.Generator) -> Int[np.ndarray, " frame"]:
    """The group of each pose by k-means, from centres that are poses far from each other (k-means++)."""
    few = pose[np.sort(rng.permutation(len(pose))[:_FITTED])]
    centres = few[rng.integers(len(few))][None]
    nearest = ((few - centres[0]) ** 2).sum(-1)
    while len(centres) < count and nearest.max() > 0:
        centre = few[rng.choice(len(few), p=nearest / nearest.sum())]
        centres = np.concatenate([centres, centre[None]])
        nearest = np.minimum(nearest, ((few - centre) ** 2).sum(-1))
    for _ in range(_ROUNDS):
        group = _nearest(few, centres)
        known = np.bincount(group, minlength=len(centres)) > 0
        means = np.stack([few[group == one].mean(0) if known[one] else centres[one] for one in range(len(centres))])
        if np.array_equal(means, centres):
            break
        centres = means
    return _nearest(pose, centres)


def _nearest(
    pose: Float[np.ndarray, "frame number"], centres: Float[np.ndarray, "group number"]
) -> Int[np.ndarray, " frame"]:
    return np.asarray(((centres**2).sum(-1) - 2 * pose @ centres.T).argmin(-1))
