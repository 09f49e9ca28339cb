"""Container formats of datasets: MATLAB (old and 7.3), HDF5 and CDF, read as NumPy arrays.

A damaged or truncated file, and one that announces more than its length can stand for, raises a DamagedFileError that
names it; nothing here knows what the arrays mean.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from epipose.errors import DamagedFileError, optional
from epipose.io.files import AnyPath
from epipose.io.guard import check_size, reading

_MOST_READS = 100_000  # of a small CDF file
_COMPRESSED = 15  # the type of a compressed variable in a MATLAB file


def read_mat(path: AnyPath, expected: str, variables: tuple[str, ...] | None = None) -> Mapping[str, object]:
    """The variables of a MATLAB file up to version 7.2, as `scipy.io.loadmat` gives them with structs as objects.

    Where ``variables`` are named, only they are read, and one that is not there is a DamagedFileError.
    """
    io = optional("scipy.io", "datasets")
    with reading(path, expected):
        check_size(path, "what it holds", _announced_by_mat(Path(path)))
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
        sizes: dict[str, int] = {}
        file.visititems(lambda name, item: sizes.update({name: item.nbytes} if isinstance(item, h5py.Dataset) else {}))
        for name, size in sizes.items():
            check_size(path, name, size)
        yield file


def read_cdf(path: AnyPath, variable: str, expected: str) -> np.ndarray:
    """One variable of a CDF file."""
    with reading(path, expected):
        check_size(path, variable, 8 * math.prod(cdf_sizes(path, variable, expected)))
        return np.asarray(_cdf(path).varget(variable))


def cdf_sizes(path: AnyPath, variable: str, expected: str) -> tuple[int, ...]:
    """The sizes of one variable of a CDF file, records first; its values are not read."""
    with reading(path, expected):
        info = _cdf(path).varinq(variable)
        sizes = (int(info.Last_Rec) + 1, *map(int, info.Dim_Sizes))
        if min(sizes) < 0:
            raise ValueError(f"{variable} has the sizes {sizes}")
        return sizes


class _Bounded:
    """A file that ends to be read: the records of a CDF point to one another, when damaged without end."""

    def __init__(self, file: Any, reads: int) -> None:
        self._file, self._left = file, reads

    def read(self, size: int = -1) -> bytes:
        """As a file's; ValueError after so many reads."""
        self._left -= 1
        if self._left < 0:
            raise ValueError("its records point to one another without end")
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _cdf(path: AnyPath) -> Any:
    """An open CDF file, in which nothing is read but its head; its reads are as many as its length can need."""
    file = optional("cdflib", "datasets").CDF(str(path))
    file._f = _Bounded(file._f, _MOST_READS + Path(path).stat().st_size // 16)
    return file


def _announced_by_mat(path: Path) -> int:
    """Bytes of all variables as the tags of a MATLAB file say, those of compressed ones from their first bytes.

    0 for files older than version 5, whose variables are not compressed.
    """
    total = 0
    with path.open("rb") as file:
        order = {b"IM": "<", b"MI": ">"}.get(file.read(128)[126:128])
        while order is not None and len(tag := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", tag)
            after = file.tell() + size
            if kind == _COMPRESSED:
                tag = zlib.decompressobj().decompress(file.read(min(size, 1024)), 8).ljust(8, b"\0")
            total += struct.unpack(f"{order}II", tag)[1]
            file.seek(after)
    return total
