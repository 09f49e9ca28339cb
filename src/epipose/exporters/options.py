"""Options of export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from epipose.io.ranges import FromZero, OptionRecord

Markers = Literal["native", "pose2sim"]
Unit = Literal["m", "mm"]
TomlStyle = Literal["pose2sim", "anipose", "caliscope"]


@dataclass(frozen=True)
class ExportOptions(OptionRecord):
    """Choices within a format; each counts for the formats that have it."""

    markers: Markers = "native"
    """Names of markers in .trc, .c3d and opensim. pose2sim: those that Pose2Sim and its OpenSim models use (LShoulder,
    RBigToe)."""
    unit: Unit = "m"
    """Unit of lengths in .trc, .c3d, .toml and .yml. FreeMoCap's .toml is in mm."""
    style: TomlStyle = "pose2sim"
    """The program that is to read a .toml of cameras; FreeMoCap reads anipose's."""
    opensim_models: Path | None = None
    """For opensim: the folder with Model_Pose2Sim_simple.osim and Markers_Body25.xml, OpenSim_Setup of Pose2Sim. Without
    it they are expected beside the set-up files."""
    filter: str | None = None
    """Filter of 3D paths, without delay: butterworth:HZ[:ORDER], savgol:FRAMES:DEGREE, gaussian:SIGMA_FRAMES or
    median:FRAMES; a name alone takes butterworth:6:4, savgol:9:3, gaussian:1.5 or median:5. Labels stay as they are."""
    fill: FromZero = 0
    """Fill gaps of up to so many frames in 3D paths, before they are filtered."""
