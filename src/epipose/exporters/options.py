"""Options of export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Markers = Literal["native", "pose2sim"]
Unit = Literal["m", "mm"]
TomlStyle = Literal["pose2sim", "anipose", "caliscope"]


@dataclass(frozen=True)
class ExportOptions:
    """Choices within a format; each counts for the formats that have it."""

    markers: Markers = "native"
    """Names of markers in .trc, .c3d and opensim. pose2sim: those that Pose2Sim and its OpenSim models use (LShoulder,
    RBigToe)."""
    unit: Unit = "m"
    """Unit of lengths in .trc and .c3d."""
    style: TomlStyle = "pose2sim"
    """The program that is to read a .toml of cameras; FreeMoCap reads anipose's."""
