import json

import numpy as np
import pytest

import epipose
from epipose.errors import DamagedFileError, EpiposeError
from epipose.io.files import (
    already_done,
    fingerprint,
    read_json,
    read_npz,
    read_object,
    replacing,
    write_json,
    write_npz,
    write_record,
)


def test_a_failure_leaves_the_old_file_and_no_leftover(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"good": 1})

    def fail_half_way():
        with replacing(path) as part:
            part.write_text("half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert json.loads(path.read_text()) == {"good": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "x.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_json_from_a_folder_or_a_broken_file_is_refused_by_name(tmp_path):
    (tmp_path / "x.json").mkdir()
    (tmp_path / "y.json").write_text("{")
    for name in ("x.json", "y.json", "z.json"):
        with pytest.raises(EpiposeError, match=name):
            read_json(tmp_path / name)


def test_json_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "x.json").write_bytes(b'\xef\xbb\xbf{"people": []}')
    assert read_json(tmp_path / "x.json") == {"people": []}


@pytest.mark.parametrize("content", [[], None, 3, "text"])
def test_a_record_that_is_no_object_is_damaged(tmp_path, content):
    write_json(tmp_path / "verb.json", content)
    with pytest.raises(DamagedFileError, match=r"verb\.json .*expected a JSON object"):
        read_object(tmp_path / "verb.json")
    with pytest.raises(DamagedFileError, match=r"verb\.json"):
        already_done(tmp_path / "verb.json", {}, "", [])


def test_a_record_matches_only_the_same_options_and_inputs(tmp_path):
    source, output, record = tmp_path / "in", tmp_path / "out", tmp_path / "verb.json"
    source.write_text("a")
    write_record(record, {"size": (1, 2)}, fingerprint([source]))
    assert not already_done(record, {"size": (1, 2)}, fingerprint([source]), [output])
    output.write_text("b")
    assert already_done(record, {"size": (1, 2)}, fingerprint([source]), [output])
    assert not already_done(record, {"size": (1, 3)}, fingerprint([source]), [output])
    source.write_text("changed")
    assert not already_done(record, {"size": (1, 2)}, fingerprint([source]), [output])


def test_a_record_states_the_version_that_the_package_states(tmp_path):
    write_record(tmp_path / "verb.json", {}, "")
    stated = read_json(tmp_path / "verb.json")["epipose"]
    assert stated == epipose.__version__, "installed before the version changed? Install epipose again"


def test_damaged_files_are_named(tmp_path):
    (tmp_path / "x.json").write_text("{")
    (tmp_path / "x.npz").write_bytes(b"PK no")
    with pytest.raises(EpiposeError, match=r"x\.json cannot be read as JSON"):
        read_json(tmp_path / "x.json")
    with pytest.raises(EpiposeError, match=r"x\.npz cannot be read"):
        read_npz(tmp_path / "x.npz", ("a",), "epipose detect")
    with pytest.raises(EpiposeError, match="Make it with: epipose detect"):
        read_npz(tmp_path / "none.npz", ("a",), "epipose detect")
    write_npz(tmp_path / "y.npz", b=np.zeros(1))
    with pytest.raises(EpiposeError, match="lacks a; it holds b"):
        read_npz(tmp_path / "y.npz", ("a",), "epipose detect")
