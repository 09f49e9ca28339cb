"""Interface of dataset readers: takes with ground truth, or images with annotated people.

An index of a dataset is small, whatever the dataset's size: names, paths and counts. Poses are read when they are asked
for, take by take, and images only by those who need them. In the index everything is in epipose's conventions: metres,
OpenCV's axes, pixel centres at integers, joints by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

from epipose.camera import Rig
from epipose.poses import Poses2D, Poses3D
from epipose.skeleton import Skeleton


class GroundTruth(NamedTuple):
    """Ground truth of one take. Frames that it calls invalid, and joints that it lacks, have confidence 0.

    ``poses`` are metric, in the world of the take's rig; ``poses2d`` are the keypoints as the dataset
    gives them, None where it gives none (project ``poses`` then). ``actions`` name what is done, frame by frame, where
    it changes within a take.
    """

    poses: Poses3D
    poses2d: Poses2D | None = None
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Take:
    """One recording: frame k of the ground truth is the moment that image k of every view shows.

    ``name`` is unique in the dataset and can name a folder. ``images`` are, view by view in the order of ``rig``, a
    video, or a folder of images that are frames in the order of their names (see `epipose.io.images.frame_files`), or
    None where the dataset at hand has poses alone. ``rig`` is the ground truth, metric, of the size of these images;
    None where the dataset at hand has no cameras, and then ``images`` are empty. ``fps`` is that of these images.
    ``step``: how many frames of the recording lie between two images, where a layout holds every n-th of them.
    """

    name: str
    subject: str
    action: str
    rig: Rig | None
    images: tuple[Path | None, ...]
    frames: int
    fps: float
    ground_truth: Callable[[], GroundTruth]
    step: int = 1


@dataclass(frozen=True)
class People2D:
    """Annotated people in images, one row per person; rows are in the dataset's own order.

    ``image`` says which of ``images`` shows the person; ``xy`` are pixels with centres at integers; ``conf`` is 0
    for a joint that is not marked, 0.5 for one that is marked but hidden, 1 for one that is seen. ``box`` is (left,
    top, width, height), ``head_px`` the head size that normalises PCKh (0: not known).
    """

    images: tuple[Path, ...]
    image: Int64[Tensor, " person"]
    xy: Float[Tensor, "person joint 2"]
    conf: Float[Tensor, "person joint"]
    box: Float[Tensor, "person 4"]
    head_px: Float[Tensor, " person"]
    skeleton: Skeleton


@dataclass(frozen=True)
class Selection:
    """Subjects, actions and views to read of a dataset. Empty: all, and of the views those of its protocol.

    ``known_bad``: keep annotations that are known to be wrong (Human3.6M: three takes of S9; MPI-INF-3DHP: left and
    right swapped in a part of S4). ``true_scale``: sizes as they were measured, not the dataset's universal skeleton
    (MPI-INF-3DHP). ``split`` matters for people in images.
    """

    subjects: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    known_bad: bool = True
    true_scale: bool = True
    split: Literal["train", "val", "test"] | None = None


class CheckResult(NamedTuple):
    """One result of a check: whether all is as it should be, and a sentence that names the file or folder."""

    ok: bool
    message: str


@dataclass(frozen=True)
class DatasetInfo:
    """Access to a dataset: its full name, terms, address, what to download, and the folder tree that is expected."""

    title: str
    licence: str
    source: str
    download: str
    tree: str


@runtime_checkable
class Reader(Protocol):
    """Reader of a dataset's files. Adding one is one file, one line in ``READERS``, one test."""

    info: DatasetInfo

    def recognises(self, root: Path) -> bool:
        """Whether this folder or file looks like the dataset; a glance at names, nothing is read."""
        ...

    def check(self, root: Path) -> list[CheckResult]:
        """Check what is missing or damaged: every file that is needed is opened, images are counted."""
        ...


@runtime_checkable
class TakeReader(Reader, Protocol):
    """A dataset of takes with 3D ground truth."""

    def takes(self, root: Path, selection: Selection) -> Sequence[Take]:
        """The takes, in a fixed order; InputError names the file, what was expected, and where to get it."""
        ...


@runtime_checkable
class PeopleReader(Reader, Protocol):
    """A dataset of people annotated in single images."""

    def people(self, root: Path, selection: Selection) -> People2D:
        """Everybody who is annotated; raises InputError as `TakeReader.takes` does."""
        ...
