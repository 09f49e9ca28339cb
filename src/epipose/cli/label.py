"""Triangulation of 3D labels: `epipose label`."""

from __future__ import annotations

from dataclasses import dataclass

from epipose.cli.arguments import Folder
from epipose.cli.messages import say
from epipose.io.ranges import OptionRecord
from epipose.io.writable import check_folder
from epipose.pipeline.options import LabelMode, LabelOptions


@dataclass(frozen=True)
class Label(OptionRecord):
    """Triangulate 3D labels, each joint with a confidence. Writes poses3d.npz and label.json."""

    folder: Folder
    """Clip folder with 2D poses and cameras."""
    mode: LabelMode = "self"
    """Source of the labels. self: detected keypoints and recovered cameras. The others need footage with ground
    truth: self+rig: its cameras; true2d: its keypoints too; full: its 3D poses."""
    triangulation: LabelOptions = LabelOptions()
    force: bool = False
    """Label with cameras that calibration rejected."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.io.files import read_json
        from epipose.pipeline.stages import label_clip
        from epipose.training.supervision import supervision

        check_folder(self.folder, "the clip folder")
        worked = label_clip(self.folder, self.triangulation, mode=self.mode, force=self.force)
        labels = supervision(self.folder, self.mode).labels
        record = read_json(labels / "label.json")
        for sentence in record["people_found"]:
            print(f"  {sentence}")
        share, confidence = record["labelled_share"], record["mean_confidence"]
        print(f"  {share:.0%} of the subject's joints labelled, mean confidence {confidence:.2f}")
        say(worked, labels / "poses3d.npz", f"epipose train {self.folder} --out MODEL, or epipose view {self.folder}")
