"""Pose metrics by protocol: `epipose evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from epipose.errors import EpiposeError


@dataclass(frozen=True)
class Evaluate:
    """Compare poses with the truth, by a protocol that papers use; prints what the figures rest on, too.

    Writes JSON, CSV and rows of LaTeX.
    """

    predicted: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PRED")]
    """Poses (.npz); or a clip folder's labels or predictions (VIEW/predictions.npz), or a folder of such folders."""
    truth: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TRUTH")]
    """Poses (.npz), a clip folder with truth/, or a folder of such folders. For mpii: the dataset."""
    protocol: Literal["h36m-p1", "h36m-p2", "3dhp", "mpii", "free"] = "free"
    """h36m-p1: MPJPE and NMPJPE, h36m-p2: PMPJPE, both of subjects S9 and S11, every 64th frame. 3dhp: PCK and AUC of
    14 joints. mpii: PCKh@0.5. free: every metric of every frame."""
    out: Path = Path("evaluation.json")
    """Files to write, with the endings .json, .csv and .tex."""
    structure: Path | None = None
    """Centres of the Pose Structure Score (see docs/metrics.md), to report PSS, too."""
    interval: Literal["take", "subject"] = "take"
    """What confidence intervals draw anew."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.evaluation.evaluate import evaluate
        from epipose.evaluation.pckh import evaluate_2d
        from epipose.evaluation.tables import as_text, write_evaluation

        if not self.out.name:
            raise EpiposeError(f"--out {self.out} is no name of a file; give one such as evaluation.json.")
        if self.protocol == "mpii" and (self.structure is not None or self.interval != "take"):
            raise EpiposeError("The protocol mpii is about joints in images: leave out --structure and --interval.")
        if self.protocol == "mpii":
            result = evaluate_2d(self.predicted, self.truth)
        else:
            options = {"structure": self.structure, "interval": self.interval}
            result = evaluate(self.predicted, self.truth, self.protocol, **options)
        print(as_text(result))
        print("written: " + ", ".join(str(path) for path in write_evaluation(result, self.out)))
