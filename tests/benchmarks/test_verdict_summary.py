"""Summary of the failure kinds: shares of verdicts by the cameras' errors, and the rival's cameras beside them."""

from benchmarks.docs.geometry_tables import verdict
from benchmarks.geometry.verdicts import summary


def record(kind, seed, error, rival=None):
    refused = {"kind": kind, "seed": seed, "rotation_deg_max": error, "refused": "no rig"}
    return refused if rival is None else {**refused, "caliscope_rotation_deg_max": rival}


def test_cameras_without_a_verdict_are_counted_by_their_error():
    runs = [record("none", 0, None, 0.5), record("none", 1, None, 4.0), record("one camera moved", 0, None, 0.5)]
    found = summary([*runs, record("two cameras", 0, None, 40.0)])
    assert found["caliscope"] == {
        "none": {"between": 1, "good": 1},
        "one camera moved": {"between": 1},
        "two cameras": {"gross": 1},
    }
    last = verdict({"verdicts": found}).split("\n\n")[0].splitlines()[-1]
    assert last.split("|")[-2].strip() == "1 / 2 / 1 / 0"


def test_without_the_rival_its_column_is_empty():
    found = summary([record("none", 0, None)])
    assert found["caliscope"] == {}
    assert [line.split("|")[-2].strip() for line in verdict({"verdicts": found}).splitlines()[2:4]] == ["-", "-"]
