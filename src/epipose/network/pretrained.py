"""The pretrained network: where it lies. Its card (CARD.md beside it) says what it learned and from what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from epipose.errors import EpiposeError
from epipose.io.files import read_json

PRETRAINED = Path(__file__).parent / "pretrained_weights"


def pretrained_model() -> Path:
    """The folder of the pretrained network; raises EpiposeError where its files are missing."""
    missing = [name for name in ("config.json", "model.safetensors") if not (PRETRAINED / name).exists()]
    if missing:
        raise EpiposeError(
            f"The pretrained network lacks {' and '.join(missing)} in {PRETRAINED}. Install epipose again, or "
            "name another network: --model MODEL"
        )
    return PRETRAINED


def pretrained_sizes() -> dict[str, Any]:
    """What `epipose.training.train.train` needs to go on from the pretrained network: its sizes and its crop's margin.

    Raises EpiposeError where the package has lost it.
    """
    config = read_json(pretrained_model() / "config.json")
    return {key: config[key] for key in ("backbone", "input_size", "depth_bins", "channels", "deconvs", "margin")}
