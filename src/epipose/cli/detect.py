"""Keypoint detection and synchronisation: `epipose detect`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from epipose.cli.arguments import Sources
from epipose.cli.messages import say


@dataclass(frozen=True)
class Detect:
    """Find the joints of people in every frame of every video, and the one person all views agree on.

    The videos are views of one scene. They may start up to ten seconds apart and differ in length and frame rate.
    """

    sources: Sources
    """Two or more videos, or one folder of videos, or a clip folder."""
    out: Path
    """Clip folder to write: clip.json, poses2d.npz, detections.npz, detect.json."""
    detector: str = "blazepose"
    """blazepose (the heavy weights where they are at hand, else full), blazepose-full, blazepose-heavy; pretrained: the
    pretrained network, for one person in each view, less exact."""
    poses: Path | None = None
    """Use these 2D poses instead of a detector: an npz, or a folder with one folder of OpenPose JSON per view."""
    sync: Literal["auto", "motion", "audio", "none"] = "auto"
    """How to find out when each video was started. auto: by the motion, checked by the sound where all have it, or by
    the sound where the motion does not tell. none: they were started together."""
    offsets: tuple[float, ...] = ()
    """When each video was started, in seconds, by hand; one number for each video, instead of --sync."""
    overwrite: bool = False
    """Replace a clip folder that was made from other videos."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.clip import Clip
        from epipose.pipeline.stages import detect_clip, detect_warnings

        worked = detect_clip(
            self.sources,
            self.out,
            detector=self.detector,
            poses=self.poses,
            sync=self.sync,
            offsets=self.offsets,
            overwrite=self.overwrite,
        )
        for view in Clip.load(self.out).views:
            print(f"  {view.name:12s} started at {view.start:6.3f} s, {view.frames} frames at {view.fps:g} fps")
        for warning in detect_warnings(self.out):
            print(f"  warning: {warning}")
        say(worked, self.out / "poses2d.npz", f"epipose calibrate {self.out}")
