"""Container formats of datasets: MATLAB (old and 7.3), HDF5 and CDF, read as NumPy arrays.

A damaged or truncated file raises a DamagedFileError that names it; nothing here knows what the arrays mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from epipose.errors import DamagedFileError, optional
from epipose.io.files import AnyPath
from epipose.io.guard import reading


def read_mat(path: AnyPath, expected: str, variables: tuple[str, ...] | None = None) -> Mapping[str, object]:
    """The variables of a MATLAB file up to version 7.2, as `scipy.io.loadmat` gives them with structs as objects.

    Where ``variables`` are named, only they are read, and one that is not there is a DamagedFileError.
    """
    io = optional("scipy.io", "datasets")
    with reading(path, expected):
        content = io.loadmat(str(path), squeeze_me=True, struct_as_record=False, variable_names=variables)
    missing = [name for name in variables or () if name not in content]
    if missing:
        raise DamagedFileError(
            f"{path} has no variable {', '.join(missing)}; expected {expected}. Download or extract it again."
        )
    return content


@contextmanager
def open_hdf5(path: AnyPath, expected: str) -> Iterator[Any]:
    """An h5py file (HDF5, and MATLAB's version 7.3) open for reading; its arrays have MATLAB's axes reversed."""
    h5py = optional("h5py", "datasets")
    with reading(path, expected), h5py.File(path, "r") as file:
        yield file


def read_cdf(path: AnyPath, variable: str, expected: str) -> np.ndarray:
    """One variable of a CDF file."""
    cdflib = optional("cdflib", "datasets")
    with reading(path, expected):
        return np.asarray(cdflib.CDF(str(path)).varget(variable))


def cdf_sizes(path: AnyPath, variable: str, expected: str) -> tuple[int, ...]:
    """The sizes of one variable of a CDF file, records first; its values are not read."""
    cdflib = optional("cdflib", "datasets")
    with reading(path, expected):
        info = cdflib.CDF(str(path)).varinq(variable)
        return info.Last_Rec + 1, *info.Dim_Sizes
