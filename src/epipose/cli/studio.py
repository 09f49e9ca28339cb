"""Synthetic clips with ground truth: `epipose studio`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from epipose.cli.messages import motions_and_photos


@dataclass(frozen=True)
class Studio:
    """Make footage of people who never were, filmed by cameras nobody built, with the truth beside it.

    Every clip is a folder that the other verbs take as it is; truth/ inside has the true cameras and joints. Needs the
    extra epipose[studio]. A run that was cut off goes on where it was when the same command is given again.
    """

    out: Path
    """Folder to write clip0000, clip0001, ... into."""
    clips: int = 8
    """How many clips: random person, clothes, room, light, motion and cameras each."""
    frames: int = 100
    """Frames per clip."""
    views: int = 4
    """Cameras per clip."""
    fps: float = 25.0
    """Frames per second."""
    size: str | None = None
    """Images, WIDTHxHEIGHT; phones may stand or lie. Default: 640x640 for rings, 720x1280 for phones, else the rig's."""
    rig: str = "ring"
    """ring, phones (on tripods, anywhere), h36m (the real cameras of Human3.6M's S1), or a file: an epipose rig.json,
    or Human3.6M's cameras as they are published."""
    mocap: Path | None = None
    """Folder of motion capture to play: ASF/AMC, BVH, DeepMimic. Default: invented motion."""
    backgrounds: Path | None = None
    """Folder of photos to put behind people; default: made-up rooms."""
    seed: int = 0
    """Seed of everything that is random; the same seed gives the same clips."""
    workers: int = 0
    """Processes that film; default: one for each core."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.studio.film import Order, film, image_size, rig_named

        size, rig = image_size(self.size), rig_named(self.rig)
        order = Order(
            self.frames, self.views, self.fps, size, rig, *motions_and_photos(self.mocap, self.backgrounds), self.seed
        )
        folders = film(self.out, self.clips, order, self.workers)
        then = f"epipose detect {folders[0]} --out {folders[0]} --sync none"  # the videos of a clip start together
        print(f"{len(folders)} clips in {self.out}. Next: {then}")
