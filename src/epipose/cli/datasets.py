"""Public datasets, listed, checked and imported: `epipose datasets`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from epipose.errors import EpiposeError


@dataclass(frozen=True)
class Datasets:
    """Read the datasets of the field: which there are, whether yours is whole, and its takes as clip folders.

    list: what epipose reads, with licence, what to download and how the files should lie. check PATH: opens everything
    and says what is missing or damaged (exit code 2). import PATH --out FOLDER: writes clip folders that the other
    verbs take, with the truth beside them.
    """

    do: Annotated[Literal["list", "check", "import"], tyro.conf.Positional] = "list"
    """What to do."""
    path: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="PATH")] = None
    """Where the dataset lies: check and import find out which it is."""
    out: Path | None = None
    """For import: folder to write a clip folder per take into."""
    subjects: tuple[str, ...] = ()
    """For import: these subjects only, such as S9 S11."""
    actions: tuple[str, ...] = ()
    """For import: these actions, or takes by their name."""
    views: tuple[str, ...] = ()
    """For import: these cameras. Default: those of the dataset's protocol."""
    every: int = 1
    """For import: one frame in so many of the recording. Where the dataset has only every n-th as an image, a multiple
    of n, or less for all there are; where it has frames in uneven steps, images are counted."""
    universal: bool = False
    """For import: the universal skeleton of MPI-INF-3DHP instead of true sizes."""
    leave_out_known_bad: bool = False
    """For import: leave out annotations known to be wrong (three takes of S9 in Human3.6M, a part of S4 Seq2 in
    MPI-INF-3DHP)."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.clip import Clip
        from epipose.datasets.base import Choice
        from epipose.datasets.catalogue import checked, imported, listing

        if self.do == "list":
            print(listing())
            return
        if self.path is None:
            raise EpiposeError(f"epipose datasets {self.do} needs the PATH of the dataset.")
        if self.do == "check":
            dataset, findings = checked(self.path)
            print(dataset)
            for finding in findings:
                print(f"  [{'ok' if finding.good else '!!'}] {finding.words}")
            if wrong := sum(not finding.good for finding in findings):
                raise EpiposeError(f"{wrong} of {len(findings)} findings in {self.path} are not as they should be.")
            return
        if self.out is None:
            raise EpiposeError("epipose datasets import needs --out, a folder to write clip folders into.")
        choice = Choice(self.subjects, self.actions, self.views, not self.leave_out_known_bad, not self.universal)
        for folder in imported(self.path, self.out, choice, self.every):
            clip = Clip.load(folder)
            print(f"{folder}: {len(clip.views)} views, {clip.frames} frames")
        print("Next: epipose train CLIPS --mode full --out MODEL, or epipose detect CLIP --out CLIP --sync none")
