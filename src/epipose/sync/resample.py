"""Resampling of keypoints to common moments, linearly between two frames.

Videos have clocks of their own. Detections are made, and kept, frame by frame as the camera took them; whatever
compares views needs them at common moments. Where a moment is a frame, its keypoints are kept exactly; else both
neighbouring frames must show the joint, and the confidence is the smaller of the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from epipose.clip import Clip
from epipose.poses import Poses2D

EXACT_FRAMES = 2e-3  # nearer than this a moment is a frame
MAX_GAP_FRAMES = 2.5  # across a longer gap between two images nothing is interpolated


def on_timeline(poses: Poses2D, clip: Clip) -> Poses2D:
    """Detections in the videos' own frames (shorter videos filled up) to the moments of the clip."""
    return resampled(poses, [view.moments for view in clip.views], [clip.moments] * len(clip.views))


def resampled(
    poses: Poses2D, times: Sequence[Float[np.ndarray, " _"]], moments: Sequence[Float[np.ndarray, " _"]]
) -> Poses2D:
    """Poses at ``moments`` (seconds, per view) from those at ``times``; the shorter are filled up with conf 0."""
    longest = max(map(len, moments))
    shape = (poses.xy.shape[0], longest, *poses.xy.shape[2:4])
    xy, conf = poses.xy.new_zeros(*shape, 2), poses.conf.new_zeros(shape)
    xyz = None if poses.xyz is None else poses.xyz.new_zeros(*shape, 3)
    for view, (own, wanted) in enumerate(zip(times, moments, strict=True)):
        before, after, share = neighbours(own, wanted)
        known = torch.from_numpy(share >= 0)
        part = torch.from_numpy(share.clip(0)).to(poses.xy)[:, None, None]
        first, second = poses.conf[view, before], poses.conf[view, after]
        conf[view, : len(wanted)] = torch.minimum(first, second) * known[:, None, None]
        for source, target in ((poses.xy, xy), (poses.xyz, xyz)):
            if source is not None and target is not None:
                a, b = source[view, before], source[view, after]
                target[view, : len(wanted)] = a + part[..., None] * (b - a)
    return Poses2D(xy, conf, poses.skeleton, poses.views, xyz)


def neighbours(
    times: Float[np.ndarray, " frame"], moments: Float[np.ndarray, " moment"]
) -> tuple[Int[np.ndarray, " moment"], Int[np.ndarray, " moment"], Float[np.ndarray, " moment"]]:
    """The frames before and after each moment, and how far it lies between them (0 to 1).

    A moment that is a frame has that frame on both sides. -1 instead of the share: before the first frame, after the
    last, or in a gap of more than `MAX_GAP_FRAMES` frames (the usual distance of two is their median).
    """
    last = len(times) - 1
    step = float(np.median(np.diff(times))) if last else 1.0
    after = np.searchsorted(times, moments).clip(0, last)
    before = (after - 1).clip(0)
    nearest = np.where(np.abs(times[before] - moments) < np.abs(times[after] - moments), before, after)
    exact = np.abs(times[nearest] - moments) < EXACT_FRAMES * step
    before, after = np.where(exact, nearest, before), np.where(exact, nearest, after)
    length = times[after] - times[before]
    share = (moments - times[before]) / np.maximum(length, 1e-12)
    unknown = ~exact & ((share < 0) | (share > 1) | (length > MAX_GAP_FRAMES * step))
    return before, after, np.where(exact, 0.0, np.where(unknown, -1.0, share))
