"""Training of the refiner: `epipose refine`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from epipose.cli.messages import motions_in, say
from epipose.io.ranges import OptionRecord
from epipose.training.options import RefineOptions


@dataclass(frozen=True)
class Refine(OptionRecord):
    """Train a model's refiner, which corrects the network's predictions. Needs poses alone, no images.

    The poses are those of labelled clips, of motion capture or of both, seen by random virtual cameras; epipose predict
    uses the refiner.
    """

    model: Path
    """Model folder; refiner.safetensors is written into it."""
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CLIP ...")] = ()
    """Labelled clip folders, for the motion of their person. Without --mocap, random poses are mixed in."""
    mocap: Path | None = None
    """Folder of motion capture, ASF/AMC, BVH or DeepMimic; needs epipose[studio]."""
    options: Annotated[RefineOptions, tyro.conf.arg(name="refinement")] = field(default_factory=RefineOptions)

    def run(self) -> None:
        """Carry the command out."""
        from epipose.io.files import read_object
        from epipose.training.refine import refine

        refine(self.folders, self.model, self.options, mocap=motions_in(self.mocap))
        record = read_object(self.model / "refine.json")
        before, after = (100 * float(record[name]) for name in ("before", "after"))
        verdict = "it helps" if after < before else "it does not help: delete it, or give more poses"
        print(f"Error of a joint on poses {'kept out' if record['kept_out'] else 'that it learned'}, of the length of all "
              f"bones: {before:.2f} % before the refiner, {after:.2f} % after; {verdict}.")  # fmt: skip
        say(True, self.model / "refiner.safetensors", f"epipose predict IMAGE --model {self.model}")
