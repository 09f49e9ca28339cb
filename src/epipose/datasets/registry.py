"""Registry of dataset readers, each for the files as they are published.

To add one: a file with a class that has the members of `TakeReader` or `PeopleReader` (see base.py), a line in
``READERS`` (or, from another package, an entry point in the group ``epipose.readers``), a test.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from epipose.datasets.base import Reader
from epipose.errors import EpiposeError, InputError
from epipose.io.files import AnyPath

__all__ = ["READERS", "reader_for", "reader_named", "reader_names"]

# name -> "module:class"; imported on first use, called without arguments
READERS = {
    "h36m": "epipose.datasets.h36m:Human36M",
    "h36m-processed": "epipose.datasets.h36m_processed:Human36MProcessed",
    "h36m-npz": "epipose.datasets.h36m_npz:Human36MPoses",
    "mpi-inf-3dhp": "epipose.datasets.mpi_inf_3dhp:MpiInf3dhp",
    "mpi-inf-3dhp-test": "epipose.datasets.mpi_inf_3dhp_testset:MpiInf3dhpTest",
    "mpii": "epipose.datasets.mpii:Mpii",
    "coco": "epipose.datasets.coco:CocoKeypoints",
    "pose2sim": "epipose.datasets.pose2sim:Pose2SimProject",
    "panoptic": "epipose.datasets.panoptic:Panoptic",
}


def reader_names() -> list[str]:
    """All datasets by name: epipose's own, then those of other packages."""
    return list(dict.fromkeys([*READERS, *_plugins()]))


def reader_named(name: str) -> Reader:
    """Build a reader by name; InputError lists the names, or says why another package's cannot be built."""
    if name in READERS:
        module, _, kind = READERS[name].partition(":")
        return getattr(importlib.import_module(module), kind)()
    plugins = _plugins()
    if name not in plugins:
        raise InputError(f"There is no dataset '{name}'; epipose reads {', '.join(reader_names())}.")
    try:
        return plugins[name].load()()
    except Exception as error:  # what another package does may fail in any way
        raise InputError(
            f"The reader of '{name}' ({plugins[name].value}, of another package) cannot be loaded: "
            f"{type(error).__name__}: {error}. Repair that package, or remove it."
        ) from error


def reader_for(root: AnyPath) -> tuple[str, Reader]:
    """The dataset that a folder or file is, by its names; InputError where it is none, or there is nothing.

    Readers of other packages are asked last; one that fails is passed over, and named where no other knows the path.
    """
    root = Path(root).resolve()  # "." has a name, and a folder above it
    if not root.exists():
        raise InputError(f"There is no file or folder {root}.")
    faults = ""
    for name in reader_names():
        try:
            reader = reader_named(name)
            if reader.recognises(root):
                return name, reader
        except Exception as error:
            if name in READERS:
                raise
            faults += (
                f" {error}" if isinstance(error, EpiposeError) else f" {name} fails ({type(error).__name__}: {error})."
            )
    raise InputError(
        f"{root} looks like none of the datasets that epipose reads ({', '.join(reader_names())}). epipose datasets "
        f"prints how the files of each should lie.{faults}"
    )


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="epipose.readers")}
