"""Joint speeds of tracklets, smoothed, for comparison across views."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from epipose.detection.tracklets import Tracklet, body_size

SMOOTHING = 0.15  # seconds over which positions are averaged before they are differentiated


def log_joint_speeds(
    track: Tracklet, fps: float
) -> tuple[Float[np.ndarray, "step joint"], Float[np.ndarray, "step joint"]]:
    """Log speed of every joint in body sizes per second, and its weight."""
    window = max(1, round(SMOOTHING * fps))
    weight = _moving_sum(track.conf, window)
    xy = _moving_sum(track.conf[..., None] * track.xy, window) / np.maximum(weight, 1e-9)[..., None]
    seen = track.conf.sum(-1) > 0
    size = float(np.median(body_size(track.xy, track.conf)[seen]))
    speed = np.linalg.norm(np.diff(xy, axis=0), axis=-1) * fps / max(size, 1e-9)
    return np.log1p(speed), np.minimum(track.conf[1:], track.conf[:-1])


def _moving_sum(values: np.ndarray, window: int) -> np.ndarray:
    """Sum over a centred window along the first axis, cut off at the ends."""
    total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    index = np.arange(len(values))
    first = np.maximum(index - window // 2, 0)
    last = np.minimum(index - window // 2 + window, len(values))
    return total[last] - total[first]
