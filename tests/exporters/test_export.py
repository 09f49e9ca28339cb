"""Exporters by the ending of the file: epipose's own, and those of other packages."""

import importlib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from epipose.errors import EpiposeError
from epipose.exporters import EXPORTERS, export
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.skeletons import H36M17

package = importlib.import_module("epipose.exporters")


def write_joints(trained: TrainedPoseNet, out: Path) -> None:
    """What another package's exporter looks like."""
    out.write_text(" ".join(trained.skeleton.joints))


def test_an_exporter_of_another_package_is_found_by_its_ending(tmp_path: Path, monkeypatch) -> None:
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), True, 1.25).save(tmp_path / "model")
    points = [EntryPoint(ending, f"{__name__}:write_joints", "epipose.exporters") for ending in (".joints", ".onnx")]
    monkeypatch.setattr(package, "entry_points", lambda group: points)
    export(tmp_path / "model", tmp_path / "model.joints")
    assert (tmp_path / "model.joints").read_text().split() == list(H36M17.joints)
    assert package._exporter(tmp_path / "model.onnx") is not write_joints, "epipose's own come first"
    with pytest.raises(EpiposeError, match=r"No exporter writes 'model.tflite'.*Known endings: .onnx, .joints\."):
        export(tmp_path / "model", tmp_path / "model.tflite")


def test_the_built_in_exporters_exist() -> None:
    for place in EXPORTERS.values():
        module, _, function = place.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
