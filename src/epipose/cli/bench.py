"""The paper's experiments: `epipose bench`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Bench:
    """The paper's experiments: labels, self, collapse, cameras. On people whom the studio draws, or on a dataset.

    labels: how good labels are, by 2D source and cameras. self: the same network from labels of every kind. collapse:
    the 2D branch not frozen. cameras: their number and choice. Writes JSON, prints the table. Clips and networks in
    --work are not made again. self and collapse need epipose[metrics].
    """

    name: Annotated[Literal["labels", "self", "collapse", "cameras"], tyro.conf.Positional]
    """Which."""
    work: Path = Path("bench")
    """Folder for clips and networks."""
    out: Path | None = None
    """JSON file to write; default: named after the experiment, in --work."""
    data: Path | None = None
    """A dataset with 3D truth and images (see epipose datasets); default: clips of the studio, which needs
    epipose[studio]."""
    every: int = 10
    """With --data: one frame in so many of the recording is trained on."""
    mocap: Path | None = None
    """Folder of motion capture for the refiner, and for the studio, which keeps a fifth of the files for the test."""
    init: Path | None = None
    """Model folder at which every network begins; default: a pre-training in 2D on the same images."""
    network: Literal["small", "paper"] = "small"
    """small: learns on a processor in minutes. paper: ResNet-50, 256 x 256, 140 epochs."""
    detector: str = "blazepose"
    """As for detect."""
    quick: bool = False
    """A smoke run on a few short clips; its figures mean nothing."""
    seed: int = 0
    """Seed of footage and training."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.experiments.result import table
        from epipose.experiments.run import bench

        out = self.out or self.work / f"{self.name}.json"
        options = {key: value for key, value in vars(self).items() if key not in ("name", "work", "out")}
        result = bench(self.name, self.work, out, **options)
        print(table(result))
        for sentence in result["config"]["left_out"]:
            print(f"left out: {sentence}")
        if self.quick:
            print("This was a smoke run: these figures mean nothing.")
        print(f"{out} written, with the settings and the seed.")
