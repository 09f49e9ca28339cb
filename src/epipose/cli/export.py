"""Model export: `epipose export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from epipose.cli.messages import say


@dataclass(frozen=True)
class Export:
    """Write a trained network as a file for other programs. The ending .onnx: ONNX, with its settings inside."""

    model: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")]
    """Model folder."""
    out: Path
    """File to write."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.exporters import export

        export(self.model, self.out)
        say(True, self.out, f"epipose predict IMAGE --model {self.out}")
