"""Start of the command line, before the verbs are imported."""

from __future__ import annotations

from epipose.cli.process import answer_signals
from epipose.io.quiet import quiet_libraries


def main() -> int:
    """Answer signals, import the verbs and carry one out; returns the exit code."""
    answer_signals()
    quiet_libraries()
    from epipose.cli.main import main as command

    return command()
