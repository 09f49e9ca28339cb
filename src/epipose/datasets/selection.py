"""Which of a dataset's takes a user asked for; a name that is not there is an error, never an empty result."""

from __future__ import annotations

from collections.abc import Sequence

from epipose.datasets.base import Choice, Take
from epipose.errors import EpiposeError


def selected(takes: Sequence[Take], choice: Choice) -> list[Take]:
    """The takes of the subjects and actions chosen (an action may also be a take's name); EpiposeError for others."""
    check_names("subject", choice.subjects, {take.subject for take in takes if take.subject})
    check_names("action", choice.actions, {take.action for take in takes} | {take.name for take in takes})
    return [
        take
        for take in takes
        if (not choice.subjects or take.subject in choice.subjects)
        and (not choice.actions or take.action in choice.actions or take.name in choice.actions)
    ]


def check_names(what: str, wanted: Sequence[str], there: set[str]) -> None:
    """EpiposeError for names that are not there, which lists those that are."""
    unknown = [name for name in wanted if name not in there]
    if unknown:
        raise EpiposeError(f"There is no {what} {', '.join(unknown)}; there are: {', '.join(sorted(there)) or 'none'}.")
