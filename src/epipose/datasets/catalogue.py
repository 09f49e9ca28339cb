"""What `epipose datasets` says and does: the datasets there are, what is right or missing in one, its takes as clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill, indent

from epipose.datasets.base import Choice, Finding, Reader, Take, TakeReader
from epipose.datasets.registry import READERS, reader_for, reader_named, reader_names
from epipose.datasets.to_clip import import_take
from epipose.errors import EpiposeError

# Which of the datasets above have annotations that are known to be wrong, and which a universal skeleton beside true
# sizes.
_KNOWN_BAD = ("h36m", "h36m-processed", "h36m-npz", "mpi-inf-3dhp")
_UNIVERSAL = ("mpi-inf-3dhp", "mpi-inf-3dhp-test")


def listing() -> str:
    """Every dataset: its name, terms, what to download, and how the files should lie; those of other packages, too."""
    parts = []
    for name in reader_names():
        try:
            parts.append(described(name, reader_named(name)))
        except EpiposeError as error:  # of another package
            parts.append(f"{name}: {error}")
    return "\n\n".join(parts)


def described(name: str, reader: Reader) -> str:
    """One dataset, as it is listed."""
    about = reader.about
    facts = {"licence": about.licence, "from": about.source, "download": about.download}
    lines = [fill(words, 100, initial_indent=f"  {what}: ", subsequent_indent="    ") for what, words in facts.items()]
    return "\n".join([f"{name}: {about.title}", *lines, "  files:", indent(about.tree, "    ")])


def checked(path: Path) -> tuple[str, list[Finding]]:
    """Which dataset a path is, and what was found in it; EpiposeError where it is none."""
    path = path.resolve()
    name, reader = reader_for(path)
    return f"{name}: {reader.about.title}", reader.check(path)


def imported(path: Path, out: Path, choice: Choice, every: int) -> Iterator[Path]:
    """Write a clip folder ``out/TAKE`` for every take that is chosen, and yield it; what is there already is left.

    ``every`` counts frames of the recordings. A take that fails does not stop the others; the EpiposeError at the end
    says which, and why. Raises EpiposeError at once for a choice that means nothing in this dataset.
    """
    path = path.resolve()
    name, reader = reader_for(path)
    if not isinstance(reader, TakeReader):
        raise EpiposeError(
            f"{path} is {reader.about.title}: single images with joints marked in 2D, which make no clip. Give "
            "the folder to the training: epipose train --images-2d."
        )
    _check_choice(name, reader, choice)
    takes = reader.takes(path, choice)
    if not takes:
        raise EpiposeError(f"{path} holds no take of these subjects and actions.")
    _check_names(path, takes)
    options = {"dataset": name, "true_scale": choice.true_scale, "known_bad": choice.known_bad}
    failed = []
    for take in takes:
        try:
            yield import_take(take, out / take.name, every=every, options=options)
        except (EpiposeError, OSError) as error:
            failed.append(f"{take.name}: {error}")
    if failed:
        raise EpiposeError(f"{len(failed)} of {len(takes)} takes could not be imported:\n" + "\n".join(failed))


def _check_choice(name: str, reader: Reader, choice: Choice) -> None:
    """EpiposeError for what a dataset has not; a reader from another package answers for itself."""
    if name not in READERS:
        return
    for wanted, option, have, what in (
        (not choice.true_scale, "--universal", _UNIVERSAL, "no universal skeleton, only true sizes"),
        (not choice.known_bad, "--leave-out-known-bad", _KNOWN_BAD, "no annotations that are known to be wrong"),
    ):
        if wanted and name not in have:
            raise EpiposeError(f"{option} means nothing here: {reader.about.title} has {what}. Leave the option out.")


def _check_names(path: Path, takes: Sequence[Take]) -> None:
    """EpiposeError where two takes would be written to the same folder."""
    first: dict[str, Take] = {}
    for take in takes:
        other = first.setdefault(take.name, take)
        if other is not take:
            places = " and ".join(str(next(filter(None, one.images), "no images")) for one in (other, take))
            raise EpiposeError(
                f"{path} holds two takes called {take.name} ({places}). Rename the folder of one, or import them one by "
                "one."
            )
