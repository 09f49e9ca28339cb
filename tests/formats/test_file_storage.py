"""OpenCV's FileStorage without OpenCV: the same values, and damage that is named and does not end the process."""

import cv2
import numpy as np
import pytest

from epipose import EpiposeError
from epipose.formats.file_storage import Number, read_storage


def write(path, **entries):
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for key, value in entries.items():
        if isinstance(value, list):
            storage.startWriteStruct(key, cv2.FileNode_SEQ)
            for one in value:
                storage.write("", one)
            storage.endWriteStruct()
        else:
            storage.write(key, value)
    storage.release()
    return path


MATRIX = np.random.default_rng(0).normal(size=(5, 4)) * 10.0 ** np.arange(-8, 12).reshape(5, 4)


@pytest.mark.parametrize("ending", ["yml", "xml", "json"])
def test_what_opencv_wrote(tmp_path, ending):
    values = {
        "M": MATRIX,
        "v": np.array([1.5, -2.0]),
        "count": 640,
        "half": 0.5,
        "name": "cam 01",
        "names": ["a b", "02", "c"],
    }
    found = read_storage(write(tmp_path / f"x.{ending}", **values))
    assert list(found) == list(values)
    assert np.array_equal(np.array(found["M"]), MATRIX)
    assert found["v"] == [1.5, -2.0]
    assert (found["count"], found["half"], found["name"]) == (640, 0.5, "cam 01")
    assert [str(name) for name in found["names"]] == ["a b", "02", "c"]


def test_matrices_of_integers_and_of_several_channels(tmp_path):
    found = read_storage(write(tmp_path / "x.yml", a=np.arange(6).reshape(2, 3), b=np.arange(8.0).reshape(2, 2, 2)))
    assert found["a"] == [[0, 1, 2], [3, 4, 5]]
    assert found["b"] == [[0, 1, 2, 3, 4, 5, 6, 7]]


YAML = """%YAML:1.0
# a comment
---
names:
- 01
- "two words"   # no number
- -3.5e-2
board: {width: 9, height: 6}
nested:
   inner: 1.
   deeper:
      name: 'quoted: with a colon'
bounds: [ 1, [ 2, 3 ],
   -.Inf ]
time: "Thu 12:31:02"
empty:
last: text with spaces
"""


def test_yaml_as_people_write_it(tmp_path):
    (tmp_path / "x.yml").write_text(YAML)
    found = read_storage(tmp_path / "x.yml")
    assert [str(name) for name in found["names"]] == ["01", "two words", "-3.5e-2"]
    assert found["names"][0] == 1
    assert found["board"] == {"width": 9, "height": 6}
    assert found["nested"] == {"inner": 1, "deeper": {"name": "quoted: with a colon"}}
    assert found["bounds"] == [1, [2, 3], -np.inf]
    assert (found["time"], found["empty"], found["last"]) == ("Thu 12:31:02", "", "text with spaces")


def test_a_number_remembers_its_text():
    assert str(Number("007")) == "007"
    assert Number("007") + 1 == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%YAML:1.0\n---\na: [1, 2", "a bracket is not closed: a: .1, 2"),
        ("%YAML:1.0\n---\na: 1\n   b: 2", "'b: 2' is indented otherwise"),
        ("%YAML:1.0\n---\njust words", "expected 'name: value', got 'just words'"),
        ("%YAML:1.0\n---\n- 1\n- 2", "no names at its outermost level"),
        (
            "%YAML:1.0\n---\nK: !!opencv-matrix\n   rows: 3\n   cols: 300\n   dt: d\n   data: [ 1., 2. ]",
            "3 x 300 has 2",
        ),
        ("%YAML:1.0\n---\nK: !!opencv-matrix\n   rows: 1e400\n   cols: 1\n   dt: d\n   data: [ 1. ]", "infinity"),
        ("%YAML:1.0\n---\nK: !!opencv-matrix\n   rows: 1\n   cols: 1\n   dt: d\n   data: 5", "no list of numbers"),
        ("%YAML:1.0\n---\na: [1, 2] 3", "something after"),
        ("<opencv_storage><a>", "no element found"),
        ('{"a": ', "Expecting value"),
        ("\0" * 10, "expected 'name: value'"),
    ],
)
def test_damage_is_named(tmp_path, text, message):
    (tmp_path / "x.yml").write_text(text)
    with pytest.raises(EpiposeError, match=message):
        read_storage(tmp_path / "x.yml")
