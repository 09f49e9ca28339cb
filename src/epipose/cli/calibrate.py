"""Extrinsic self-calibration: `epipose calibrate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from epipose.cli.arguments import Folder
from epipose.cli.messages import say
from epipose.pipeline.options import CalibrateOptions


@dataclass(frozen=True)
class Calibrate:
    """Recover the cameras' extrinsics from the subject's motion, and their intrinsics where none are given.

    Writes rig.json (cameras, z up, floor at 0) and how far to trust them: calibration.html to read, calibration.json
    for programs. The exit code is 3 where the verdict is "reject".
    """

    folder: Folder
    """Clip folder with the 2D poses."""
    intrinsics: Path | None = None
    """Focal lengths, principal points, distortion: epipose JSON or Qualisys .qca.txt. Default: intrinsics.json in the
    folder, else they are estimated."""
    known_rig: Path | None = None
    """Cameras that are known already, extrinsics too (epipose JSON or Qualisys): they are taken and checked."""
    estimation: CalibrateOptions = CalibrateOptions()

    def run(self) -> None:
        """Carry the command out."""
        from epipose.calibration.result import Calibration
        from epipose.pipeline.label import check_not_rejected
        from epipose.pipeline.stages import calibrate_clip

        worked = calibrate_clip(self.folder, self.estimation, intrinsics=self.intrinsics, known_rig=self.known_rig)
        found = Calibration.load(self.folder)
        print(found.report())
        print(f"the whole report: {self.folder / 'calibration.html'}")
        check_not_rejected(found, folder=self.folder)
        say(worked, self.folder / "rig.json", f"epipose label {self.folder}")
