"""What `epipose datasets` says and does: the datasets there are, what is right or missing in one, its takes as clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill, indent

from epipose.datasets import READERS, reader_for, reader_named
from epipose.datasets.base import Choice, Finding, Reader, TakeReader
from epipose.datasets.imported import import_take
from epipose.errors import EpiposeError


def listing() -> str:
    """Every dataset: its name, terms, what to download, and how the files should lie."""
    return "\n\n".join(described(name, reader_named(name)) for name in READERS)


def described(name: str, reader: Reader) -> str:
    """One dataset, as it is listed."""
    about = reader.about
    facts = {"licence": about.licence, "from": about.source, "download": about.download}
    lines = [fill(words, 100, initial_indent=f"  {what}: ", subsequent_indent="    ") for what, words in facts.items()]
    return "\n".join([f"{name}: {about.title}", *lines, "  files:", indent(about.tree, "    ")])


def checked(path: Path) -> tuple[str, list[Finding]]:
    """Which dataset a path is, and what was found in it; EpiposeError where it is none."""
    name, reader = reader_for(path)
    return f"{name}: {reader.about.title}", reader.check(path)


def imported(path: Path, out: Path, choice: Choice, every: int) -> Iterator[Path]:
    """Write a clip folder ``out/TAKE`` for every take that is chosen, and yield it; what is there already is left.

    A take that fails does not stop the others; the EpiposeError at the end says which, and why.
    """
    name, reader = reader_for(path)
    if not isinstance(reader, TakeReader):
        raise EpiposeError(
            f"{path} is {reader.about.title}: single pictures with joints marked in 2D, which make no clip. Give "
            "the folder to the training: epipose train --pictures-2d."
        )
    takes = reader.takes(path, choice)
    if not takes:
        raise EpiposeError(f"{path} holds no take of these subjects and actions.")
    options = {"dataset": name, "true_scale": choice.true_scale, "known_bad": choice.known_bad}
    failed = []
    for take in takes:
        try:
            yield import_take(take, out / take.name, every=every, options=options)
        except EpiposeError as error:
            failed.append(f"{take.name}: {error}")
    if failed:
        raise EpiposeError(f"{len(failed)} of {len(takes)} takes could not be imported:\n" + "\n".join(failed))
