"""Joint maps: joints by name or number, parents, pairs; mistakes are named."""

import pytest

from epipose.errors import EpiposeError
from epipose.formats.joint_map import read_joint_map
from epipose.skeletons import HALPE26

MAP = """
name = "climber"
[joints]
Lsho = "left_shoulder"
"2" = "right_shoulder"
hand = "left_palm"
rh = "right_palm"
[parents]
left_palm = "left_shoulder"
right_palm = "right_shoulder"
"""
NAMES = ("hand", "Lsho", "x", "rh", "y")


def written(tmp_path, text=MAP):
    (tmp_path / "map.toml").write_text(text, encoding="utf-8")
    return str(tmp_path / "map.toml")


def test_joints_by_name_and_number(tmp_path):
    skeleton, columns = read_joint_map(written(tmp_path)).applied(NAMES, 5)
    assert skeleton.name == "climber"
    assert skeleton.joints == ("left_shoulder", "right_shoulder", "left_palm", "right_palm")
    assert columns == [1, 2, 0, 3]
    assert skeleton.parents == (-1, 0, 0, 1)
    assert skeleton.flip == (1, 0, 3, 2)


def test_pairs_that_names_do_not_tell(tmp_path):
    text = '[joints]\n0 = "left_hip"\n1 = "right_hip"\n2 = "inner"\n3 = "outer"\n[pairs]\ninner = "outer"\n'
    skeleton, columns = read_joint_map(written(tmp_path, text)).applied((), 4)
    assert skeleton.name == "map"
    assert skeleton.flip == (1, 0, 3, 2)
    assert columns == [0, 1, 2, 3]


def test_a_known_skeleton_by_name():
    assert read_joint_map("halpe26").applied((), 26) == (HALPE26, list(range(26)))
    with pytest.raises(EpiposeError, match="halpe26 has 26 joints, the keypoints have 17"):
        read_joint_map("halpe26").applied((), 17)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[joints]\nelbow = "left_elbow"', "has 'elbow', which the keypoints do not have; they have hand, Lsho"),
        ('[joints]\n"9" = "left_elbow"', "has '9'"),
        ('[joints]\nhand = "a"\n"0" = "b"', "names a joint of the file twice"),
        ('[joints]\nhand = "a"\nx = "a"', "would both be a"),
        ('[joints]\nhand = "a"\n[parents]\nb = "a"', "no joint 'b'"),
        ('[joints]\nhand = "a"\nx = "b"\n[parents]\na = "b"\nb = "a"', "parents"),
        ("[joints]\nhand = 3", r"a \[joints\] that is no table of texts"),
        ("name = 'a'", r"no table \[joints\]"),
        ("[joint]\n", "unknown key 'joint'"),
        ("[joints", "cannot be read as TOML"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(EpiposeError, match=message):
        read_joint_map(written(tmp_path, text)).applied(NAMES, 5)


def test_no_such_map():
    with pytest.raises(EpiposeError, match=r"no such file, and no skeleton of that name: .*halpe26"):
        read_joint_map("nowhere.toml")
