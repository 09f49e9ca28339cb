"""The paper's experiments: `epipose bench`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from epipose.experiments.options import BenchOptions, Experiment
from epipose.io.ranges import OptionRecord


@dataclass(frozen=True)
class Bench(OptionRecord):
    """The paper's experiments: labels, self, collapse, cameras. On synthetic clips of the studio, or on a dataset.

    labels: label quality by 2D source and cameras. self: the same network from labels of every kind. collapse: the 2D
    branch not frozen. cameras: number and choice of cameras. Writes JSON, prints the table. Clips and networks in
    --work are not made again. self and collapse need epipose[metrics].
    """

    name: Annotated[Experiment, tyro.conf.Positional]
    """The experiment."""
    work: Path = Path("bench")
    """Folder for clips and networks."""
    out: Path | None = None
    """JSON file to write; default: named after the experiment, in --work."""
    experiment: BenchOptions = field(default_factory=BenchOptions)

    def run(self) -> None:
        """Carry the command out."""
        from epipose.experiments.run import bench
        from epipose.experiments.tables import table

        out = self.out or self.work / f"{self.name}.json"
        result = bench(self.name, self.work, out, self.experiment)
        print(table(result))
        for sentence in result.config.left_out:
            print(f"left out: {sentence}")
        if self.experiment.quick:
            print("This was a smoke run: its results mean nothing.")
        print(f"{out} written, with the settings and the seed.")
