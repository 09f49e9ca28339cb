"""What a dataset is to epipose: takes of people in front of cameras, or people marked in images, with the truth.

An index of a dataset is small, whatever the dataset's size: names, paths and counts. Poses are read when they are asked
for, take by take, and images only by those who look at them. In the index everything speaks epipose's language:
metres, OpenCV's axes, pixel centres at integers, joints by name.
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


class Truth(NamedTuple):
    """What a dataset says of one take. Frames that it calls invalid, and joints that it lacks, have confidence 0.

    ``poses`` are metric, in the world of the take's rig; ``poses2d`` are the joints in the images as the dataset
    gives them, None where it gives none (project ``poses`` then). ``actions`` name what is done, frame by frame, where
    it changes within a take.
    """

    poses: Poses3D
    poses2d: Poses2D | None = None
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Take:
    """One recording: frame k of the truth is what image k of every view shows.

    ``name`` is unique in the dataset and can name a folder. ``images`` are, view by view in the order of ``rig``, a
    video, or a folder of images that are frames in the order of their names (see `epipose.io.images.frame_files`), or
    None where the dataset at hand has poses alone. ``rig`` is the true one, metric, of the size of these images; None
    where the dataset at hand has no cameras, and then ``images`` are empty. ``fps`` is that of these images.
    ``step``: how many frames of the recording lie between two images, where a layout holds a choice of them in even
    steps.
    """

    name: str
    subject: str
    action: str
    rig: Rig | None
    images: tuple[Path | None, ...]
    frames: int
    fps: float
    truth: Callable[[], Truth]
    step: int = 1


@dataclass(frozen=True)
class People2D:
    """People marked in images, one row a person; rows are in the dataset's own order.

    ``image`` says which of ``images`` shows the person; ``xy`` are pixels with centres at integers; ``conf`` is 0
    for a joint that is not marked, 0.5 for one that is marked but hidden, 1 for one that is seen. ``box`` is (left,
    top, width, height), ``head_px`` the head's size that PCKh measures by (0: not known).
    """

    images: tuple[Path, ...]
    image: Int64[Tensor, " person"]
    xy: Float[Tensor, "person joint 2"]
    conf: Float[Tensor, "person joint"]
    box: Float[Tensor, "person 4"]
    head_px: Float[Tensor, " person"]
    skeleton: Skeleton


@dataclass(frozen=True)
class Choice:
    """What of a dataset is wanted. Empty: all, and of the views those that its protocol takes.

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


class Finding(NamedTuple):
    """One thing that a check found: whether it is as it should be, and a sentence that names the file or folder."""

    good: bool
    words: str


@dataclass(frozen=True)
class About:
    """What a user must know to get a dataset: its full name, terms, where it is, what to download, how it should lie."""

    title: str
    licence: str
    source: str
    download: str
    tree: str


@runtime_checkable
class Reader(Protocol):
    """A dataset's files, understood. Adding one is one file, one line in ``READERS``, one test."""

    about: About

    def recognises(self, root: Path) -> bool:
        """Whether this folder or file looks like the dataset; a glance at names, nothing is read."""
        ...

    def check(self, root: Path) -> list[Finding]:
        """What is right and what is missing or damaged: every file that is needed is opened, images are counted."""
        ...


@runtime_checkable
class TakeReader(Reader, Protocol):
    """A dataset of takes with 3D truth."""

    def takes(self, root: Path, choice: Choice) -> Sequence[Take]:
        """The takes, in a fixed order; EpiposeError that names the file, what was expected, and where to get it."""
        ...


@runtime_checkable
class PeopleReader(Reader, Protocol):
    """A dataset of people marked in single images."""

    def people(self, root: Path, choice: Choice) -> People2D:
        """Everybody who is marked; EpiposeError as for `TakeReader.takes`."""
        ...
