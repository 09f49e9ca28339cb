"""epipose: 3D human pose from cameras nobody calibrated.

The names below are imported on first use, so that ``import epipose`` costs nothing. The verbs are functions in modules
of their own name: ``from epipose.calibrate import calibrate``.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Camera": "epipose.camera",
    "Clip": "epipose.clip",
    "EpiposeError": "epipose.errors",
    "Poses2D": "epipose.poses",
    "Poses3D": "epipose.poses",
    "Rig": "epipose.camera",
    "Skeleton": "epipose.skeleton",
    "TrainedPoseNet": "epipose.model.posenet",
    "View": "epipose.clip",
    "mpjpe_mm": "epipose.metrics",
    "nmpjpe_mm": "epipose.metrics",
    "pmpjpe_mm": "epipose.metrics",
}

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"epipose has no '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
