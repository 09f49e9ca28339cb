"""Safetensors files whose bytes follow from what they hold.

The library keeps the texts of a file's metadata in a hash table, whose order is another in every process: the same
network saved twice gave two files. Here they are in the order of their names.
"""

from __future__ import annotations

import json

_LENGTH_BYTES = 8  # at the beginning of a file: the length of its header, little-endian; the header is padded to this


def with_sorted_texts(content: bytes) -> bytes:
    """A safetensors file with the texts of its metadata in the order of their names."""
    begin = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = json.loads(content[_LENGTH_BYTES:begin])
    if "__metadata__" not in header:
        return content
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    return b"".join([len(text).to_bytes(_LENGTH_BYTES, "little"), text, memoryview(content)[begin:]])
