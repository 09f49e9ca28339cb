"""Extrinsic self-calibration: `epipose calibrate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from epipose.cli.messages import say
from epipose.errors import InputError
from epipose.io.ranges import OptionRecord
from epipose.pipeline.options import CalibrateOptions


@dataclass(frozen=True)
class Calibrate(OptionRecord):
    """Recover the cameras' extrinsics from the subject's motion, and their intrinsics where none are given.

    Writes rig.json (cameras, z up, floor at 0) and how far to trust them: calibration.html to read, calibration.json
    for programs. The exit code is 3 where the verdict is "reject".
    """

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CLIP ...")]
    """Clip folders with 2D poses. Each is calibrated by itself, unless --same-cameras says that they belong together."""
    same_cameras: bool = False
    """The clips are of one rig that was not touched: other people, other days, the same cameras. One rig is estimated
    from all; a clip in which a camera was moved or zoomed is left out. --height and --bone are the first clip's
    subject's."""
    intrinsics: Path | None = None
    """Focal lengths, principal points, distortion, from a file or folder of epipose, Pose2Sim, anipose, FreeMoCap,
    Caliscope, OpenCV, EasyMocap, Qualisys, Vicon or COLMAP (docs/formats.md). Default: intrinsics.json in the folder,
    else they are estimated."""
    known_rig: Path | None = None
    """Cameras that are known already, extrinsics too, from any such file or folder: they are taken and checked. --height,
    --bone and --camera-distance scale them where they are not metric."""
    estimation: CalibrateOptions = CalibrateOptions()

    def run(self) -> None:
        """Carry the command out."""
        from epipose.calibration.result import Calibration
        from epipose.pipeline.label import check_not_rejected
        from epipose.pipeline.stages import calibrate_clip, calibrate_clips

        self._check()
        together = self.same_cameras and len(self.folders) > 1
        worked = together and calibrate_clips(self.folders, self.estimation, intrinsics=self.intrinsics)
        for folder in self.folders:
            if not together:
                given = {"intrinsics": self.intrinsics, "known_rig": self.known_rig}
                worked = calibrate_clip(folder, self.estimation, **given)
            if len(self.folders) > 1:
                print(f"{folder}:")
            print(Calibration.load(folder).report())
            print(f"the whole report: {folder / 'calibration.html'}")
        for folder in self.folders:
            check_not_rejected(Calibration.load(folder), folder=folder)
        for folder in self.folders:
            say(worked, folder / "rig.json", f"epipose label {folder}")

    def _check(self) -> None:
        """Raise InputError for what does not go together."""
        if not self.folders:
            raise InputError("No clip folder was given; give one or more: epipose calibrate CLIP ...")
        if self.same_cameras and self.known_rig is not None:
            raise InputError(
                "Give either --same-cameras or --known-rig: cameras that are known are checked against each clip, and "
                "nothing is estimated together."
            )
