"""Options of live prediction: the command line of `epipose live`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LiveSkeleton = Literal["native", "h36m17", "body25", "coco17", "halpe26", "blazepose33"]


@dataclass(frozen=True)
class LiveOptions:
    """Options of live prediction, of one camera and of a calibrated rig."""

    frames: int | None = None
    """End after so many lines; default: when the source ends, or with Ctrl-C."""
    max_seconds: float | None = None
    """End after so many seconds."""
    every_frame: bool = False
    """Of files, wait for every frame where there is no time for all, instead of dropping some: as for predict."""
    temporal: bool = False
    """One camera: refine the poses over time with the model's causal refiner."""
    intrinsics: Path | None = None
    """One camera: its intrinsics, where known, as for predict."""
    offsets: tuple[float, ...] = ()
    """A rig: seconds to add to the times of each source, in their order. Of a file the moment it starts, by default as in
    the clip.json beside the rig. Of a camera minus the time by which its images arrive later than the others'."""
    max_spread: float = 0.05
    """A rig: seconds by which images of one moment may be apart; a source that is farther off is left out of it."""
    skeleton: LiveSkeleton = "h36m17"
    """A rig: joints of the poses. native: those of the detector, hands and feet included where it has them."""
    detector: str = "auto"
    """Detector of the person: as for predict."""
    detector_option: tuple[str, ...] = ()
    """A rig: option of the detector, KEY=VALUE, such as device=cuda; may be repeated."""
    webcam_size: tuple[int, int] = (1280, 720)
    """Width and height that webcams are asked for; cameras of a rig are asked for theirs."""
    report_every: float = 5.0
    """Seconds between two reports of rate, latency and dropped frames on standard error."""
