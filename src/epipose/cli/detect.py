"""Keypoint detection and synchronisation: `epipose detect`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from epipose.cli.arguments import Sources
from epipose.cli.messages import say
from epipose.io.ranges import OptionRecord
from epipose.io.writable import check_folder
from epipose.pipeline.options import DetectOptions


@dataclass(frozen=True)
class Detect(OptionRecord):
    """Find keypoints of people in every frame of every video, the time offsets, and the person whom all views follow.

    The videos are views of one scene. They may start up to ten seconds apart (more with --max-offset)
    and differ in length and frame rate. With --poses 2D poses of other programs are taken instead; the videos need not
    be there then: epipose detect --poses FILE --size 1920x1080 --fps 60 --out CLIP.
    """

    sources: Sources
    """Two or more videos, or one folder of videos, or a clip folder; none for 2D poses alone."""
    out: Path
    """Clip folder to write: clip.json, poses2d.npz, detections.npz, detect.json."""
    detection: DetectOptions = DetectOptions()
    overwrite: bool = False
    """Replace a clip folder that was made from other videos."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.pipeline.detect import DetectedClip
        from epipose.pipeline.stages import detect_clip

        check_folder(self.out)
        worked = detect_clip(self.sources, self.out, self.detection, overwrite=self.overwrite)
        found = DetectedClip.load(self.out)
        for view in found.clip.views:
            print(f"  {view.name:12s} started at {view.start:6.3f} s, {view.frames} frames at {view.fps:g} fps")
        for warning in found.warnings:
            print(f"  warning: {warning}")
        say(worked, self.out / "poses2d.npz", f"epipose calibrate {self.out}")
