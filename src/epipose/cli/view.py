"""3D viewer: `epipose view`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from epipose.cli.arguments import Folder
from epipose.io.ranges import OptionRecord, Port


@dataclass(frozen=True)
class ViewClip(OptionRecord):
    """Look at cameras and poses in the browser, in 3D and in motion."""

    folder: Folder
    """Clip folder with cameras, and labels if there are any."""
    html: Path | None = None
    """Write one self-contained HTML file instead of serving."""
    port: Port = 8080
    """Port of the local server."""
    frames: Annotated[str, tyro.conf.arg(metavar="A:B")] = ":"
    """Show the frames from A to before B only; either may be left out. Fewer frames show more images of each view."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.viz.viewer import view

        view(self.folder, html=self.html, port=self.port, frames=self.frames)
