"""Opening the containers that datasets come in: MATLAB (old and 7.3), HDF5 and CDF, as NumPy arrays.

A damaged or truncated file raises an EpiposeError that names it; nothing here knows what the arrays mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from epipose.errors import EpiposeError, optional


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into an EpiposeError that names the file and says what it should have been."""
    if not path.exists():
        raise EpiposeError(f"There is no file {path}; expected {what}.")
    try:
        yield
    except EpiposeError:
        raise
    except Exception as error:  # readers of binary formats raise anything at all for a damaged file
        raise EpiposeError(
            f"{path} cannot be read as {what} ({type(error).__name__}: {error}). It may be damaged or cut off: download or "
            "extract it again."
        ) from error


def read_mat(path: Path, what: str, variables: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The variables of a MATLAB file up to version 7.2, as `scipy.io.loadmat` gives them with structs as objects.

    Where ``variables`` are named, only they are read, and one that is not there is an EpiposeError.
    """
    io = optional("scipy.io", "datasets")
    with reading(path, what):
        content = io.loadmat(str(path), squeeze_me=True, struct_as_record=False, variable_names=variables)
    missing = [name for name in variables or () if name not in content]
    if missing:
        raise EpiposeError(f"{path} has no variable {', '.join(missing)}; expected {what}.")
    return content


@contextmanager
def open_hdf5(path: Path, what: str) -> Iterator[Any]:
    """An h5py file (HDF5, and MATLAB's version 7.3) open for reading; its arrays have MATLAB's axes reversed."""
    h5py = optional("h5py", "datasets")
    with reading(path, what), h5py.File(path, "r") as file:
        yield file


def read_cdf(path: Path, variable: str, what: str) -> np.ndarray:
    """One variable of a CDF file."""
    cdflib = optional("cdflib", "datasets")
    with reading(path, what):
        return np.asarray(cdflib.CDF(str(path)).varget(variable))


def cdf_sizes(path: Path, variable: str, what: str) -> tuple[int, ...]:
    """The sizes of one variable of a CDF file, records first; its values are not read."""
    cdflib = optional("cdflib", "datasets")
    with reading(path, what):
        info = cdflib.CDF(str(path)).varinq(variable)
        return info.Last_Rec + 1, *info.Dim_Sizes
