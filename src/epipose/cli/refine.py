"""Training of the refiner: `epipose refine`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from epipose.cli.messages import motions_in, say
from epipose.training.options import RefineOptions


@dataclass(frozen=True)
class Refine:
    """Train a model's refiner, which corrects the network's predictions: on how people move, without a single image.

    It learns from labelled clips, motion capture or both, seen by virtual cameras all round; epipose predict uses it.
    """

    model: Path
    """Model folder that gets it: refiner.safetensors."""
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CLIP ...")] = ()
    """Labelled clip folders: how this person moves. Without --mocap, invented poses are mixed in."""
    mocap: Path | None = None
    """Folder of motion capture, ASF/AMC, BVH or DeepMimic; needs epipose[studio]. How people move."""
    options: Annotated[RefineOptions, tyro.conf.arg(name="refinement")] = field(default_factory=RefineOptions)

    def run(self) -> None:
        """Carry the command out."""
        from epipose.training.refine import refine

        refine(self.folders, self.model, self.options, mocap=motions_in(self.mocap))
        say(True, self.model / "refiner.safetensors", f"epipose predict IMAGE --model {self.model}")
