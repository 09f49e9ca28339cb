"""Download of the 2D detector weights: `epipose weights`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from epipose.io.ranges import OptionRecord


@dataclass(frozen=True)
class Weights(OptionRecord):
    """Download the weights of the 2D detector, once; they are kept in the user's cache and verified by hash.

    The first detection converts them for PyTorch and keeps the result beside them.
    """

    variant: Literal["full", "heavy"] = "full"
    """full: 6 MB, fast. heavy: 28 MB, a larger network, slower."""
    file: Path | None = None
    """A wheel, package or .tflite file downloaded by hand, for machines without a network."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.network.blazepose_weights import weights

        for path in weights(self.variant, self.file):
            print(path)
