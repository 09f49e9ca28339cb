"""The network that comes with epipose: where it lies. Its card (CARD.md beside it) says what it learned and from what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from epipose.errors import EpiposeError
from epipose.io.files import read_json

SHIPPED = Path(__file__).parent / "pretrained_weights"


def shipped_model() -> Path:
    """The folder of the network that comes with epipose; raises EpiposeError where its files are missing."""
    missing = [name for name in ("config.json", "model.safetensors") if not (SHIPPED / name).exists()]
    if missing:
        raise EpiposeError(
            f"The network that comes with epipose lacks {' and '.join(missing)} in {SHIPPED}. Install epipose again, or "
            "name another network: --model MODEL"
        )
    return SHIPPED


def shipped_sizes() -> dict[str, Any]:
    """What `epipose.training.train.train` must be told to go on from the shipped network: its sizes and its crop's margin.

    Raises EpiposeError where the package has lost it.
    """
    config = read_json(shipped_model() / "config.json")
    return {key: config[key] for key in ("backbone", "input_size", "depth_bins", "channels", "deconvs", "margin")}
