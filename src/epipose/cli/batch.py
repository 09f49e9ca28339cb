"""The whole pipeline on many clips: `epipose batch`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from epipose.errors import BatchError
from epipose.io.ranges import OptionRecord, Range
from epipose.pipeline.options import RunOptions


@dataclass(frozen=True)
class Batch(OptionRecord):
    """Run the whole pipeline on every clip of a folder; one that fails stops none of the others.

    A clip is a folder with two or more videos, with two or more folders of one video or of images each, or with
    clip.json; other folders are searched further down. Writes a clip folder for each, summary.csv and summary.html. The
    same command again does what is not done yet. The exit code is 4 where a clip gave no labels.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Folder of clips."""
    out: Path
    """Folder to write; every clip gets a folder under the path that it has below FOLDER."""
    jobs: Annotated[int, Range(least=1, most=10_000)] = 1
    """Clips at a time, each in a process of its own; the processor's cores are divided among them."""
    scheduler: str | None = None
    """Address of a dask.distributed scheduler, such as tcp://10.0.0.1:8786, to use a cluster instead (extra cluster). Its
    workers must see the same folders under the same paths."""
    pipeline: RunOptions = RunOptions(network="none")

    def run(self) -> None:
        """Carry the command out."""
        from epipose.pipeline.batch import batch

        outcomes = batch(self.folder, self.out, self.pipeline, jobs=self.jobs, scheduler=self.scheduler)
        print(f"{self.out / 'summary.html'} and summary.csv written: {len(outcomes)} clips")
        without = [outcome.clip for outcome in outcomes if outcome.status != "done"]
        if without:
            raise BatchError(
                f"{len(without)} of {len(outcomes)} clips gave no labels: {', '.join(without)}. summary.html says why."
            )
