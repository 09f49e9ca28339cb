"""Training of the single-image network: `epipose train`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from epipose.cli.messages import motions_and_photos, say
from epipose.io.ranges import Count, OptionRecord, Range
from epipose.training.options import TrainOptions

if TYPE_CHECKING:
    from epipose.training.studio_stream import Stream


@dataclass(frozen=True)
class Train(OptionRecord):
    """Train a network that predicts 3D pose from a single image, on the labels of clip folders.

    A run that was cut off resumes when the same command is given again.
    """

    out: Path
    """Model folder to write: model.safetensors, config.json, log.jsonl."""
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CLIP ...")] = ()
    """Labelled clip folders."""
    studio: bool = False
    """Train on synthetic people that the studio renders meanwhile, instead of on clips; needs epipose[studio]."""
    mocap: Path | None = None
    """With --studio: folder of motion capture to play; default: random motion."""
    backgrounds: Path | None = None
    """With --studio: folder of photos to put behind people; default: random rooms."""
    images: Count = 50_000
    """With --studio: images per epoch."""
    workers: Annotated[int, Range(least=0, most=10_000)] = 1
    """With --studio: rendering processes."""
    options: Annotated[TrainOptions, tyro.conf.arg(name="training")] = field(default_factory=TrainOptions)

    def run(self) -> None:
        """Carry the command out."""
        from epipose.pipeline.train import train

        train(self.folders, self.out, self.options, stream=self._stream() if self.studio else None)
        clips = " ".join(str(folder) for folder in self.folders)
        then = f"epipose refine {clips} --model {self.out}" if clips else f"epipose predict IMAGE --model {self.out}"
        say(True, self.out / "model.safetensors", then)

    def _stream(self) -> Stream:
        from epipose.network.choices import crop_kind
        from epipose.training.samples import WINDOW
        from epipose.training.studio_scenes import StreamOptions
        from epipose.training.studio_stream import Stream

        side, crop = round(WINDOW * self.options.input_size), crop_kind(self.options.backbone)
        scenes = StreamOptions(side, self.options.seed, *motions_and_photos(self.mocap, self.backgrounds), crop=crop)
        return Stream(scenes, self.workers, self.images)
