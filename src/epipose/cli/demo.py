"""The sample clip through the whole pipeline: `epipose demo`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from epipose.cli.messages import print_verdict
from epipose.io.ranges import OptionRecord


@dataclass(frozen=True)
class Demo(OptionRecord):
    """Download the sample clip and run it: four videos to cameras, the person in 3D and a report, in a minute.

    The same as `epipose sample --out OUT/sample` and `epipose run OUT/sample/videos --out OUT --network none`.
    """

    out: Path
    """Clip folder to write; the sample goes to its folder sample/."""
    wheel: Path | None = None
    """As for sample: a pose2sim wheel downloaded by hand."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.datasets.sample import sample
        from epipose.pipeline.run import run

        start = time.monotonic()
        sample(self.out / "sample", self.wheel)
        run([self.out / "sample" / "videos"], self.out, network="none")
        print_verdict(self.out)
        print(f"Done in {time.monotonic() - start:.0f} s. Open in a browser:")
        shown = {
            "report.html": "the cameras, the person and how far to trust them",
            "view.html": "the person and the cameras in 3D, in motion",
        }
        for name, content in shown.items():
            if (self.out / name).exists():
                print(f"  {(self.out / name).resolve()}  {content}")
        print("Your own videos: epipose run VIDEO VIDEO ... --out CLIP --network none")
