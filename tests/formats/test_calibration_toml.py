import re
import tomllib
from dataclasses import replace

import pytest
import torch

from epipose import EpiposeError
from epipose.formats.calibration_toml import (
    camera_numbers,
    is_calibration_toml,
    read_calibration_toml,
    write_calibration_toml,
)
from tests.helpers.camera_files import LENSES, lab_rig, opencv_px, reprojection_px, toml_tables


@pytest.mark.parametrize("style", ["pose2sim", "anipose", "caliscope"])
@pytest.mark.parametrize("unit", ["m", "mm"])
@pytest.mark.parametrize("lens", list(LENSES))
def test_what_is_written_is_read_again(tmp_path, style, unit, lens):
    rig = lab_rig(lens)
    write_calibration_toml(rig, tmp_path / "Calib.toml", style, unit)
    file = read_calibration_toml(tmp_path / "Calib.toml", poses=True)
    assert file.rig.names == rig.names
    assert (file.rig.metric, file.rig.upright) == (True, True)
    assert torch.equal(file.rig.camera.K, rig.camera.K)
    assert torch.equal(file.rig.camera.distortion, rig.camera.distortion)
    assert torch.equal(file.rig.camera.size, rig.camera.size)
    assert file.rig.camera.fisheye.tolist() == rig.camera.fisheye.tolist()
    assert reprojection_px(rig, file.rig) < 1e-9


@pytest.mark.parametrize("style", ["pose2sim", "anipose", "caliscope"])
@pytest.mark.parametrize("lens", list(LENSES))
def test_opencv_projects_with_the_written_numbers(tmp_path, style, lens):
    rig = lab_rig(lens)
    write_calibration_toml(rig, tmp_path / "Calib.toml", style)
    tables = toml_tables(tmp_path / "Calib.toml")
    columns = [[table[key] for table in tables] for key in ("matrix", "distortions", "rotation", "translation")]
    assert opencv_px(rig, *columns, fisheye=lens == "fisheye") < 1e-6
    assert [table["fisheye"] for table in tables] == [lens == "fisheye"] * 4


def test_names_of_tables_and_what_each_program_expects(tmp_path):
    rig = replace(lab_rig(), names=("left 1", "b", "c", "d"))
    for style, keys in {
        "pose2sim": ["left 1", "b", "c", "d"],
        "anipose": ["cam_0", "cam_1", "cam_2", "cam_3"],
        "caliscope": ["0", "1", "2", "3"],
    }.items():
        write_calibration_toml(rig, tmp_path / "x.toml", style)
        content = tomllib.loads((tmp_path / "x.toml").read_text())
        tables = content["cameras"] if style == "caliscope" else content
        assert [key for key in tables if key != "metadata"] == keys
        assert content["metadata"]["unit"] == "m"
    assert tables["2"]["cam_id"] == 2
    assert read_calibration_toml(tmp_path / "x.toml").rig.names == rig.names


def test_numbers_are_those_that_the_names_end_with():
    assert camera_numbers(("cam01", "cam4", "GoPro 12")) == (1, 4, 12)
    assert camera_numbers(("cam1", "cam01")) == (0, 1)
    assert camera_numbers(("left", "cam2")) == (0, 1)


def test_sorting_the_tables_by_text_keeps_the_order(tmp_path):
    rig = lab_rig()
    twelve = replace(rig, names=tuple("abcdefghijkl"), camera=rig.camera[torch.arange(12) % 4], lag=torch.zeros(12))
    write_calibration_toml(twelve, tmp_path / "x.toml", "anipose")
    keys = [key for key in tomllib.loads((tmp_path / "x.toml").read_text()) if key != "metadata"]
    assert keys == sorted(keys)
    assert keys[-1] == "cam_11"


@pytest.mark.parametrize(
    ("factor", "metric", "words"),
    [
        (1, True, "taken as metres: .* 6.69 m"),
        (1000, True, "taken as millimetres: .* 6.69 m"),
        (1e-3, False, "nominal"),
    ],
)
def test_without_a_stated_unit_the_distances_of_the_cameras_decide(tmp_path, factor, metric, words):
    rig = lab_rig()
    camera = rig.camera.with_pose(rig.camera.R, factor * rig.camera.t)
    write_calibration_toml(replace(rig, camera=camera), tmp_path / "x.toml", "pose2sim")
    text = (tmp_path / "x.toml").read_text()
    (tmp_path / "x.toml").write_text(text[: text.index("[metadata]")])
    file = read_calibration_toml(tmp_path / "x.toml", poses=True)
    assert file.rig.metric == metric
    assert not file.rig.upright
    expected = rig.camera.t if metric else camera.t
    torch.testing.assert_close(file.rig.camera.t, expected)
    assert re.search(words, file.notes[-1])


def test_a_scale_that_is_not_known_is_not_taken_for_metres(tmp_path):
    rig = lab_rig(metric=False, upright=False)
    write_calibration_toml(rig, tmp_path / "x.toml", "anipose")
    file = read_calibration_toml(tmp_path / "x.toml", poses=True)
    assert (file.rig.metric, file.rig.upright) == (False, False)
    assert "one common factor" in file.notes[-1]


@pytest.mark.parametrize(
    ("style", "unit", "lens", "said"),
    [
        ("pose2sim", "m", "four", []),
        ("anipose", "mm", "fisheye", []),
        ("pose2sim", "m", "fisheye", ["no fisheye lenses: .*cam01, cam02, cam03, cam04"]),
        ("pose2sim", "mm", "five", ["expects metres"]),
        ("caliscope", "m", "fisheye", ["by number, not by name: cam01 = 1, cam02 = 2"]),
    ],
)
def test_what_is_lost_is_said(tmp_path, style, unit, lens, said):
    lost = write_calibration_toml(lab_rig(lens), tmp_path / "x.toml", style, unit)
    assert len(lost) == len(said)
    assert all(re.search(pattern, sentence) for pattern, sentence in zip(said, lost, strict=True))


CALISCOPE = """
[cameras.0]
cam_id = 0
size = [ 640, 480,]
rotation_count = 0
matrix = [ [ 600.0, 0.0, 320.0,], [ 0.0, 601.0, 240.0,], [ 0.0, 0.0, 1.0,],]
distortions = [ 0.1, 0.2, 0.0, 0.0, 0.3,]
translation = [ 0.5, 0.0, 2.0,]
rotation = [ [ 0.0, -1.0, 0.0,], [ 1.0, 0.0, 0.0,], [ 0.0, 0.0, 1.0,],]

[cameras.3]
cam_id = 3
size = [ 640, 480,]
matrix = "null"
"""


def test_a_caliscope_file_as_older_versions_write_it(tmp_path):
    (tmp_path / "camera_array.toml").write_text(CALISCOPE)
    file = read_calibration_toml(tmp_path / "camera_array.toml", poses=True)
    assert file.rig.names == ("cam_0",)
    assert file.rig.camera.R[0].tolist() == [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    assert file.rig.camera.distortion[0].tolist() == [0.1, 0.2, 0, 0, 0.3, 0, 0, 0]
    assert "no intrinsics for cam_3" in file.notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("matrix = [", "matrix = [["), "cannot be read as TOML"),
        (("rotation =", "turned ="), r"does not say where its cameras stand \(cam01: .*--intrinsics"),
        (("translation = [", "translation = [1.0, "), r"camera 'cam01', translation must be finite of shape \(3,\)"),
        (("distortions = [", "distortions = [1.0, "), r"camera 'cam01', distortion has 6 numbers"),
        (("size = [", "size = [1.0, "), r"size must be finite of shape \(2,\)"),
    ],
)
def test_damage_is_named(tmp_path, change, message):
    rig = lab_rig("five").select(("cam01",))
    write_calibration_toml(rig, tmp_path / "x.toml", "pose2sim")
    (tmp_path / "x.toml").write_text((tmp_path / "x.toml").read_text().replace(*change, 1))
    with pytest.raises(EpiposeError, match=message):
        read_calibration_toml(tmp_path / "x.toml", poses=True)


def test_what_is_a_calibration():
    assert is_calibration_toml("[a]\nmatrix = 1\ndistortions = 2")
    assert not is_calibration_toml("[tool.ruff]\nline-length = 120")
    assert not is_calibration_toml("{")
