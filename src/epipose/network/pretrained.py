"""The pretrained networks: their folders in the package. CARD.md beside them states what they were trained on and how.

One has a landmark network of its own, trained on from BlazePose full, so that it works without any download. The other,
in the subfolder "heavy", reads on the heavy one, is more accurate, and waits until the cache has that network
(`epipose weights --variant heavy`).
"""

from __future__ import annotations

from pathlib import Path

from epipose.errors import DamagedFileError
from epipose.network.blazepose import PACKAGED as PRETRAINED
from epipose.network.blazepose import Variant
from epipose.network.blazepose_weights import landmark_file
from epipose.network.config import PoseNetConfig


def pretrained_model(variant: Variant | None = None) -> Path:
    """The folder of a pretrained network, by default the best whose landmark network is at hand.

    Raises DamagedFileError where its files are missing.
    """
    if variant is None:
        variant = "heavy" if landmark_file("heavy").cached else "full"
    folder = PRETRAINED if variant == "full" else PRETRAINED / variant
    missing = [name for name in ("config.json", "model.safetensors") if not (folder / name).exists()]
    if missing:
        raise DamagedFileError(
            f"The pretrained network lacks {' and '.join(missing)} in {folder}. Install epipose again, or "
            "name another network: --model MODEL"
        )
    return folder


def model_file(folder: Path, name: str) -> Path:
    """A file of a model folder. The pretrained networks share their refiners: those of the folder above "heavy"."""
    path = folder / name
    return PRETRAINED / name if folder.parent == PRETRAINED and not path.exists() else path


def pretrained_config() -> PoseNetConfig:
    """Sizes, margin and skeleton of the pretrained network, which a run that begins with it must have.

    Raises DamagedFileError where the package lacks it.
    """
    return PoseNetConfig.load(pretrained_model() / "config.json")
