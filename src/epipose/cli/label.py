"""Triangulation of 3D labels: `epipose label`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from epipose.cli.arguments import Folder
from epipose.cli.messages import say


@dataclass(frozen=True)
class Label:
    """Triangulate 3D labels, each joint with a confidence. Writes poses3d.npz and label.json."""

    folder: Folder
    """Clip folder with 2D poses and cameras."""
    mode: Literal["self", "self+rig", "true2d", "full"] = "self"
    """What the labels are made from. self: detected joints and recovered cameras. The others need footage whose truth
    is known: self+rig: true cameras; true2d: true joints in the images too; full: the true 3D poses."""
    people: Literal["subject", "all"] = "subject"
    """subject: the one person whom all views follow. all: everybody whom two views see; the subject stays the first."""
    min_parallax_deg: float = 5.0
    """Joints seen only from directions closer together than this are left out."""
    gate: float = 2.5
    """A view that misses a joint by more than this many expected errors does not support it."""
    smoothness: float | None = None
    """Expected second difference of a joint's path from frame to frame, in metres (or units of the rig)."""
    force: bool = False
    """Label with cameras that calibration rejected."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.io.files import read_json
        from epipose.pipeline.stages import label_clip
        from epipose.training.supervision import supervision

        worked = label_clip(**vars(self))
        labels = supervision(self.folder, self.mode).labels
        record = read_json(labels / "label.json")
        for sentence in record["people_found"]:
            print(f"  {sentence}")
        share, confidence = record["labelled_share"], record["mean_confidence"]
        print(f"  {share:.0%} of the subject's joints labelled, mean confidence {confidence:.2f}")
        say(worked, labels / "poses3d.npz", f"epipose train {self.folder} --out MODEL, or epipose view {self.folder}")
