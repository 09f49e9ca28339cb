"""Verdict on a calibration: trust, check or reject, and why.

The evidence is measured in assess.py, the rules stand in verdict_rules.py. Reject means that the cameras are probably
off by ten degrees or more, or not of one scene. Trust means that nothing speaks against them. Everything else is for
the user to look at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from epipose.calibration.evidence import Evidence
from epipose.calibration.verdict_rules import RULES

Word = Literal["trust", "check", "reject"]


@dataclass(frozen=True)
class Verdict:
    """trust: use it. check: look at the reasons first. reject: do not use it."""

    word: Word
    reasons: tuple[str, ...]


def judge(evidence: Evidence) -> Verdict:
    """The verdict and its reasons in plain words, the gravest first."""
    broken = [rule for rule in RULES if rule.applies(evidence)]
    words = {rule.word for rule in broken}
    word: Word = "reject" if "reject" in words else "check" if words else "trust"
    return Verdict(word, tuple(rule.reason(evidence) for rule in broken))
