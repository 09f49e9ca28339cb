"""Selection of takes by subject and action; an unknown name is an error, never an empty result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from epipose.datasets.base import Selection
from epipose.errors import InputError


@runtime_checkable
class Named(Protocol):
    """A take, or what is known of it before any file is opened."""

    @property
    def name(self) -> str:
        """Unique in the dataset."""
        ...

    @property
    def subject(self) -> str:
        """The recorded subject; empty where it is not known."""
        ...

    @property
    def action(self) -> str:
        """The recorded action; empty where it is not known."""
        ...


AnyTake = TypeVar("AnyTake", bound=Named)


def selected(takes: Sequence[AnyTake], selection: Selection) -> list[AnyTake]:
    """The takes of the subjects and actions selected (an action may also be a take's name); InputError for others."""
    check_names("subject", selection.subjects, {take.subject for take in takes})
    check_names("action", selection.actions, {take.action for take in takes} | {take.name for take in takes})
    return [
        take
        for take in takes
        if (not selection.subjects or take.subject in selection.subjects)
        and (not selection.actions or take.action in selection.actions or take.name in selection.actions)
    ]


def check_names(what: str, wanted: Sequence[str], there: set[str]) -> None:
    """Raise InputError for unknown names; it lists those that there are."""
    there = there - {""}
    unknown = [name for name in wanted if name not in there]
    if unknown:
        raise InputError(f"There is no {what} {', '.join(unknown)}; there are: {', '.join(sorted(there)) or 'none'}.")


def check_unique(names: Sequence[str], places: Sequence[Path | str]) -> None:
    """Raise InputError where two takes have one name, with their places: each is to become a folder of its name."""
    first: dict[str, Path | str] = {}
    for name, place in zip(names, places, strict=True):
        if name in first:
            raise InputError(
                f"{first[name]} and {place} are both called {name}. Rename one, or give one of them alone."
            )
        first[name] = place
