"""Mutations of files: bits, cuts and insertions, and changes of meaning in files whose structure is known.

`mutated` takes the bytes of a good file and a seeded random generator, and gives the bytes of a bad one. Half of the
mutations know nothing of the format; the others take JSON, npz, HDF5, safetensors, archives or text apart, change a
value, a type, a shape or a name, and put it together again with sums that are right.
"""

from __future__ import annotations

import io
import json
import math
import random
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

Mutate = Callable[[bytes, random.Random], bytes]

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 3, 2**31, 2**63, -(2**70), 10**400, 0.5, -0.0, 1e-320, 1e308, math.nan, math.inf, -math.inf,
    "", "x", "3", "../../x", "/x", "a/b", "a\x00b", "\ud800", "nan", "x" * 5000, [], {}, [[]], [None], [0] * 40, {"x": 1},
)  # fmt: skip
_TOKENS = (
    "nan", "inf", "-inf", "1e400", "-1", "0", "1e308", "1e-320", "x", "", "../../x", "9" * 400, "9" * 5000, "2147483648",
    "[" * 2000, "{" * 2000, "<a>" * 2000, '"', "'", "\x00", "\t", "é", "- - - -", "&x;", "!!x", "true",
    "null", "0x10", "1_0",
)  # fmt: skip
_WORDS = struct.pack("<I", 2**32 - 1), struct.pack("<I", 2**31 - 1), struct.pack("<Q", 2**63), b"\0" * 8, b"\xff" * 8
_LONG = 1_000_000  # bytes from which on a file, by mutations before, is not taken apart any more
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\w+")


def mutated(content: bytes, seed: random.Random) -> bytes:
    """A file's bytes, changed once or a few times."""
    for _ in range(seed.choice((1, 1, 1, 2, 3))):
        structured = _of(content) if len(content) < _LONG else []
        mutate = seed.choice(structured) if structured and seed.random() < 0.65 else raw
        try:
            content = mutate(content, seed)
        except Exception:  # what a mutation before this one has left may be no such file any more
            content = raw(content, seed)
    return content


def raw(content: bytes, seed: random.Random) -> bytes:
    """Bits, bytes and stretches of bytes, whatever they mean; headers, which are at the ends, more often."""
    data, kind = bytearray(content), seed.randrange(9)
    at = seed.randrange(len(data) + 1)
    if seed.random() < 0.5 and len(data) > 400:
        at = seed.choice((seed.randrange(200), len(data) - 1 - seed.randrange(200)))
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        return bytes(data[at:])
    if kind == 2:
        data[at:at] = seed.randbytes(seed.choice((1, 4, 64, 3000)))
    elif kind == 3:
        del data[at : at + seed.choice((1, 2, 8, 100))]
    elif kind == 4:
        data[at : at + 8] = seed.choice(_WORDS)
    elif kind == 5:
        data[at:at] = data[at : at + seed.choice((4, 50, 500))] * seed.choice((1, 2, 20))
    elif kind == 6:
        data[at : at + 200] = bytes(min(200, len(data) - at))
    else:
        for _ in range(seed.choice((1, 1, 3, 8))):
            if data:
                place = min(at, len(data) - 1) if kind == 7 else seed.randrange(len(data))
                data[place] ^= 1 << seed.randrange(8)
    return bytes(data)


def _of(content: bytes) -> list[Mutate]:
    """The mutations that know the format of some content."""
    if content[:2] == b"PK":
        return [_member, _array, _array] if b".npy" in content else [_member]
    if content[:4] == b"\x89HDF" or content[512:516] == b"\x89HDF":
        return [_hdf5]
    if content[:6] == b"\x93NUMPY":
        return [_npy]
    if content[8:9] == b"{" and len(content) > 8:
        return [_safetensors]
    if content.lstrip(b"\xef\xbb\xbf \n")[:1] in (b"{", b"["):
        return [_json, _json, _text]
    try:
        content[:20000].decode()
    except UnicodeDecodeError:
        return []
    return [_text] if b"\0" not in content[:1000] else []


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every place in JSON: its container and its key or index."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found.append((value, key))
        _places(inner, found)
    return found


def _json(content: bytes, seed: random.Random) -> bytes:
    return _change(json.loads(content), seed)


def _change(tree: Any, seed: random.Random) -> bytes:
    """A tree of JSON with one place removed, replaced, doubled, wrapped or renamed."""
    places = _places(tree, [])
    if not places or seed.random() < 0.03:
        return _dumped(seed.choice(VALUES))
    deep = [place for place in places if isinstance(place[0], dict)]
    container, key = seed.choice(deep if deep and seed.random() < 0.6 else places)
    kind = seed.randrange(7)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, list):
        container[key:key] = [container[key]] * seed.choice((1, 3, 500))
    elif kind == 2 and isinstance(container, dict):
        container[str(seed.choice(("../../x", "", "x", "a/b", "x" * 300)))] = container.pop(key)
    elif kind == 3:
        container[key] = [container[key]]
    elif kind == 4 and isinstance(container[key], int | float) and not isinstance(container[key], bool):
        container[key] = seed.choice(
            (-container[key], container[key] * 10**6, container[key] + 0.5, str(container[key]))
        )
    else:
        container[key] = seed.choice(VALUES)
    if seed.random() < 0.03:
        return _dumped(tree).replace(b": ", b": " + b"[" * 3000, 1)
    return _dumped(tree)


def _dumped(tree: Any) -> bytes:
    if isinstance(tree, int) and abs(tree) > 10**300:
        return b"9" * 5000
    return json.dumps(tree, default=str).encode("utf-8", "surrogatepass")


def _text(content: bytes, seed: random.Random) -> bytes:
    """A number or word, or a line, of a text."""
    text, kind = content.decode(), seed.randrange(6)
    if kind < 4:
        found = list(_NUMBER.finditer(text[:50_000]))
        if not found:
            return raw(content, seed)
        place = seed.choice(found)
        return (text[: place.start()] + seed.choice(_TOKENS) + text[place.end() :]).encode("utf-8", "replace")
    lines = text.splitlines(keepends=True)
    at = seed.randrange(len(lines))
    if kind == 4:
        del lines[at : at + seed.choice((1, 1, 5))]
    else:
        lines.insert(seed.randrange(len(lines)), lines[at] * seed.choice((1, 1, 300)))
    return "".join(lines).encode()


def _member(content: bytes, seed: random.Random) -> bytes:
    """A member of an archive, mutated as a file of its own; the archive's sums are right."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name, made = seed.choice(list(members)), io.BytesIO()
    name = next((each for each in members if each.endswith("data.pkl") and seed.random() < 0.7), name)
    kind = seed.randrange(8)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[seed.choice(("../../x", "x", "/x", name + "x"))] = members.pop(name)
    else:
        inner = _of(members[name])
        members[name] = (seed.choice(inner) if inner and kind < 5 else raw)(members[name], seed)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for each, value in members.items():
            archive.writestr(each, value)
    return made.getvalue()


def _array(content: bytes, seed: random.Random) -> bytes:
    """An array of an npz: its type, shape or values, or that it is there."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    name, made = seed.choice(list(arrays)), io.BytesIO()
    if seed.random() < 0.12:
        del arrays[name]
    else:
        arrays[name] = _other(arrays[name], seed)
    np.savez(made, **arrays)
    return made.getvalue()


def _npy(content: bytes, seed: random.Random) -> bytes:
    """The one array of an npy, or the words of its header."""
    if seed.random() < 0.5:
        start, end = 10, 10 + int.from_bytes(content[8:10], "little")
        header = _text(content[start:end], seed)[: end - start - 1].ljust(end - start - 1) + b"\n"
        return content[:start] + header + content[end:]
    made = io.BytesIO()
    np.save(made, _other(np.load(io.BytesIO(content), allow_pickle=False), seed), allow_pickle=False)
    return made.getvalue()


def _other(array: np.ndarray, seed: random.Random) -> np.ndarray:
    """An array of another type, shape or content."""
    kind = seed.randrange(9)
    if kind == 0:
        return array.astype(seed.choice(("U5", "S3", "i1", "u8", "f2", ">f4", "?", "c16", "f8")), casting="unsafe")
    if kind == 1:
        return seed.choice(
            (array[None], array[..., None], array.T, array.ravel(), array[:0], np.array(0.0), array.repeat(2))
        )
    if kind == 2:
        return np.array(seed.choice(("x", "../../x", "", "a/b", "{", "[1]", '{"a": 1}', "h36m17", "nan")))
    if kind == 3:
        return np.zeros(seed.choice(((0,), (1, 0, 3), (5,), (2, 2), (1,) * 20)))
    array = array.copy()
    if array.dtype.kind == "f" and array.size:
        array.flat[seed.randrange(array.size)] = seed.choice((math.nan, math.inf, -math.inf, 1e38, -1e38, -1, 1e300))
    elif array.dtype.kind in "iu" and array.size:
        array.flat[seed.randrange(array.size)] = seed.choice(
            (0, 1, 100, np.iinfo(array.dtype).max, np.iinfo(array.dtype).min)
        )
    elif array.dtype.kind == "U" and array.size:
        array = np.array([seed.choice(("", "../x", "x", array.flat[0]))] * array.size).reshape(array.shape)
    return array


def _safetensors(content: bytes, seed: random.Random) -> bytes:
    """The header of a safetensors file, its length right."""
    length = int.from_bytes(content[:8], "little")
    header = _change(json.loads(content[8 : 8 + length]), seed)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def _hdf5(content: bytes, seed: random.Random) -> bytes:
    """A data set or an attribute of an HDF5 file: its type, shape or values, or that it is there."""
    import h5py

    made = io.BytesIO(content)
    with h5py.File(made, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = seed.choice(names)
        attributes = list(file[name].attrs)
        if attributes and seed.random() < 0.4:
            file[name].attrs[seed.choice(attributes)] = seed.choice((b"x", 0, -1, "[]", np.zeros(3), b"\x80\x05."))
        elif isinstance(file[name], h5py.Dataset) and file[name].dtype.kind in "fiu" and seed.random() < 0.8:
            other = _other(np.asarray(file[name][()]), seed)
            del file[name]
            file[name] = np.array(str(other), "S") if other.dtype.kind == "U" else other
        else:
            del file[name]
    return made.getvalue()
