"""Single-image prediction: `epipose predict`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from epipose.cli.messages import say
from epipose.inference.options import PredictOptions
from epipose.io.ranges import OptionRecord


@dataclass(frozen=True)
class Predict(OptionRecord):
    """Predict 3D pose from an image, a folder of images or a video. Writes npz, JSON and images to look at."""

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE|FOLDER|VIDEO|CLIP")]
    """Images, each on its own; of a clip folder all views, with the boxes of epipose detect."""
    model: Path | None = None
    """Model folder, or an ONNX file that epipose export wrote; default: the pretrained network."""
    out: Path | None = None
    """Folder to write; default: beside the source, named after it."""
    options: Annotated[PredictOptions, tyro.conf.arg(name="prediction")] = field(default_factory=PredictOptions)

    def run(self) -> None:
        """Carry the command out."""
        from epipose.detection.registry import resolved_name
        from epipose.inference.predict import predict

        if (self.source / "clip.json").exists():
            return self._predict_clip()
        if self.options.detector == "auto":
            detector = resolved_name("auto")
            better = "; BlazePose heavy is more accurate, download it once: epipose weights --variant heavy"
            print(f"detector of the person: {detector}{better if detector == 'pretrained' else ''}")
        out = self.out or self.source.resolve().with_name(f"{self.source.resolve().stem}-epipose")
        predict(self.source, self.model, out, self.options)
        say(True, out / "predictions.npz", "look at overlay.jpg beside it")

    def _predict_clip(self) -> None:
        from epipose.inference.clip_views import predict_views

        out = self.out or self.source / "predictions"
        views = predict_views(self.source, self.model, out, self.options)
        then = f"epipose evaluate {out} {self.source}, if it has truth/"
        say(True, out / next(iter(views)) / "predictions.npz", then)
