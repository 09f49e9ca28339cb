"""TRC files written: read back by our reader, cell by cell, and by pandas as Pose2Sim reads them."""

import numpy as np
import pytest

from epipose.errors import InputError
from epipose.formats.marker_names import joint_of_marker, marker_of_joint
from epipose.formats.trc import TRC_FROM_WORLD, WORLD_FROM_TRC, read_trc, write_trc
from epipose.skeletons import BLAZEPOSE33, BODY25, PANOPTIC19

NAMES = ("CHip", "LBigToe", "Nose")
TIMES = np.arange(5) / 60 + 0.25


def markers() -> np.ndarray:
    xyz = np.random.default_rng(0).normal(size=(5, 3, 3))
    xyz[2, 1] = np.nan
    xyz[4, 2, 1] = np.nan  # one axis alone is no place either
    return xyz


@pytest.mark.parametrize("unit", ["m", "mm"])
def test_what_is_written_is_read_back(tmp_path, unit):
    xyz = markers()
    write_trc(tmp_path / "a.trc", NAMES, xyz, TIMES, unit=unit, first_frame=7)
    found = read_trc(tmp_path / "a.trc")
    assert found.names == NAMES
    assert found.frames.tolist() == [7, 8, 9, 10, 11]
    whole = np.isfinite(xyz).all(-1)
    assert (np.isfinite(found.xyz).all(-1) == whole).all()
    assert np.isnan(found.xyz[~whole]).all()
    assert np.abs(found.xyz[whole] - xyz[whole]).max() < 1e-7


def test_the_lines_are_those_of_the_format(tmp_path):
    write_trc(tmp_path / "a.trc", NAMES, markers(), TIMES, unit="mm")
    lines = (tmp_path / "a.trc").read_text().splitlines()
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\ta.trc"
    assert lines[2].split("\t") == ["60", "60", "5", "3", "mm", "60", "0", "5"]
    assert lines[3].split("\t") == ["Frame#", "Time", "CHip", "", "", "LBigToe", "", "", "Nose", "", ""]
    assert lines[4].split("\t")[2:5] == ["X1", "Y1", "Z1"]
    assert {len(line.split("\t")) for line in lines[3:]} == {11}
    assert lines[7].split("\t")[5:8] == ["", "", ""]
    assert lines[9].split("\t")[8:] == ["NaN"] * 3  # OpenSim refuses a line that ends in an empty cell
    assert float(lines[6].split("\t")[1]) == pytest.approx(0.25 + 1 / 60, abs=1e-6)


@pytest.mark.parametrize(
    ("names", "times", "words"),
    [
        (("a", "a", "b"), TIMES, "must differ"),
        (("a", "b c", "d"), TIMES, "no white space"),
        (NAMES, np.zeros(5), "must advance"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path, names, times, words):
    with pytest.raises(InputError, match=words):
        write_trc(tmp_path / "a.trc", names, markers(), times)
    assert not list(tmp_path.iterdir())


def test_axes_are_y_up_and_right_handed():
    up = np.array([0.0, 0.0, 1.0])
    assert up[list(TRC_FROM_WORLD)].tolist() == [0, 1, 0]
    assert np.linalg.det(np.eye(3)[list(TRC_FROM_WORLD)]) == pytest.approx(1)
    assert np.arange(3)[list(TRC_FROM_WORLD)][list(WORLD_FROM_TRC)].tolist() == [0, 1, 2]


@pytest.mark.parametrize("skeleton", [BODY25, BLAZEPOSE33, PANOPTIC19])
def test_marker_names_lead_back_to_the_joints(skeleton):
    markers = [marker_of_joint(joint, skeleton.name) for joint in skeleton.joints]
    assert tuple(map(joint_of_marker, markers)) == skeleton.joints


def test_markers_are_called_as_in_pose2sims_marker_sets():
    assert [marker_of_joint(joint) for joint in ("pelvis", "nose", "left_big_toe", "right_heel")] == [
        "CHip",
        "Nose",
        "LBigToe",
        "RHeel",
    ]
    assert marker_of_joint("pelvis", "halpe26") == "Hip"
    assert marker_of_joint("head_top", "halpe26") == "Head"
    assert joint_of_marker("MidHip") == "pelvis"
