"""The network that comes with epipose: where it lies, its sizes. Its card (CARD.md beside it) says what it learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from epipose.errors import EpiposeError

SHIPPED = Path(__file__).parent / "shipped_weights"


def shipped_sizes() -> dict[str, Any]:
    """What `epipose.train.train` must be told to go on from the shipped network: its sizes and its crop's margin.

    Raises EpiposeError where the package has lost it.
    """
    from epipose.files import read_json  # here, because the command line asks for SHIPPED before it knows its verb

    if not (SHIPPED / "config.json").exists():
        raise EpiposeError(f"The network that comes with epipose is missing in {SHIPPED}. Install epipose again.")
    config = read_json(SHIPPED / "config.json")
    return {key: config[key] for key in ("backbone", "input_size", "depth_bins", "channels", "deconvs", "margin")}
