"""epipose: 3D human pose from cameras nobody calibrated.

The names below are imported on first use, so that ``import epipose`` costs nothing. The verbs are functions in modules
of their own name: ``from epipose.calibrate import calibrate``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epipose.camera import Camera, Rig
    from epipose.clip import Clip, View
    from epipose.errors import EpiposeError
    from epipose.evaluation.metrics import mpjpe_mm, nmpjpe_mm, pmpjpe_mm
    from epipose.network.posenet import TrainedPoseNet
    from epipose.poses import Poses2D, Poses3D
    from epipose.skeleton import Skeleton

__version__ = "0.1.0"

__all__ = [
    "Camera",
    "Clip",
    "EpiposeError",
    "Poses2D",
    "Poses3D",
    "Rig",
    "Skeleton",
    "TrainedPoseNet",
    "View",
    "__version__",
    "mpjpe_mm",
    "nmpjpe_mm",
    "pmpjpe_mm",
]

_HOME = {
    "epipose.camera": ("Camera", "Rig"),
    "epipose.clip": ("Clip", "View"),
    "epipose.errors": ("EpiposeError",),
    "epipose.evaluation.metrics": ("mpjpe_mm", "nmpjpe_mm", "pmpjpe_mm"),
    "epipose.network.posenet": ("TrainedPoseNet",),
    "epipose.poses": ("Poses2D", "Poses3D"),
    "epipose.skeleton": ("Skeleton",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"epipose has no '{name}'")


def __dir__() -> list[str]:
    return __all__
