"""Poses from cameras while they film: `epipose live`."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from epipose.cli.process import discard_unwritable_output
from epipose.errors import InputError
from epipose.inference.live_options import LiveOptions
from epipose.io.ranges import OptionRecord


@dataclass(frozen=True)
class Live(OptionRecord):
    """Predict 3D pose from a camera while it films, or triangulate it from the cameras of a calibrated rig.

    Writes lines of JSON to standard output (docs/live.md), and rate and latency to standard error. Images that come while
    the last one is being read are dropped. Ends with the source, or with Ctrl-C.
    """

    sources: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE ...")]
    """The number of a webcam, a URL such as rtsp://HOST/PATH, a video file, which is played at its own pace, or - for a
    video on standard input. With --rig one for each camera, in the rig's order, or CAMERA=SOURCE."""
    rig: Path | None = None
    """Cameras of the sources (rig.json): the poses are triangulated, in the rig's world."""
    model: Path | None = None
    """Model folder, or an ONNX file that epipose export wrote; default: the pretrained network. Not with --rig."""
    options: Annotated[LiveOptions, tyro.conf.arg(name="live")] = LiveOptions()

    def run(self) -> None:
        """Carry the command out. Its end is Ctrl-C, or that nobody reads the lines any more: neither is an error."""
        from epipose.inference.live import live_camera, live_rig

        self._check()
        lines = sys.stdout
        try:
            with contextlib.redirect_stdout(sys.stderr):  # where everything goes that is no line
                if self.rig is None:
                    live_camera(self.sources[0], lines, self.model, self.options, _tell)
                else:
                    live_rig(self.sources, self.rig, lines, self.options, _tell)
        except KeyboardInterrupt:
            pass
        except BrokenPipeError:
            _tell("nobody reads the lines any more.")
            discard_unwritable_output()

    def _check(self) -> None:
        """Raise InputError for what does not go together."""
        if self.rig is None and len(self.sources) != 1:
            raise InputError(
                f"Got {len(self.sources)} sources; one camera is one source, and several need the cameras that were "
                "calibrated: epipose live --rig rig.json A B C"
            )
        if self.rig is not None and self.model is not None:
            raise InputError(
                "Give either --rig or --model: with a rig poses are triangulated, and no network predicts them."
            )
        if self.model is not None and self.options.variant != "auto":
            raise InputError("Give either --model or --variant: the latter chooses among the pretrained networks.")


def _tell(text: str) -> None:
    print(f"epipose live: {text}", file=sys.stderr, flush=True)
