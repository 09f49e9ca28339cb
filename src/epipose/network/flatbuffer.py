"""FlatBuffers, read without a schema compiler: tables, their fields by number, vectors and strings.

Enough to read the networks of a .tflite file without a package. A table begins with the distance to its vtable, which
holds for each field the offset from the table's start, or 0 where the field has its default
(https://flatbuffers.dev/internals).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Table:
    """A table at a byte position of a buffer. All methods raise ValueError where they would leave the buffer."""

    buffer: bytes
    at: int

    def number(self, field: int, format: str = "i", default: int = 0) -> int:
        """A scalar field; ``format`` is its struct code: b, B, h, H, i, I, q or Q."""
        at = self._field(field)
        return default if at is None else _unpack(self.buffer, format, at)

    def table(self, field: int) -> Table | None:
        """A table or union field; None where it is absent."""
        at = self._field(field)
        return None if at is None else Table(self.buffer, at + _unpack(self.buffer, "I", at))

    def tables(self, field: int) -> list[Table]:
        """A vector of tables; empty where it is absent."""
        start, count = self._vector(field)
        if count * 4 > len(self.buffer) - start:
            raise ValueError(f"a vector of {count} tables at byte {start} leaves the file")
        places = range(start, start + 4 * count, 4)
        return [Table(self.buffer, place + _unpack(self.buffer, "I", place)) for place in places]

    def array(self, field: int, dtype: str = "<i4") -> np.ndarray:
        """A vector of numbers, one-dimensional and read-only; empty where it is absent."""
        start, count = self._vector(field)
        return np.frombuffer(self.buffer, dtype, count, start) if count else np.empty(0, dtype)

    def text(self, field: int) -> str:
        """A string; empty where it is absent."""
        return self.array(field, "u1").tobytes().decode("utf-8")

    def _field(self, field: int) -> int | None:
        vtable = self.at - _unpack(self.buffer, "i", self.at)
        if 4 + 2 * field >= _unpack(self.buffer, "H", vtable):
            return None
        offset = _unpack(self.buffer, "H", vtable + 4 + 2 * field)
        return self.at + offset if offset else None

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._field(field)
        if at is None:
            return 0, 0
        start = at + _unpack(self.buffer, "I", at)
        return start + 4, _unpack(self.buffer, "I", start)


def root(buffer: bytes) -> Table:
    """The table that a FlatBuffer holds."""
    return Table(buffer, _unpack(buffer, "I", 0))


def _unpack(buffer: bytes, format: str, at: int) -> int:
    if not 0 <= at <= len(buffer) - struct.calcsize(format):
        raise ValueError(f"byte {at} is outside the {len(buffer)} bytes of the file")
    return struct.unpack_from(f"<{format}", buffer, at)[0]
