"""Failures of time: a view that runs early or late, whose clock drifts, or that plays in slow motion."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.geometry.simulation import Simulated, detected


def out_of_sync(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One view runs 4 to 8 frames early or late."""
    return _shifted(clip, rng, int(rng.integers(4, 9)))


def slightly_out_of_sync(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One view runs a frame early or late: mild."""
    return _shifted(clip, rng, 1)


def _shifted(clip: Simulated, rng: np.random.Generator, frames: int) -> Simulated:
    """One view early or late; where it has no image, the person is missing."""
    view, shift = int(rng.integers(len(clip.rig.names))), frames * int(rng.choice([-1, 1]))
    xy, conf = clip.poses.xy[view, :, 0].roll(shift, 0), clip.poses.conf[view, :, 0].roll(shift, 0)
    conf[(slice(0, shift) if shift > 0 else slice(shift, None))] = 0
    return clip.with_view(view, xy, conf)


def drifting_clock(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One view's clock is fast or slow by 100 to 1000 millionths; the clip is to last some minutes."""
    rate = 1 + 1e-6 * float(rng.choice([-1, 1]) * 10 ** rng.uniform(2, 3))
    frames = torch.arange(len(clip.xyz), dtype=torch.float64)
    return _read_at(clip, frames * rate, rng)


def slow_motion_2x(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One view was filmed at twice the frame rate and plays at half the speed."""
    return _read_at(clip, torch.arange(len(clip.xyz), dtype=torch.float64) / 2, rng)


def slow_motion_4x(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One view was filmed at four times the frame rate and plays at a quarter of the speed."""
    return _read_at(clip, torch.arange(len(clip.xyz), dtype=torch.float64) / 4, rng)


def _read_at(clip: Simulated, moments: Float[Tensor, " frame"], rng: np.random.Generator) -> Simulated:
    """One view shows these moments (in frames, linear between them); where there is none, the person is missing."""
    view, last = int(rng.integers(len(clip.rig.names))), len(clip.xyz) - 1
    inside, at = (moments >= 0) & (moments <= last), moments.clamp(0, last)
    before = at.floor().clamp(max=last - 1).long()
    share = (at - before)[:, None, None]
    shown = (1 - share) * clip.xyz[before] + share * clip.xyz[before + 1]
    bodies = shown.expand(len(clip.rig.names), *shown.shape)
    xy, conf = detected(clip.rig, bodies, clip.fps, clip.noise, rng)
    return clip.with_view(view, xy[view], conf[view] * inside[:, None])
