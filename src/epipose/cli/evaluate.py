"""Pose metrics by protocol: `epipose evaluate`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from epipose.errors import InputError
from epipose.evaluation.options import EvaluateOptions
from epipose.io.ranges import OptionRecord
from epipose.io.writable import check_file


@dataclass(frozen=True)
class Evaluate(OptionRecord):
    """Compare poses with the ground truth, by a protocol of the field.

    Prints the numbers with the frames, the alignment and the averaging behind them; writes JSON, CSV and rows of LaTeX.
    """

    predicted: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PRED")]
    """Poses (.npz), or a bare array (.npy or .npz, with --skeleton and --unit); or a clip folder's labels or predictions
    (VIEW/predictions.npz), or a folder of such folders."""
    ground_truth: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="GROUND_TRUTH")]
    """Poses or a bare array, a clip folder with truth/, or a folder of such folders. For mpii: the dataset."""
    evaluation: EvaluateOptions = field(default_factory=EvaluateOptions)
    out: Path = Path("evaluation.json")
    """Files to write, with the endings .json, .csv and .tex."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.evaluation.evaluate import evaluate
        from epipose.evaluation.tables import as_text, write_evaluation

        if not self.out.name:
            raise InputError(f"--out {self.out} is no name of a file; give one such as evaluation.json.")
        check_file(self.out)
        result = evaluate(self.predicted, self.ground_truth, self.evaluation)
        print(as_text(result))
        print("written: " + ", ".join(str(path) for path in write_evaluation(result, self.out)))
