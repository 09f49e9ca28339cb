"""Exceptions for users: each says what was got, what was expected and what to do.

Catch `EpiposeError` for all of them. Raise a subclass: its ``code`` is stable, so that programs can tell errors apart
without reading the message; docs/errors.md is generated from these classes.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import ClassVar


class EpiposeError(Exception):
    """Any error that epipose raises on purpose. The command line prints it without a traceback."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2
    remedy: ClassVar[str] = "Read the message: it says what was got, what was expected and what to do."


class InputError(EpiposeError):
    """An argument, an option, a file or a folder is not what was expected."""

    code = "input"
    remedy = "Change the argument or option that the message names."


class DamagedFileError(InputError):
    """A file is cut short, of another format, or contradicts itself."""

    code = "damaged-file"
    remedy = "Copy or download the file again, or make it again with the command that the message names."


class BusyError(InputError):
    """Another run writes into the same folder."""

    code = "busy"
    remedy = "Wait until the run that the message names has ended, or give another folder."


class NoPersonError(InputError):
    """No person was found in a video or image, or too little of one."""

    code = "no-person"
    remedy = "Give footage that shows a whole person, upright and at least 100 pixels tall, or leave the view out."


class WriteError(EpiposeError):
    """The system refused to write: the disk is full, or the place is read-only. What was there before is kept."""

    code = "not-written"
    remedy = "Make room, or give a place that can be written, and give the same command again."


class MissingExtraError(EpiposeError):
    """A package is missing that only some features need."""

    code = "missing-extra"
    remedy = "Install the extra that the message names: pip install 'epipose[EXTRA]'."


class CalibrationError(EpiposeError):
    """The views share too few keypoints, or agree on no rig."""

    code = "calibration"
    remedy = "Check that all videos show the same person at the same time, and film somebody who walks about the scene."


class RejectedError(CalibrationError):
    """Cameras that must not be used: the calibration's verdict is "reject"."""

    code = "rejected"
    exit_code = 3
    remedy = "Open calibration.html, put right what it names and calibrate again; --force uses the cameras as they are."


class BatchError(EpiposeError):
    """Some clips of a batch gave no labels; those that could be done are done."""

    code = "batch"
    exit_code = 4
    remedy = "Open summary.html, put right what it names, and run the same command again: what is done is not redone."


class InstallationError(EpiposeError):
    """A package or a file of the installation is missing or broken, without which nothing works."""

    code = "installation"
    exit_code = 5
    remedy = "Do what epipose doctor names."


def optional(module: str, extra: str) -> ModuleType:
    """Import a module; where it is missing, MissingExtraError says which extra of epipose installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"This needs the package {package}. Install it with: pip install 'epipose[{extra}]'"
        ) from error
