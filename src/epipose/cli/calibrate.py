"""Extrinsic self-calibration: `epipose calibrate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from epipose.cli.arguments import Folder
from epipose.cli.messages import print_verdict, say


@dataclass(frozen=True)
class Calibrate:
    """Recover where the cameras stood from the person's own motion, and what their lenses are where nobody says.

    Writes rig.json (cameras, z up, floor at 0) and how far to trust them: calibration.html to read, calibration.json
    for programs. The exit code is 3 where the verdict is "reject".
    """

    folder: Folder
    """Clip folder with the 2D poses."""
    intrinsics: Path | None = None
    """Focal lengths, centres, distortion: epipose JSON or Qualisys .qca.txt. Default: intrinsics.json in the folder,
    else they are estimated."""
    known_rig: Path | None = None
    """Cameras that are known already, poses and all (epipose JSON or Qualisys): they are taken and checked."""
    focal: Literal["auto", "known", "shared", "each"] = "auto"
    """Focal lengths: known as given or assumed, or estimated: one for all cameras, or each its own. auto: known where
    intrinsics are given; else shared where all videos have one size, else each."""
    clocks: bool = True
    """Find by what part of a frame the views are late, and make up for it."""
    height: float | None = None
    """The subject's standing height in metres; makes the result metric."""
    bone: tuple[str, ...] = ()
    """A known length, NAME=METRES, such as thigh=0.42 or left_knee-left_ankle=0.41; makes the result metric."""
    camera_distance: tuple[str, ...] = ()
    """A known distance, CAMERA-CAMERA=METRES; makes the result metric."""
    constant_bones: bool = True
    """Hold the lengths of the person's bones constant over time, each as far as it is seen to be."""
    symmetric: bool = True
    """Left and right bones are equally long."""
    smoothness: float | None = None
    """Expected second difference of a joint's path from frame to frame, in metres; for short clips only."""
    max_frames: int = 500
    """Frames to use, evenly spread; more help little."""
    seed: int = 0
    """Seed of the random draws; the same seed gives the same cameras."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.io.files import read_json
        from epipose.pipeline.stages import calibrate_clip, check_not_rejected

        options = {name: value for name, value in vars(self).items() if name != "folder"}
        worked = calibrate_clip(self.folder, **options)
        report = read_json(self.folder / "calibration.json")
        for camera in report["cameras"]:
            sure = f"sure to {camera['rotation_sigma_deg']:.2f} degrees and {camera['center_sigma_mm']:.0f} mm"
            print(
                f"  {camera['name']:12s} {camera['median_px']:6.1f} px  {camera['median_mrad']:5.1f} mrad  "
                f"{camera['inlier_share']:4.0%} inliers  {sure if report['pairs'] else 'given'}"
            )
        for note in report["notes"]:
            print(f"  note: {note}")
        print_verdict(self.folder)
        print(f"the whole report: {self.folder / 'calibration.html'}")
        check_not_rejected(self.folder)
        say(worked, self.folder / "rig.json", f"epipose label {self.folder}")
