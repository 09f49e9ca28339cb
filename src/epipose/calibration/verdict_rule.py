"""Rule of the verdict: one reason to check or to reject a calibration, and what other reasons follow from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from epipose.calibration.evidence import Evidence


@dataclass(frozen=True)
class Rule:
    """One reason: where it ``applies``, the calibration is at best ``word``; ``limit`` says the same in words.

    ``message`` is a template over the fields of `Evidence`. ``explains``: names of rules whose reasons follow from this
    one, and are left out where it applies.
    """

    name: str
    word: Literal["check", "reject"]
    limit: str
    applies: Callable[[Evidence], bool]
    message: str
    explains: tuple[str, ...] = ()

    def reason(self, evidence: Evidence) -> str:
        """The message with the evidence's numbers."""
        return self.message.format_map(vars(evidence))
