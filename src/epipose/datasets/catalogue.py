"""Catalogue of datasets: list them, check one, import its takes as clip folders (`epipose datasets`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill, indent

from epipose.datasets.base import CheckResult, Reader, Selection, Take, TakeReader
from epipose.datasets.registry import READERS, reader_for, reader_named, reader_names
from epipose.datasets.selection import check_unique
from epipose.datasets.to_clip import import_take
from epipose.errors import EpiposeError, InputError
from epipose.io.files import AnyPath
from epipose.io.guard import checked_name
from epipose.io.lock import folder_lock
from epipose.io.ranges import Count, check_value
from epipose.io.writable import check_folder

# The datasets that have annotations known to be wrong, and those with a universal skeleton beside measured
# sizes.
_KNOWN_BAD = ("h36m", "h36m-processed", "h36m-npz", "mpi-inf-3dhp")
_UNIVERSAL = ("mpi-inf-3dhp", "mpi-inf-3dhp-test")


def list_datasets() -> str:
    """Every dataset: its name, terms, what to download, and the expected folder tree; those of other packages, too."""
    parts = []
    for name in reader_names():
        try:
            parts.append(describe(name, reader_named(name)))
        except EpiposeError as error:  # of another package
            parts.append(f"{name}: {error}")
    return "\n\n".join(parts)


def describe(name: str, reader: Reader) -> str:
    """The entry of one dataset in the list."""
    info = reader.info
    facts = {"licence": info.licence, "from": info.source, "download": info.download}
    lines = [fill(words, 100, initial_indent=f"  {what}: ", subsequent_indent="    ") for what, words in facts.items()]
    return "\n".join([f"{name}: {info.title}", *lines, "  files:", indent(info.tree, "    ")])


def check_dataset(path: AnyPath) -> tuple[str, list[CheckResult]]:
    """Name of the dataset in a path, and the results of its check; raises InputError where it is none."""
    path = Path(path).resolve()
    name, reader = reader_for(path)
    return f"{name}: {reader.info.title}", reader.check(path)


def import_takes(path: AnyPath, out: AnyPath, selection: Selection, every: int) -> Iterator[Path]:
    """Write a clip folder ``out/TAKE`` for every take selected, and yield it; what is there already is left.

    ``every`` counts frames of the recordings. A take that fails does not stop the others; the InputError at the end
    says which, and why. Raises InputError at once for a selection that means nothing in this dataset.
    """
    check_value("every", every, Count)
    check_folder(out)
    path = Path(path).resolve()
    name, reader = reader_for(path)
    if not isinstance(reader, TakeReader):
        raise InputError(
            f"{path} is {reader.info.title}: single images with keypoints, which make no clip. Give "
            "the folder to the training: epipose train --images-2d."
        )
    _check_selection(name, reader, selection)
    takes = reader.takes(path, selection)
    if not takes:
        raise InputError(f"{path} holds no take of these subjects and actions.")
    check_unique([take.name for take in takes], [_place_of(path, take) for take in takes])
    options = {"dataset": name, "true_scale": selection.true_scale, "known_bad": selection.known_bad}
    failed = []
    with folder_lock(out):
        for take in takes:
            try:
                named = checked_name(take.name, f"A take of {path}")
                yield import_take(take, Path(out) / named, every=every, options=options)
            except (EpiposeError, OSError) as error:
                failed.append(f"{take.name}: {error}")
    if failed:
        raise InputError(f"{len(failed)} of {len(takes)} takes could not be imported:\n" + "\n".join(failed))


def _check_selection(name: str, reader: Reader, selection: Selection) -> None:
    """Raise InputError for what a dataset has not; a reader from another package answers for itself."""
    if name not in READERS:
        return
    for wanted, option, have, what in (
        (not selection.true_scale, "--universal", _UNIVERSAL, "no universal skeleton, only measured sizes"),
        (not selection.known_bad, "--leave-out-known-bad", _KNOWN_BAD, "no annotations that are known to be wrong"),
    ):
        if wanted and name not in have:
            raise InputError(f"{option} means nothing here: {reader.info.title} has {what}. Leave the option out.")


def _place_of(path: Path, take: Take) -> str:
    """Location of a take's images; the dataset's own path for a take without images."""
    return str(next(filter(None, take.images), path))
