"""Single-image prediction: `epipose predict`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from epipose.cli.messages import say
from epipose.errors import EpiposeError


@dataclass(frozen=True)
class Predict:
    """Read 3D pose from an image, a folder of images or a video. Writes npz, JSON and images to look at."""

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE|FOLDER|VIDEO|CLIP")]
    """What to read; each image is read on its own. Of a clip folder every view, its boxes from epipose detect."""
    model: Path | None = None
    """Model folder, or an ONNX file that epipose export wrote; default: the pretrained network."""
    runtime: Literal["auto", "torch", "onnx"] = "auto"
    """What runs the network. onnx: model.onnx in the model folder. auto: torch, but for an ONNX file."""
    flip_test: bool = False
    """Read the mirrored image too and average both: somewhat more accurate, half as fast."""
    out: Path | None = None
    """Folder to write; default: beside the source, named after it."""
    intrinsics: Path | None = None
    """The camera, where known; otherwise an ordinary lens is assumed."""
    detector: str = "auto"
    """What finds the person in the image: blazepose, blazepose-full, blazepose-heavy, or pretrained, which is the
    pretrained network and needs no download. auto: blazepose where its weights are at hand, else
    pretrained."""
    device: str = "auto"
    """cpu, cuda, or auto."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.detection.detect import resolved_name
        from epipose.inference.predict import predict

        if (self.source / "clip.json").exists():
            return self._predict_clip()
        if self.detector == "auto":
            finder = resolved_name("auto")
            better = (
                "; BlazePose is better at it, fetch its weights once: epipose weights" if finder == "pretrained" else ""
            )
            print(f"who finds the person: {finder}{better}")
        out = self.out or self.source.resolve().with_name(f"{self.source.resolve().stem}-epipose")
        options = {name: value for name, value in vars(self).items() if name not in ("source", "model", "out")}
        predict(self.source, self.model, out, **options)
        say(True, out / "predictions.npz", "look at overlay.jpg beside it")

    def _predict_clip(self) -> None:
        from epipose.inference.clip_views import predict_views

        if self.intrinsics is not None or self.detector != "auto":
            raise EpiposeError("A clip folder brings its own joints and lenses: leave out --intrinsics and --detector.")
        out = self.out or self.source / "predictions"
        how = {"flip_test": self.flip_test, "runtime": self.runtime, "device": self.device}
        views = predict_views(self.source, self.model, out, **how)
        say(
            True, out / next(iter(views)) / "predictions.npz", f"epipose evaluate {out} {self.source}, if it has truth/"
        )
