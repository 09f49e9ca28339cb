"""Which of a dataset's takes a user asked for; a name that is not there is an error, never an empty result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from epipose.datasets.base import Choice
from epipose.errors import EpiposeError


@runtime_checkable
class Named(Protocol):
    """A take, or what a reader knows of one before it has opened anything."""

    @property
    def name(self) -> str:
        """Unique in the dataset."""
        ...

    @property
    def subject(self) -> str:
        """Who is recorded; empty where nobody says."""
        ...

    @property
    def action(self) -> str:
        """What is done; empty where nobody says."""
        ...


AnyTake = TypeVar("AnyTake", bound=Named)


def selected(takes: Sequence[AnyTake], choice: Choice) -> list[AnyTake]:
    """The takes of the subjects and actions chosen (an action may also be a take's name); EpiposeError for others."""
    check_names("subject", choice.subjects, {take.subject for take in takes})
    check_names("action", choice.actions, {take.action for take in takes} | {take.name for take in takes})
    return [
        take
        for take in takes
        if (not choice.subjects or take.subject in choice.subjects)
        and (not choice.actions or take.action in choice.actions or take.name in choice.actions)
    ]


def check_names(what: str, wanted: Sequence[str], there: set[str]) -> None:
    """EpiposeError for names that are not there, which lists those that are."""
    there = there - {""}
    unknown = [name for name in wanted if name not in there]
    if unknown:
        raise EpiposeError(f"There is no {what} {', '.join(unknown)}; there are: {', '.join(sorted(there)) or 'none'}.")


def check_unique(names: Sequence[str], places: Sequence[Path]) -> None:
    """EpiposeError where two takes have one name, which says where they lie: each is to become a folder of its name."""
    first: dict[str, Path] = {}
    for name, place in zip(names, places, strict=True):
        if first.setdefault(name, place) != place:
            raise EpiposeError(
                f"{first[name]} and {place} are both called {name}. Rename one, or give one of them alone."
            )
