"""Time offsets of a clip by the method asked for: by hand, from motion, from sound, or none.

The estimates themselves are in `epipose.sync.from_motion` and `epipose.sync.from_audio`; here is what they need of a
clip, and the warnings about its clocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from epipose.clip import Clip
from epipose.errors import InputError
from epipose.poses import Poses2D
from epipose.sync.from_motion import offsets_from_motion
from epipose.sync.play_rate import with_play_rates
from epipose.sync.result import TimeOffsets, combine_offsets

SyncMethod = Literal["auto", "motion", "audio", "none"]


def estimate_offsets(
    method: SyncMethod, offsets: Sequence[float], clip: Clip, seen: Poses2D, max_offset: float = 10.0
) -> TimeOffsets:
    """Time offsets of the views of a clip. ``offsets`` (seconds), where given, are taken as they are.

    ``seen`` are the detections in the videos' own frames. Starts up to ``max_offset`` seconds apart are tried. Raises
    InputError when sound is asked for and a video has none.
    """
    if offsets or method == "none":
        return _by_hand(offsets, len(clip.views))
    if method == "motion":
        return _by_motion(clip, seen, max_offset)
    sounds = _by_sound(clip, max_offset)
    if method == "auto":
        return combine_offsets(_by_motion(clip, seen, max_offset), sounds)
    return _certain(sounds)


def check_offsets(method: SyncMethod, offsets: Sequence[float], clip: Clip) -> None:
    """Raise InputError where time offsets cannot be, as far as that is known before anything is decoded.

    Offsets by hand, one for each view, leave the views in common what a clip needs; sound is in every video.
    """
    if offsets or method == "none":
        clip.synchronised([start - min(offsets) for start in offsets] or [0.0] * len(clip.views))
    elif method == "audio":
        from epipose.sync.from_audio import has_sound

        if not all(view.video is not None and has_sound(view.video) for view in clip.views):
            raise _no_sound()


def _no_sound() -> InputError:
    return InputError("--sync audio needs sound in every video, and at least one has none. Use --sync motion.")


def offsets_without_motion(
    method: SyncMethod, offsets: Sequence[float], clip: Clip, max_offset: float = 10.0
) -> TimeOffsets | None:
    """The time offsets as far as they need no keypoints: by hand, none, or from sound that gives a clear result."""
    if offsets or method == "none":
        return _by_hand(offsets, len(clip.views))
    if method == "motion":
        return None
    sounds = _by_sound(clip, max_offset)
    if method == "audio":
        return _certain(sounds)
    return sounds if sounds is not None and sounds.sure else None


def offsets_in_stretch(
    seen: Poses2D, times: Sequence[Float[np.ndarray, " _"]], max_offset: float = 10.0
) -> TimeOffsets:
    """Time offsets of videos from detections in some successive frames of each, at ``times`` (seconds in the video)."""
    found = offsets_from_motion(seen, times, max_offset)
    rates = found.rates or (1.0,) * len(times)
    starts = [start - own[0] / rate for start, own, rate in zip(found.starts, times, rates, strict=True)]
    return replace(found, starts=tuple(round(float(start - min(starts)), 6) for start in starts))


def _by_hand(offsets: Sequence[float], views: int) -> TimeOffsets:
    starts = tuple(float(start) - min(offsets) for start in offsets) or (0.0,) * views
    return TimeOffsets(starts, "by hand" if offsets else "none", (0.0,) * len(starts), True)


def _certain(sounds: TimeOffsets | None) -> TimeOffsets:
    if sounds is None:
        raise _no_sound()
    return sounds


def gap_warnings(clip: Clip) -> list[str]:
    """A sentence for each view whose video lacks frames."""
    warnings = []
    for view in clip.views:
        gaps = view.dropped()
        if gaps:
            lost, places = sum(count for _, count in gaps), ", ".join(f"{when:.2f} s" for when, _ in gaps[:3])
            warnings.append(
                f"View {view.name}: {lost} frames were dropped, at {places}{' and later' if len(gaps) > 3 else ''}. "
                "The times of the other frames are kept, so nothing is shifted, but the motion there is missing."
            )
    return warnings


def _by_motion(clip: Clip, seen: Poses2D, max_offset: float) -> TimeOffsets:
    times = [replace(view, start=0.0, rate=1.0).moments for view in clip.views]
    found = offsets_from_motion(seen, times, max_offset)
    return found if found.sure else with_play_rates(found, seen, times, max_offset)


def _by_sound(clip: Clip, max_offset: float) -> TimeOffsets | None:
    from epipose.sync.from_audio import offsets_from_audio, read_sound

    sounds = [None if view.video is None else read_sound(view.video) for view in clip.views]
    heard = [samples for samples in sounds if samples is not None]
    return offsets_from_audio(heard, max_offset) if len(heard) == len(sounds) else None
