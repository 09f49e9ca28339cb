"""Options of an evaluation: command line, keyword arguments and saved record at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from epipose.io.ranges import OptionRecord

Group = Literal["take", "subject"]
LengthUnit = Literal["m", "cm", "mm", "none"]


@dataclass(frozen=True)
class EvaluateOptions(OptionRecord):
    """Protocol and extras of a comparison of predictions with the ground truth."""

    protocol: Literal["h36m-p1", "h36m-p2", "3dhp", "mpii", "free"] = "free"
    """h36m-p1: MPJPE and NMPJPE, h36m-p2: PMPJPE, both of subjects S9 and S11, every 64th frame. 3dhp: PCK and AUC of
    14 joints. mpii: PCKh@0.5. free: every metric of every frame."""
    structure: Path | None = None
    """Centres of the Pose Structure Score (see docs/metrics.md), to report PSS, too."""
    skeleton: str | None = None
    """Joints of bare arrays (npy, or npz without epipose's keys) in their order, such as h36m17 or coco17."""
    unit: LengthUnit = "m"
    """Unit of lengths in bare arrays. none: up to scale, so that MPJPE and other metrics in metres are left out."""
    interval: Group = "take"
    """Unit of resampling in the bootstrap of the confidence intervals."""
