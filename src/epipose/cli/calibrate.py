"""Extrinsic self-calibration: `epipose calibrate`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from epipose.cli.messages import say
from epipose.errors import InputError
from epipose.io.ranges import OptionRecord
from epipose.io.writable import check_folder
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
    auto: bool = False
    """Give videos instead of clip folders, and --out: the time offsets are found and people are detected in as many
    frames as cameras need, some hundreds however long the videos are. With other options: epipose detect --every 0."""
    out: Path | None = None
    """For --auto: the clip folder to write."""
    estimation: CalibrateOptions = CalibrateOptions()

    def run(self) -> None:
        """Carry the command out."""
        from epipose.calibration.result import Calibration, check_not_rejected
        from epipose.pipeline.calibrate import check_sources
        from epipose.pipeline.stages import calibrate_clip, calibrate_clips, detect_clip

        self._check()
        if self.auto and self.out is not None:
            check_sources(self.estimation, self.intrinsics, self.known_rig)  # before any work
            detect_clip(self.folders, self.out, every=0)
            replace(self, folders=(self.out,), auto=False, out=None).run()
            return
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
        if self.auto != (self.out is not None) or (self.auto and self.same_cameras):
            raise InputError(
                "--auto takes videos of one scene and the folder to write: epipose calibrate --auto VIDEOS --out CLIP; "
                "without --auto give clip folders, and no --out."
            )
        for folder in () if self.auto else self.folders:
            if not (folder / "poses2d.npz").exists():  # of the last one, too, before the first is calibrated
                raise InputError(f"{folder} has no poses2d.npz. Make it with: epipose detect VIDEOS --out {folder}")
            check_folder(folder, "the clip folder")
        if self.same_cameras and self.known_rig is not None:
            raise InputError(
                "Give either --same-cameras or --known-rig: cameras that are known are checked against each clip, and "
                "nothing is estimated together."
            )
