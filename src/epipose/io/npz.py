"""Arrays of NumPy's npz and npy files, checked by their headers before any of them is read.

A header of a few bytes may announce arrays that fill the memory, and an archive may hold any number of arrays that
nobody asked for. So only the wanted ones are read, none whose announced size contradicts the archive's own directory,
none of Python objects, and not more than a file of that length can stand for (see `check_size`).
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from epipose.errors import DamagedFileError
from epipose.io.guard import check_size

_KINDS = "biufUS"  # numbers and texts: no objects, no records, no dates
_LAST_CHARACTER = 0x10FFFF  # of Unicode
_LONGEST_HEADER = 10_000  # bytes, as NumPy's own limit


class ArrayHeader(NamedTuple):
    """Shape and type of an array as its file states them."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Bytes of the array in memory."""
        return math.prod(self.shape) * self.dtype.itemsize


def npz_headers(path: Path) -> dict[str, ArrayHeader]:
    """Headers of all arrays in an npz, by key; nothing else is read. Raises what `zipfile` and NumPy raise."""
    with zipfile.ZipFile(path) as archive:
        return {_key(member): _header_in(path, archive, member) for member in archive.namelist()}


def npz_arrays(path: Path, keys: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Those of ``keys`` (by default of all) that are in an npz, in its order.

    Raises DamagedFileError for Python objects and for sizes that cannot be true, else what `zipfile` and NumPy raise:
    call it under `reading`.
    """
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.namelist() if keys is None or _key(member) in keys]
        headers = {member: _header_in(path, archive, member) for member in members}
        check_size(path, f"{', '.join(map(_key, members))}", sum(header.size for header in headers.values()))
        arrays = {}
        for member, header in headers.items():
            with archive.open(member) as stream:
                arrays[_key(member)] = _read(stream, header)
        return arrays


def npy_array(path: Path) -> np.ndarray:
    """The array of an npy. Raises as `npz_arrays` does."""
    with path.open("rb") as stream:
        header = _header(stream, path, path.name)
        check_size(path, path.name, header.size)
        stream.seek(0)
        return _read(stream, header)


def _key(member: str) -> str:
    return member.removesuffix(".npy")


def _header_in(path: Path, archive: zipfile.ZipFile, member: str) -> ArrayHeader:
    """The header of a member, which must be as long as its array and its header are."""
    announced = archive.getinfo(member).file_size
    with archive.open(member) as stream:
        header = _header(stream, path, _key(member))
        before = stream.tell()
    if before + header.size != announced:
        raise DamagedFileError(
            f"{path}: {_key(member)} of shape {header.shape} and type {header.dtype} would be {header.size} bytes; there "
            f"are {announced - before}. Copy or make the file again."
        )
    return header


def _header(stream: Any, path: Path, what: str) -> ArrayHeader:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream, max_header_size=_LONGEST_HEADER)
    if dtype.hasobject:
        raise DamagedFileError(
            f"{path}: {what} holds Python objects, which could run any code. Make it of plain numbers and texts."
        )
    if dtype.kind not in _KINDS or dtype.subdtype is not None:
        raise DamagedFileError(f"{path}: {what} is of type {dtype}; expected plain numbers or texts.")
    return ArrayHeader(tuple(int(side) for side in shape), dtype)


def _read(stream: Any, header: ArrayHeader) -> np.ndarray:
    array = np.lib.format.read_array(stream, allow_pickle=False)
    if array.shape != header.shape:
        raise ValueError(f"an array of shape {header.shape} was read as {array.shape}")
    if array.dtype.kind == "U" and array.nbytes:
        _check_text(array)
    return array


def _check_text(array: np.ndarray) -> None:
    """Raise ValueError for numbers that are no characters: NumPy makes texts of them that Python cannot hold."""
    codes = np.frombuffer(array.tobytes(), np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    if bool((codes > _LAST_CHARACTER).any()) or bool(((codes >= 0xD800) & (codes < 0xE000)).any()):
        raise ValueError("a text in it has numbers that are no characters")
