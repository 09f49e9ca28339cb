"""The whole pipeline in one command: `epipose run`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from epipose.cli.arguments import Sources
from epipose.cli.messages import print_verdict, say


@dataclass(frozen=True)
class Run:
    """The whole path: detect, calibrate, label, train, and a report in plain words. What is done is not redone."""

    sources: Sources
    """Two or more videos, or one folder of videos, or a clip folder."""
    out: Path
    """Clip folder to write; the model goes to its folder model/."""
    intrinsics: Path | None = None
    """As for calibrate."""
    height: float | None = None
    """As for calibrate."""
    detector: str = "blazepose"
    """As for detect."""
    poses: Path | None = None
    """As for detect."""
    sync: Literal["auto", "motion", "audio", "none"] = "auto"
    """As for detect."""
    offsets: tuple[float, ...] = ()
    """As for detect."""
    people: Literal["subject", "all"] = "subject"
    """As for label. The network learns from the subject."""
    network: Literal["auto", "small", "full", "none"] = "auto"
    """small: the pretrained network, adapted to this footage in minutes on a processor. full: ResNet-50,
    hours on a GPU. auto: full where there is a GPU. none: stop after the labels."""
    force: bool = False
    """Go on with cameras that calibration rejected."""
    overwrite: bool = False
    """Replace what is in the folder from another run."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.pipeline.run import run

        run(
            self.sources,
            self.out,
            intrinsics=self.intrinsics,
            detector=self.detector,
            poses=self.poses,
            sync=self.sync,
            offsets=self.offsets,
            people=self.people,
            height=self.height,
            network=self.network,
            force=self.force,
            overwrite=self.overwrite,
        )
        print_verdict(self.out)
        say(True, self.out / "report.html", f"open it in a browser, or epipose view {self.out}")
