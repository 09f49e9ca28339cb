"""Choice of frames to train on: as many different poses as a number of images can show.

Somebody who stands for minutes and bends down twice has thousands of frames that teach the same. Poses are grouped
(k-means, Lloyd 1982), and every group gives as many frames as the others, as far as it has them. Groups, unlike the
poses that are farthest from each other, do not prefer wrong labels, which are rare and far from everything.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from epipose.poses import Poses3D

_GROUPS, _ROUNDS = 64, 10
_ALIKE = 0.1  # poses whose joints differ by less than this share of a person's size are of one group
_FITTED = 20_000  # frames from which the groups are found


def varied_frames(
    labels: Poses3D, usable: Bool[np.ndarray, "view frame"], count: int, seed: int
) -> Bool[np.ndarray, "view frame"]:
    """At most ``count`` of the usable images, of all views together, with varied poses; frames are those of the labels.

    A pose is that of everybody in the frame, relative to their roots, as they stand in the world. Of a group, all
    moments come first from one view each, then from a second one, and so on. The choice follows from the seed.
    """
    if usable.sum() <= count:
        return usable
    rng = np.random.default_rng((seed, 16))
    frames = np.flatnonzero(usable.any(0))
    group = np.zeros(usable.shape[1], int)
    group[frames] = _groups(_poses(labels, frames), min(_GROUPS, max(1, count // 4)), rng)
    drawn = np.where(usable, rng.random(usable.shape), np.inf)
    turn_of_view = drawn.argsort(0).argsort(0)  # which of its moment's views, in random order
    view, frame = np.nonzero(usable)
    order = np.lexsort((drawn[view, frame], turn_of_view[view, frame], group[frame]))
    starts = np.searchsorted(group[frame][order], group[frame][order])
    turn = np.arange(len(order)) - starts  # which of its group
    first = order[np.lexsort((drawn[view, frame][order], turn))][:count]
    chosen = np.zeros_like(usable)
    chosen[view[first], frame[first]] = True
    return chosen


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
    joints = pose.shape[1] / 3
    nearest = ((few - centres[0]) ** 2).sum(-1)
    while len(centres) < count and nearest.max() > _ALIKE**2 * joints:
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
