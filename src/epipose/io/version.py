"""Version of the installed package, without importing anything heavy."""

from __future__ import annotations


def installed_version() -> str:
    """The version of epipose that is installed; every record of results states it."""
    from importlib.metadata import version  # takes half as long to import as NumPy

    return version("epipose")
