"""The datasets that epipose reads, each from the files that its makers publish.

To add one: a file with a class that has the members of `TakeReader` or `PeopleReader` (see base.py), a line in
``READERS`` (or, from another package, an entry point in the group ``epipose.readers``), a test.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from pathlib import Path

from epipose.datasets.base import Reader
from epipose.errors import EpiposeError

__all__ = ["READERS", "reader_for", "reader_named"]

# name -> "module:class"; imported on first use, called without arguments
READERS = {
    "h36m": "epipose.datasets.h36m:Human36M",
    "h36m-processed": "epipose.datasets.h36m_processed:Human36MProcessed",
    "h36m-npz": "epipose.datasets.h36m_npz:Human36MPoses",
    "mpi-inf-3dhp": "epipose.datasets.mpi_inf_3dhp:MpiInf3dhp",
    "mpi-inf-3dhp-test": "epipose.datasets.mpi_inf_3dhp_test:MpiInf3dhpTest",
    "mpii": "epipose.datasets.mpii:Mpii",
    "coco": "epipose.datasets.coco:CocoKeypoints",
    "pose2sim": "epipose.datasets.pose2sim:Pose2SimProject",
    "panoptic": "epipose.datasets.panoptic:Panoptic",
}


def reader_named(name: str) -> Reader:
    """Build a reader by name; raises EpiposeError that lists the names there are."""
    plugins = {point.name: point for point in entry_points(group="epipose.readers")}
    if name in plugins and name not in READERS:
        return plugins[name].load()()
    if name not in READERS:
        raise EpiposeError(f"There is no dataset '{name}'; epipose reads {', '.join([*READERS, *plugins])}.")
    module, _, kind = READERS[name].partition(":")
    return getattr(importlib.import_module(module), kind)()


def reader_for(root: Path) -> tuple[str, Reader]:
    """The dataset that a folder or file is, by its names; EpiposeError where it is none, or there is nothing."""
    root = root.resolve()  # "." has a name, and a folder above it
    if not root.exists():
        raise EpiposeError(f"There is no file or folder {root}.")
    names = [*READERS, *(point.name for point in entry_points(group="epipose.readers"))]
    for name in names:
        reader = reader_named(name)
        if reader.recognises(root):
            return name, reader
    raise EpiposeError(
        f"{root} looks like none of the datasets that epipose reads ({', '.join(names)}). epipose datasets prints how "
        "the files of each should lie."
    )
