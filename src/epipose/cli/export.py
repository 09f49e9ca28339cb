"""Export to other programs' files: `epipose export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from epipose.exporters import formats_by_ending
from epipose.exporters.options import ExportOptions
from epipose.io.ranges import OptionRecord


@dataclass(frozen=True)
class Export(OptionRecord):
    """Write 3D poses, cameras or a trained network as a file for other programs; its ending says in which format."""

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CLIP|FILE|MODEL")]
    """Clip folder with labels or cameras, a file of either, or a model folder."""
    out: Path
    """File or folder to write."""
    export: ExportOptions = ExportOptions()

    def run(self) -> None:
        """Carry the command out."""
        from epipose.pipeline.export import export

        written = export(self.source, self.out, self.export)
        for warning in written.warnings:
            print(f"  warning: {warning}")
        print(f"{', '.join(str(file) for file in written.files)} written.")


Export.__doc__ = f"{Export.__doc__}\n\n" + "\n\n".join(f"{end}: {about}" for end, about in formats_by_ending().items())
