"""Kinds of failures of filming, by name: functions on simulated clips that spoil them the way it happens.

The detections change, and the true poses of the cameras stay for judging: the error of a run is its worst pair's
rotation error. For "one camera moved" there are two ground truths: the camera is judged by its pose in the larger part
of the clip. `spoiled` makes the clip of a seed; failure_runs.py calibrates many of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.geometry import failure_cameras as cameras
from benchmarks.geometry import failure_clocks as clocks
from benchmarks.geometry import failure_subjects as subjects
from benchmarks.geometry.simulation import Simulated, simulate

Kind = Callable[[Simulated, np.random.Generator], Simulated]

KINDS: dict[str, Kind] = {
    "none": subjects.good,
    "one frame out of sync": clocks.slightly_out_of_sync,
    "some swaps": subjects.some_swaps,
    "a third missing": subjects.often_missing,
    "wrong person in one view": subjects.wrong_person,
    "4-8 frames out of sync": clocks.out_of_sync,
    "two videos swapped": cameras.videos_swapped,
    "another take in one view": subjects.another_take,
    "one video mirrored": cameras.mirrored_video,
    "focal 10 % off in one": cameras.focal_wrong_in_one,
    "focal 10 % off in all": cameras.focal_wrong_in_all,
    "standing still": subjects.standing_still,
    "5 % of the image": subjects.small_in_the_image,
    "one camera moved": cameras.camera_moved,
    "half outliers": subjects.half_outliers,
    "two cameras": cameras.two_cameras,
    "sides swapped in one view": subjects.sides_swapped_in_one,
    "intrinsics hidden": subjects.good,
    "non-square pixels": cameras.squeezed,
    "non-square pixels, intrinsics hidden": cameras.squeezed,
    "non-square pixels in one view": cameras.squeezed_in_one,
    "non-square pixels, known": cameras.squeezed_and_known,
    "keypoints at half the size": cameras.half_size,
    "keypoints in 0..1": cameras.normalised,
    "cropped off centre": cameras.cropped_off_centre,
    "cropped off centre, intrinsics hidden": cameras.cropped_off_centre,
    "clock drift of 100-1000 ppm": clocks.drifting_clock,
    "slow motion 2x": clocks.slow_motion_2x,
    "slow motion 4x": clocks.slow_motion_4x,
    "upper body only": subjects.upper_body,
    "seated": subjects.seated,
    "two cameras near each other": cameras.near_cameras,
    "two of the cameras near each other": cameras.near_pair,
}
HIDDEN = frozenset(kind for kind in KINDS if kind.endswith("intrinsics hidden"))  # calibration is given none
LONG = {"clock drift of 100-1000 ppm": 12_000}  # kinds that show only in clips of so many frames


def spoiled(kind: str, seed: int, **options: Any) -> Simulated:
    """The clip of a seed, spoiled; ``options`` are those of `simulate`."""
    options["frames"] = max(options.get("frames", 200), LONG.get(kind, 0))
    return KINDS[kind](simulate(seed, **options), np.random.default_rng([seed, zlib.crc32(kind.encode())]))
