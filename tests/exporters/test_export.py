"""Exporters by the ending of the file: epipose's own, and those of other packages."""

import importlib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from epipose.cli.main import main
from epipose.errors import EpiposeError
from epipose.exporters import EXPORTERS
from epipose.exporters.base import Recording, Written, y_up
from epipose.exporters.options import ExportOptions
from epipose.exporters.registry import exporter_for
from epipose.pipeline.export import export
from epipose.poses import Poses3D
from epipose.skeletons import H36M17

package = importlib.import_module("epipose.exporters")


def write_joints(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """What another package's exporter looks like."""
    out.write_text(" ".join(recording.need_poses().skeleton.joints))
    return Written((out,), ("Places are left out.",))


def _poses(space: str = "world") -> Poses3D:
    xyz = torch.tensor([1.0, 2.0, 3.0]).expand(4, 1, 17, 3).clone()
    return Poses3D(xyz, torch.ones(4, 1, 17), H36M17, space, times=torch.arange(4) / 50)


def test_an_exporter_of_another_package_is_found_by_its_ending(tmp_path: Path, monkeypatch, capsys) -> None:
    points = [EntryPoint(ending, f"{__name__}:write_joints", "epipose.exporters") for ending in (".joints", ".onnx")]
    monkeypatch.setattr(package, "entry_points", lambda group: points)
    _poses().save(tmp_path / "poses3d.npz")
    assert main(["export", str(tmp_path / "poses3d.npz"), "--out", str(tmp_path / "walk.joints")]) == 0
    assert (tmp_path / "walk.joints").read_text().split() == list(H36M17.joints)
    said = capsys.readouterr().out
    assert "warning: Places are left out." in said
    assert "walk.joints written" in said
    assert exporter_for(tmp_path / "model.onnx") is not write_joints, "epipose's own come first"
    with pytest.raises(EpiposeError, match=r"No exporter writes 'model.tflite'.*Known endings: .*\.joints"):
        export(_poses(), tmp_path / "model.tflite")


def test_the_built_in_exporters_exist_and_help_lists_them(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    said = capsys.readouterr().out
    for ending, known in EXPORTERS.items():
        module, _, function = known.place.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
        assert ending in said


def test_the_longest_ending_counts(tmp_path: Path, monkeypatch) -> None:
    points = [EntryPoint(ending, f"{__name__}:write_joints", "epipose.exporters") for ending in (".walk.onnx", "gaits")]
    monkeypatch.setattr(package, "entry_points", lambda group: points)
    for name in ("a.walk.onnx", "gaits", "anna_gaits"):
        assert exporter_for(Path(name)) is write_joints
    for name in ("a.onnx", "b.walk.ONNX.onnx"):
        assert exporter_for(Path(name)) is not write_joints


@pytest.mark.parametrize(
    ("source", "out", "message"),
    [
        ("empty", "model.onnx", "has nothing to export: expected a clip folder"),
        ("gone", "model.onnx", "There is no file or folder"),
        ("poses3d.npz", "model.onnx", "poses3d is no model folder"),
    ],
)
def test_a_source_without_what_the_format_is_for_is_named(tmp_path: Path, source: str, out: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    _poses().save(tmp_path / "poses3d.npz")
    with pytest.raises(EpiposeError, match=message):
        export(tmp_path / source, tmp_path / out)


def test_a_recording_names_what_it_lacks() -> None:
    poses = _poses()
    nobody = Poses3D(poses.xyz, 0 * poses.conf, H36M17)
    with pytest.raises(EpiposeError, match="walk holds no 3D poses"):
        Recording("walk").need_poses()
    with pytest.raises(EpiposeError, match="no joint with a confidence above 0"):
        Recording("walk", poses=nobody).need_poses()
    with pytest.raises(EpiposeError, match="holds no cameras"):
        Recording("walk").need_rig()
    with pytest.raises(EpiposeError, match="says no frame rate"):
        _ = Recording("walk", poses=Poses3D(poses.xyz, poses.conf, H36M17)).fps
    assert Recording("walk", poses=poses).fps == pytest.approx(50)


def test_y_is_up_in_other_programs_axes() -> None:
    assert y_up(_poses())[0, 0, 0].tolist() == [1, 3, -2]
    assert y_up(_poses("camera"))[0, 0, 0].tolist() == [1, -2, -3]
