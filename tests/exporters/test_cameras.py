"""Cameras written by `epipose export` and read again by `--known-rig`, with what is lost on the way."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from epipose import Clip, EpiposeError, View
from epipose.calibration.intrinsics import known_rig_from
from epipose.cli.main import main
from epipose.pipeline.export import export
from tests.helpers.camera_files import lab_rig, reprojection_px, wide_rig

NAMES = {
    "Calib.toml": "Calib.toml",
    "rig.yml": ".",
    "Calib.qca.txt": "Calib.qca.txt",
    "rig.xcp": "rig.xcp",
    "lab_colmap": "lab_colmap",
    "easymocap": "easymocap",
}


def clip_of(rig):
    views = (
        View(name, Path(f"{name}.mp4"), *size, 10, 25.0)
        for name, size in zip(rig.names, rig.camera.size.tolist(), strict=True)
    )
    return Clip(tuple(views), 10, 25.0)


@pytest.mark.parametrize("name", list(NAMES))
@pytest.mark.parametrize("lens", ["none", "five"])
def test_every_format_there_and_back(tmp_path, name, lens):
    rig = lab_rig(lens)
    written = export(rig, tmp_path / "out" / name)
    assert all(file.is_file() for file in written.files)
    assert len(written.files) == {"rig.yml": 4, "lab_colmap": 3, "easymocap": 2}.get(name, 1)
    known, note = known_rig_from(tmp_path / "out" / NAMES[name], clip_of(rig))
    assert known.names == rig.names
    assert known.metric
    assert reprojection_px(rig, known) < (1e-6 if name != "rig.xcp" or lens == "none" else 2.0)
    assert "metres" in note or "millimetres" in note
    assert not [file.name for file in (tmp_path / "out").iterdir() if ".part" in file.name]


@pytest.mark.parametrize("style", ["pose2sim", "anipose", "caliscope"])
def test_the_command_line_writes_every_style(tmp_path, capsys, style):
    rig = lab_rig("five")
    rig.save(tmp_path / "rig.json")
    out = tmp_path / f"{style}.toml"
    assert main(["export", str(tmp_path / "rig.json"), "--out", str(out), "--style", style, "--unit", "mm"]) == 0
    assert f"{out} written" in capsys.readouterr().out
    known, note = known_rig_from(out, clip_of(rig))
    assert reprojection_px(rig, known) < 1e-6
    assert "lengths are millimetres: the farthest cameras stand 6.69 m apart" in note


def test_one_format_into_another(tmp_path):
    rig = lab_rig("five")
    export(rig, tmp_path / "easymocap")
    written = export(tmp_path / "easymocap", tmp_path / "colmap")
    assert any("taken as metres" in warning for warning in written.warnings)
    export(tmp_path / "colmap", tmp_path / "again.toml")
    known, _ = known_rig_from(tmp_path / "again.toml", clip_of(rig))
    assert reprojection_px(rig, known) < 1e-6


@pytest.mark.parametrize("name", list(NAMES))
def test_what_is_lost_is_said(tmp_path, name):
    rig = replace(lab_rig(metric=False, upright=False), lag=torch.tensor([0, 0.25, 0, -0.5], dtype=torch.float64))
    K = rig.camera.K.clone()
    K[2, 0, 1] = 3
    said = " ".join(export(replace(rig, camera=replace(rig.camera, K=K)), tmp_path / name).warnings)
    assert "not metric" in said
    assert "(cam02, cam04: +0.00, +0.25, +0.00, -0.50 frames" in said
    assert "skew of cam03" in said
    assert ("has z up and the floor at 0, as the program expects" in said) == (name not in ("rig.yml", "lab_colmap"))


def test_nothing_is_said_where_nothing_is_lost(tmp_path):
    for name in NAMES:
        said = export(lab_rig("none"), tmp_path / name).warnings
        assert [sentence for sentence in said if "by number" not in sentence] == [], name


@pytest.mark.parametrize("name", ["Calib.qca.txt", "rig.xcp", "easymocap"])
def test_a_fisheye_is_refused_where_there_is_none(tmp_path, name):
    with pytest.raises(EpiposeError, match=r"cam01.*[Ww]rite another format, or undistort the video"):
        export(wide_rig(), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["Calib.toml", "rig.yml", "lab_colmap"])
def test_a_fisheye_is_kept_where_there_is_one(tmp_path, name):
    rig = wide_rig()
    export(rig, tmp_path / name)
    known, _ = known_rig_from(tmp_path / NAMES[name], clip_of(rig))
    assert known.camera.fisheye.all()
    assert reprojection_px(rig, known) < 1e-6


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "colmap").mkdir()
    (tmp_path / "colmap" / "images.bin").write_text("precious")
    with pytest.raises(EpiposeError, match=r"colmap holds images.bin; expected no folder, or one with cameras.txt"):
        export(lab_rig(), tmp_path / "colmap")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["images.bin"]
    (tmp_path / "colmap" / "images.bin").unlink()
    for _ in range(2):
        export(lab_rig(), tmp_path / "colmap")
    assert len(list((tmp_path / "colmap").iterdir())) == 3


def test_the_same_cameras_give_the_same_bytes(tmp_path):
    for name in NAMES:
        first = {file.name: file.read_bytes() for file in export(lab_rig("five"), tmp_path / name).files}
        again = {file.name: file.read_bytes() for file in export(lab_rig("five"), tmp_path / name).files}
        assert first == again
    assert not re.search(r"20\d\d-\d\d", (tmp_path / "Calib.toml").read_text())
