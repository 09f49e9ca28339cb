"""The one exception users meet: it says what was got, what was expected and what to do."""

from __future__ import annotations

import importlib
from types import ModuleType


class EpiposeError(Exception):
    """Bad input or a result that cannot be trusted. The command line prints it without a traceback and exits with 2."""


def optional(module: str, extra: str) -> ModuleType:
    """Import an optional dependency where it is used, or say which extra brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EpiposeError(
            f"This needs the package '{module}', which is not installed. Run: pip install 'epipose[{extra}]'"
        ) from error
