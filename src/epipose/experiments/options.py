"""Options of the experiments: command line, keyword arguments and saved record at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from epipose.io.ranges import Count, OptionRecord, Range

Experiment = Literal["labels", "self", "collapse", "cameras"]
Size = Literal["small", "paper", "landmarks"]


@dataclass(frozen=True)
class BenchOptions(OptionRecord):
    """Footage, network and detector of an experiment."""

    data: Path | None = None
    """A dataset with 3D ground truth and images (see epipose datasets); default: clips of the studio, which needs
    epipose[studio]."""
    every: Count = 10
    """With --data: one frame in so many of the recording is trained on."""
    mocap: Path | None = None
    """Folder of motion capture for the refiner, and for the studio, which keeps a fifth of the files for the test."""
    init: Path | None = None
    """Model folder at which every network begins; default: a pre-training in 2D on the same images; with
    landmarks random weights."""
    network: Size = "small"
    """small: EfficientNet-Lite0, learns on a processor in minutes. paper: ResNet-50, 256 x 256, 140 epochs. landmarks:
    a new head on BlazePose's frozen landmark network, which needs no pre-training in 2D."""
    detector: str = "blazepose"
    """As for detect."""
    quick: bool = False
    """A smoke run on a few short clips; its results mean nothing."""
    seed: Annotated[int, Range(least=0, most=10**15)] = 0
    """Seed of footage and training."""
