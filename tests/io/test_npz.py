"""Arrays of npz and npy files: checked by their headers before any is read."""

import io
import zipfile

import numpy as np
import pytest

from epipose.errors import DamagedFileError
from epipose.io import guard
from epipose.io.files import read_npz
from epipose.io.guard import reading
from epipose.io.npz import npy_array, npz_arrays, npz_headers


def announced(shape, dtype="<f8", content=b""):
    """An npy whose header says what it likes."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def test_numpy_s_own_files_are_read(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array("text"), "c": np.array([True]), "d": np.zeros(0)}
    arrays["e"] = np.asfortranarray(np.arange(6).reshape(2, 3))
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        found = npz_arrays(tmp_path / "a.npz")
        assert list(found) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
    np.save(tmp_path / "a.npy", arrays["a"])
    np.testing.assert_array_equal(npy_array(tmp_path / "a.npy"), arrays["a"])


def test_only_what_is_wanted_is_read(tmp_path):
    good = io.BytesIO()
    np.save(good, np.arange(3.0))
    path = archive(tmp_path / "a.npz", {"xyz": good.getvalue(), "other": b"no array", "huge": announced((10**12,))})
    assert list(read_npz(path, ("xyz",), "a verb", optional=("conf",))) == ["xyz"]
    with pytest.raises(DamagedFileError, match="huge of shape"):
        read_npz(path, ("xyz",), "a verb", optional=("huge",))
    with pytest.raises(DamagedFileError, match="magic string"):
        read_npz(path, ("other",), "a verb")


def test_an_array_that_would_fill_the_memory_is_refused_by_its_header(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "_ALWAYS_READ_BYTES", 1024**2)
    zeros = bytes(3 * 1024**2)
    path = archive(tmp_path / "a.npz", {"xyz": announced((len(zeros) // 8,), content=zeros)})
    assert path.stat().st_size < 20_000
    assert npz_headers(path)["xyz"].size == len(zeros)
    with pytest.raises(DamagedFileError, match=r"xyz would take 3 MiB of memory"):
        npz_arrays(path)
    (tmp_path / "a.npy").write_bytes(announced((10**12,)))
    with pytest.raises(DamagedFileError, match="would take"):
        npy_array(tmp_path / "a.npy")


@pytest.mark.parametrize("code", [0x110000, 0xFFFFFFFF, 0xD800, 0xDFFF])
@pytest.mark.parametrize("order", ["<", ">"])
def test_texts_of_numbers_that_are_no_characters_are_refused(tmp_path, code, order):
    content = np.array([65, code], f"{order}u4").tobytes()
    path = archive(tmp_path / "a.npz", {"name": announced((1,), f"{order}U2", content)})
    with pytest.raises(DamagedFileError, match="no characters"), reading(path, "npz"):
        npz_arrays(path)
    good = archive(
        tmp_path / "b.npz", {"name": announced((), f"{order}U2", np.array([65, 0x1F3C3], f"{order}u4").tobytes())}
    )
    assert str(npz_arrays(good)["name"]) == "A\U0001f3c3"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (announced((3,), content=bytes(16)), "would be 24 bytes; there are 16"),
        (announced((1,), "|O", content=bytes(8)), "Python objects"),
        (announced((1,), "<M8[s]", content=bytes(8)), "plain numbers or texts"),
        (announced((-1,), content=bytes(8)), "would be -8 bytes"),
    ],
)
def test_headers_that_cannot_be_are_refused(tmp_path, content, words):
    path = archive(tmp_path / "a.npz", {"a": content})
    with pytest.raises(DamagedFileError, match=words), reading(path, "npz"):
        npz_arrays(path)
