"""Verdict on a calibration: trust, check or reject, and why.

The evidence is measured in measured_evidence.py, the rules stand in verdict_causes.py and verdict_rules.py. Reject means
that the cameras are probably off by ten degrees or more, or not of one scene. Trust means that nothing speaks against
them. Everything else is for the user to look at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from epipose.calibration.evidence import Evidence
from epipose.calibration.verdict_causes import CONTRADICTIONS
from epipose.calibration.verdict_rules import RULES

Word = Literal["trust", "check", "reject"]


@dataclass(frozen=True)
class Verdict:
    """trust: use it. check: look at the reasons first. reject: do not use it."""

    word: Word
    reasons: tuple[str, ...]


def judge(evidence: Evidence) -> Verdict:
    """The verdict and its reasons in plain words, causes first and the gravest first.

    A reason that follows from another one is left out, but counts for the word.
    """
    broken = [rule for rule in RULES if rule.applies(evidence)]
    words = {rule.word for rule in broken}
    word: Word = "reject" if "reject" in words else "check" if words else "trust"
    explained = {name for rule in broken for name in rule.explains}
    return Verdict(word, tuple(rule.reason(evidence) for rule in broken if rule.name not in explained))


def wants_examination(evidence: Evidence) -> bool:
    """Whether a view contradicts the others so much that it is worth some seconds to find out which, and why."""
    return any(rule.applies(evidence) for rule in RULES if rule.name in CONTRADICTIONS)
