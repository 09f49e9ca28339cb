"""The exceptions users meet: they say what was got, what was expected and what to do."""

import importlib
from types import ModuleType


class EpiposeError(Exception):
    """Bad input or a result that cannot be trusted. The command line prints it without a traceback and exits with 2."""


class RejectedError(EpiposeError):
    """Cameras that must not be used: the calibration's verdict is "reject". The command line exits with 3."""


def optional(module: str, extra: str) -> ModuleType:
    """Import a module; where it is missing, the EpiposeError says which extra of epipose brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise EpiposeError(
            f"This needs the package {package}. Install it with: pip install 'epipose[{extra}]'"
        ) from error
