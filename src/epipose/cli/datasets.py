"""List, check and import public datasets: `epipose datasets`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from epipose.errors import InputError
from epipose.io.ranges import Count, OptionRecord


@dataclass(frozen=True)
class Datasets(OptionRecord):
    """List the supported datasets, check a downloaded one, and import its takes as clip folders.

    list: every dataset with its licence, what to download and the expected folder tree. check PATH: opens everything
    and says what is missing or damaged (exit code 2). import PATH --out FOLDER: writes clip folders for the other
    verbs, with ground truth.
    """

    do: Annotated[Literal["list", "check", "import"], tyro.conf.Positional] = "list"
    """Action; see above."""
    path: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="PATH")] = None
    """Folder or file of the dataset; check and import recognise which it is."""
    out: Path | None = None
    """For import: folder to write a clip folder per take into."""
    subjects: tuple[str, ...] = ()
    """For import: these subjects only, such as S9 S11."""
    actions: tuple[str, ...] = ()
    """For import: these actions, or takes by their name."""
    views: tuple[str, ...] = ()
    """For import: these cameras. Default: those of the dataset's protocol."""
    every: Count = 1
    """For import: one frame in so many of the recording. Where the dataset has only every n-th as an image, a multiple
    of n, or less for all there are; where it has frames in uneven steps, images are counted."""
    universal: bool = False
    """For import: the universal skeleton of MPI-INF-3DHP instead of measured sizes."""
    leave_out_known_bad: bool = False
    """For import: leave out annotations known to be wrong (three takes of S9 in Human3.6M, a part of S4 Seq2 in
    MPI-INF-3DHP)."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.clip import Clip
        from epipose.datasets.base import Selection
        from epipose.datasets.catalogue import check_dataset, import_takes, list_datasets

        if self.do == "list":
            print(list_datasets())
            return
        if self.path is None:
            raise InputError(f"epipose datasets {self.do} needs the PATH of the dataset.")
        if self.do == "check":
            dataset, results = check_dataset(self.path)
            print(dataset)
            for result in results:
                print(f"  [{'ok' if result.ok else '!!'}] {result.message}")
            if wrong := sum(not result.ok for result in results):
                raise InputError(
                    f"{wrong} of {len(results)} checks of {self.path} failed. Download or extract what they name again."
                )
            return
        if self.out is None:
            raise InputError("epipose datasets import needs --out, a folder to write clip folders into.")
        selection = Selection(self.subjects, self.actions, self.views, not self.leave_out_known_bad, not self.universal)
        for folder in import_takes(self.path, self.out, selection, self.every):
            clip = Clip.load(folder)
            print(f"{folder}: {len(clip.views)} views, {clip.frames} frames")
        print("Next: epipose train CLIPS --mode full --out MODEL, or epipose detect CLIP --out CLIP --sync none")
