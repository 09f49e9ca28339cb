"""The pretrained network: its folder in the package. CARD.md beside it states what it was trained on and how."""

from __future__ import annotations

from pathlib import Path

from epipose.errors import DamagedFileError
from epipose.network.config import PoseNetConfig

PRETRAINED = Path(__file__).parent / "pretrained_weights"


def pretrained_model() -> Path:
    """The folder of the pretrained network; raises DamagedFileError where its files are missing."""
    missing = [name for name in ("config.json", "model.safetensors") if not (PRETRAINED / name).exists()]
    if missing:
        raise DamagedFileError(
            f"The pretrained network lacks {' and '.join(missing)} in {PRETRAINED}. Install epipose again, or "
            "name another network: --model MODEL"
        )
    return PRETRAINED


def pretrained_config() -> PoseNetConfig:
    """Sizes, margin and skeleton of the pretrained network, which a run that begins with it must have.

    Raises DamagedFileError where the package lacks it.
    """
    return PoseNetConfig.load(pretrained_model() / "config.json")
