"""Start of the command line, before the verbs are imported."""

from __future__ import annotations

import os

from epipose.cli.process import answer_signals
from epipose.io.quiet import quiet_libraries


def main() -> int:
    """Answer signals, import the verbs and carry one out; returns the exit code."""
    answer_signals()
    quiet_libraries()
    # Read by OpenMP when PyTorch is imported. Threads that spin while they wait make everything many times slower as
    # soon as another program uses the processor.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from epipose.cli.main import main as command

    return command()
