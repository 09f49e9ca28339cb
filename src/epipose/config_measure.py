"""The verbs that measure, and what they measure on, as frozen dataclasses: datasets, evaluate, bench."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


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
    """For import: one frame in so many of the recording. Where the dataset has only every n-th as a picture, a multiple
    of n, or less for all there are; where it has frames in uneven steps, pictures are counted."""
    universal: bool = False
    """For import: the universal skeleton of MPI-INF-3DHP instead of true sizes."""
    leave_out_known_bad: bool = False
    """For import: leave out annotations known to be wrong (three takes of S9 in Human3.6M, a part of S4 Seq2 in
    MPI-INF-3DHP)."""


@dataclass(frozen=True)
class Evaluate:
    """Compare poses with the truth, by a protocol that papers use; prints what the figures rest on, too.

    Writes JSON, CSV and rows of LaTeX.
    """

    predicted: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PRED")]
    """Poses (.npz); or a clip folder's labels or predictions (VIEW/predictions.npz), or a folder of such folders."""
    truth: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TRUTH")]
    """Poses (.npz), a clip folder with truth/, or a folder of such folders. For mpii: the dataset."""
    protocol: Literal["h36m-p1", "h36m-p2", "3dhp", "mpii", "free"] = "free"
    """h36m-p1: MPJPE and NMPJPE, h36m-p2: PMPJPE, both of subjects S9 and S11, every 64th frame. 3dhp: PCK and AUC of
    14 joints. mpii: PCKh@0.5. free: every metric of every frame."""
    out: Path = Path("evaluation.json")
    """Files to write, with the endings .json, .csv and .tex."""
    structure: Path | None = None
    """Centres of the Pose Structure Score (see docs/metrics.md), to report PSS, too."""
    interval: Literal["take", "subject"] = "take"
    """What confidence intervals draw anew."""


@dataclass(frozen=True)
class Bench:
    """The paper's experiments: labels, self, collapse, cameras. On people whom the studio draws, or on a dataset.

    labels: how good labels are, by 2D source and cameras. self: the same network from labels of every kind. collapse:
    the 2D branch not frozen. cameras: their number and choice. Writes JSON, prints the table. Clips and networks in
    --work are not made again. self and collapse need epipose[metrics].
    """

    name: Annotated[Literal["labels", "self", "collapse", "cameras"], tyro.conf.Positional]
    """Which."""
    work: Path = Path("bench")
    """Folder for clips and networks."""
    out: Path | None = None
    """JSON file to write; default: named after the experiment, in --work."""
    data: Path | None = None
    """A dataset with 3D truth and pictures (see epipose datasets); default: clips of the studio, which needs
    epipose[studio]."""
    every: int = 10
    """With --data: one frame in so many of the recording is trained on."""
    mocap: Path | None = None
    """Folder of motion capture for the refiner, and for the studio, which keeps a fifth of the files for the test."""
    init: Path | None = None
    """Model folder at which every network begins; default: a pre-training in 2D on the same pictures."""
    network: Literal["small", "paper"] = "small"
    """small: learns on a processor in minutes. paper: ResNet-50, 256 x 256, 140 epochs."""
    detector: str = "blazepose"
    """As for detect."""
    quick: bool = False
    """A smoke run on a few short clips; its figures mean nothing."""
    seed: int = 0
    """Seed of footage and training."""
