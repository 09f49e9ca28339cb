"""Packages that only some users need: imported where they are used, and named where they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from epipose.errors import EpiposeError


def optional(module: str, extra: str) -> ModuleType:
    """Import a module; where it is missing, the EpiposeError says which extra of epipose brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise EpiposeError(
            f"This needs the package {package}. Install it with: pip install 'epipose[{extra}]'"
        ) from error
