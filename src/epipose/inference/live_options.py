"""Options of live prediction: the command line of `epipose live`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from epipose.io.ranges import Count, Finite, OptionRecord, Positive, Range

Variant = Literal["auto", "full", "heavy"]
LiveSkeleton = Literal["native", "h36m17", "body25", "coco17", "halpe26", "blazepose33"]
_Side = Annotated[int, Range(least=16, most=16384, unit="pixels")]


@dataclass(frozen=True)
class LiveOptions(OptionRecord):
    """Options of live prediction, of one camera and of a calibrated rig."""

    frames: Count | None = None
    """End after so many lines; default: when the source ends, or with Ctrl-C."""
    max_seconds: Positive | None = None
    """End after so many seconds."""
    every_frame: bool = False
    """Of files, wait for every frame where there is no time for all, instead of dropping some: as for predict."""
    variant: Variant = "auto"
    """Size of BlazePose's landmark network, and of the pretrained network on it: full is some four times as fast, heavy
    more accurate. auto: heavy where its weights are in the cache, as for predict."""
    temporal: bool = False
    """One camera: refine the poses over time with the model's causal refiner."""
    intrinsics: Path | None = None
    """One camera: its intrinsics, where known, as for predict."""
    offsets: tuple[Finite, ...] = ()
    """A rig: seconds to add to the times of each source, in their order. Of a file the moment it starts, by default as in
    the clip.json beside the rig. Of a camera minus the time by which its images arrive later than the others'."""
    max_spread: Positive = 0.05
    """A rig: seconds by which images of one moment may be apart; a source that is farther off is left out of it."""
    force: bool = False
    """A rig: use its cameras although calibrate has rejected them."""
    skeleton: LiveSkeleton = "h36m17"
    """A rig: joints of the poses. native: those of the detector, hands and feet included where it has them."""
    detector: str = "auto"
    """Detector of the person: as for predict."""
    detector_option: tuple[str, ...] = ()
    """A rig: option of the detector, KEY=VALUE, such as device=cuda; may be repeated."""
    webcam_size: tuple[_Side, _Side] = (1280, 720)
    """Width and height that webcams are asked for; cameras of a rig are asked for theirs."""
    report_every: Positive = 5.0
    """Seconds between two reports of rate, latency and dropped frames on standard error."""
