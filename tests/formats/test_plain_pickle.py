"""Pickles of arrays and plain values, read without calling anything that they name."""

import os
import pickle

import numpy as np
import pytest

from epipose.formats.plain_pickle import PickledArray, plain_pickle


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_of_every_protocol(protocol):
    value = {
        "a": [1, -2, 2**40, 2**200, 0.5],
        "b": (True, False, None),
        "c": {"d": ((), [], {})},
        "ä": [("x", "y")] * 3,
    }
    assert plain_pickle(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("kind", ["<f4", ">f8", "<i2", "|u1", "|b1"])
def test_arrays_are_numpy_s(protocol, kind):
    for array in (np.arange(24).reshape(2, 3, 4), np.asfortranarray(np.arange(6).reshape(2, 3)), np.zeros((0, 3))):
        found = plain_pickle(pickle.dumps({"x": array.astype(kind)}, protocol))["x"]
        assert isinstance(found, PickledArray)
        np.testing.assert_array_equal(found.numbers(), array.astype(kind))


def test_an_array_of_objects_is_a_list():
    found = plain_pickle(pickle.dumps(np.array({"a": 1}, dtype=object)))
    assert found.values() == [{"a": 1}]
    with pytest.raises(ValueError, match="expected numbers"):
        found.numbers()


class Calls:
    def __init__(self, what, *arguments):
        self.what = what, arguments

    def __reduce__(self):
        return self.what


@pytest.mark.parametrize(
    "value",
    [
        Calls(os.mkdir, "made"), Calls(eval, "1"), Calls(np.ndarray, (1,), "O", b"\xff" * 8),
        Calls(np.frombuffer, b"\xff" * 8, "O"), Calls(np.dtype, 3), np.dtype([("a", "O")]), np.zeros(2, [("a", "f4")]),
        {1, 2}, Calls(bytearray, 10**12),
    ],
)  # fmt: skip
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_whatever_else_is_asked_for_is_refused(value, protocol):
    stream = pickle.dumps(value, protocol)
    with pytest.raises((ValueError, TypeError, LookupError, AttributeError)):
        plain_pickle(stream).numbers()


def test_the_crash_by_an_array_over_its_own_bytes():
    """numpy.ndarray((1,), dtype("O"), bytes) would take eight bytes for the address of an object."""
    stream = b"\x80\x02cnumpy\nndarray\n(K\x01\x85cnumpy\ndtype\nU\x01O\x85RU\x08" + b"\xff" * 8 + b"tR."
    with pytest.raises(ValueError, match=r"numpy\.ndarray"):
        plain_pickle(stream)


@pytest.mark.parametrize(
    "stream",
    [
        b"", b".", b"N", b"NN.", b"]N", b"\x80\x04r\xff\xff\xff\x7f.", b"(1.", b"t.", b"h\x05.", b"K\x01e.", b"}(K\x01u.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", b"\x96\xff\xff\xff\xff\xff\xff\x00\x00.", b"N)b.", b"Q.",
    ],
)  # fmt: skip
def test_what_is_no_pickle_is_refused_and_takes_no_memory(stream):
    with pytest.raises((ValueError, TypeError, LookupError)):
        plain_pickle(stream)
