"""A simulated walk filmed by cameras whose clocks run, and whose files play, at rates of their own."""

from __future__ import annotations

import numpy as np
import torch

from epipose import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig

FPS = 30.0


def filmed(
    seconds: float,
    starts: tuple[float, ...],
    rates: tuple[float, ...],
    seed: int = 0,
    pixels: float = 6.0,
) -> tuple[Poses2D, list[np.ndarray]]:
    """Keypoints in the files' own frames, and the times that the files state.

    ``starts``: seconds on the common clock. ``rates``: seconds of the file in one of the common clock.
    """
    dense = moving_skeleton(int((seconds + max(starts) + 1) * 50), seed)
    images, times = [], []
    for view, (start, rate) in enumerate(zip(starts, rates, strict=True)):
        own = np.arange(int(seconds * FPS * rate)) / FPS
        place = torch.from_numpy(start + own / rate) * 50
        before = place.long().clamp(max=len(dense) - 2)
        share = (place - before)[:, None, None]
        xyz = (1 - share) * dense[before] + share * dense[before + 1]
        images.append(detections(rig(), xyz, pixels, 0.03, seed + view)[0][view])
        times.append(own)
    longest = max(map(len, images))
    xy, conf = torch.zeros(len(starts), longest, 1, 17, 2), torch.zeros(len(starts), longest, 1, 17)
    for view, image in enumerate(images):
        xy[view, : len(image), 0], conf[view, : len(image)] = image.float(), 1
    return Poses2D(xy, conf, H36M17, tuple(f"cam{view}" for view in range(len(starts)))), times
