"""3D viewer: `epipose view`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from epipose.cli.arguments import Folder
from epipose.io.ranges import Factor, OptionRecord, Port


@dataclass(frozen=True)
class ViewClip(OptionRecord):
    """Look at videos, cameras and poses in the browser, in 3D and in motion; or write a page or a video of them."""

    folder: Folder
    """Clip folder with cameras, and labels if there are any."""
    html: Path | None = None
    """Write one self-contained HTML file instead of serving."""
    video: Path | None = None
    """Write a video, .mp4 or .gif: all views with their skeletons beside the turning 3D scene."""
    speed: Factor = 1.0
    """Speed of that video: 0.5 is half as fast."""
    port: Port = 8080
    """Port of the local server."""
    frames: Annotated[str, tyro.conf.arg(metavar="A:B")] = ":"
    """Show the frames from A to before B only; either may be left out. Fewer frames show more images of each view."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.viz.viewer import view

        view(self.folder, html=self.html, video=self.video, speed=self.speed, port=self.port, frames=self.frames)
