"""Training of the refiner: `epipose refine`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from epipose.cli.messages import motions_in, say


@dataclass(frozen=True)
class Refine:
    """Train a model's refiner, which mends what the network read: on how people move, without a single image.

    It learns from labelled clips, motion capture or both, seen by virtual cameras all round; epipose predict uses it.
    """

    model: Path
    """Model folder that gets it: refiner.safetensors."""
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CLIP ...")] = ()
    """Labelled clip folders: how this person moves. Without --mocap, invented poses are mixed in."""
    mocap: Path | None = None
    """Folder of motion capture, ASF/AMC, BVH or DeepMimic; needs epipose[studio]. How people move."""
    people: int = 600
    """With --mocap: how many random bodies play it, 150 poses each."""
    frames: tuple[int, int] | None = None
    """First and last frame of the clips to learn from; default all."""
    init: Literal["pretrained", "none"] | Path = "pretrained"
    """pretrained: go on from the pretrained refiner. Or a model folder with one; none: from nothing."""
    steps: int = 600
    """Steps; some thousands from nothing."""
    batch_size: int = 512
    """Poses per step."""
    lr: float = 5e-4
    """Highest learning rate of AdamW; 1e-3 from nothing."""
    seed: int = 0
    """Seed of the first weights, the views and the errors."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.training.refine import refine

        options = {key: value for key, value in vars(self).items() if key not in ("folders", "model", "mocap")}
        refine(self.folders, self.model, mocap=motions_in(self.mocap), **options)
        say(True, self.model / "refiner.safetensors", f"epipose predict IMAGE --model {self.model}")
