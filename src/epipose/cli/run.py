"""The whole pipeline in one command: `epipose run`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from epipose.cli.arguments import Sources
from epipose.cli.messages import print_verdict, say
from epipose.io.ranges import OptionRecord
from epipose.pipeline.options import RunOptions


@dataclass(frozen=True)
class Run(OptionRecord):
    """The whole pipeline: detect, calibrate, label, train, and a report in plain words. What is done is not redone."""

    sources: Sources
    """Two or more videos, or one folder of videos, or a clip folder."""
    out: Path
    """Clip folder to write; the model goes to its folder model/."""
    pipeline: RunOptions = RunOptions()

    def run(self) -> None:
        """Carry the command out."""
        from epipose.pipeline.run import run

        run(self.sources, self.out, self.pipeline)
        print_verdict(self.out)
        say(True, self.out / "report.html", f"open it in a browser, or epipose view {self.out}")
