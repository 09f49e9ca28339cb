"""Synthetic clips with ground truth: `epipose studio`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from epipose.cli.messages import motions_and_photos
from epipose.io.ranges import Count, FrameRate, OptionRecord, Range, Seed


@dataclass(frozen=True)
class Studio(OptionRecord):
    """Make synthetic clips of random people filmed by random cameras, with ground truth.

    Every clip is a folder that the other verbs accept; its truth/ has the ground-truth cameras and joints. Needs the
    extra epipose[studio]. An interrupted run resumes when the same command is given again.
    """

    out: Path
    """Folder to write clip0000, clip0001, ... into."""
    clips: Count = 8
    """Number of clips, each with a random person, clothes, room, light, motion and cameras."""
    frames: Annotated[int, Range(least=2, most=10**7)] = 100
    """Frames per clip."""
    views: Annotated[int, Range(least=2, most=1000)] = 4
    """Cameras per clip."""
    fps: FrameRate = 25.0
    """Frames per second."""
    size: str | None = None
    """Image size, WIDTHxHEIGHT; phones: upright or not. Default: 640x640 for rings, 720x1280 for phones, or the rig's."""
    rig: str = "ring"
    """ring, phones (on tripods, anywhere), h36m (the cameras of Human3.6M's S1), or a file: an epipose rig.json,
    or Human3.6M's cameras as they are published."""
    mocap: Path | None = None
    """Folder of motion capture to use: ASF/AMC, BVH, DeepMimic. Default: random motion."""
    backgrounds: Path | None = None
    """Folder of photos to put behind people; default: random rooms."""
    seed: Seed = 0
    """Seed of everything that is random; the same seed gives the same clips."""
    workers: Annotated[int, Range(least=0, most=10_000)] = 0
    """Processes; default: one for each core."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.studio.film import ClipSpec, film, image_size, rig_named

        size, rig = image_size(self.size), rig_named(self.rig)
        spec = ClipSpec(
            self.frames, self.views, self.fps, size, rig, *motions_and_photos(self.mocap, self.backgrounds), self.seed
        )
        folders = film(self.out, self.clips, spec, self.workers)
        then = f"epipose detect {folders[0]} --out {folders[0]} --sync none"  # the videos of a clip start together
        print(f"{len(folders)} clips in {self.out}. Next: {then}")
