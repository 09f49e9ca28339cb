"""The examples of CONTRIBUTING.md are what they claim to be."""

from pathlib import Path

import numpy as np
import torch

from epipose.detection.base import Detector
from epipose.exporters.base import Exporter, Recording
from epipose.exporters.options import ExportOptions
from epipose.poses import Poses3D
from epipose.skeletons import COCO17, H36M17
from tests.helpers.documents import ROOT, blocks


def examples() -> dict:
    names: dict = {}
    for block in blocks(ROOT / "CONTRIBUTING.md", "python"):
        exec(block.text, names)
    return names


def test_the_detector_is_one():
    detector = examples()["MyDetector"]()
    assert isinstance(detector, Detector)
    (found,) = detector(np.zeros((48, 64, 3), np.uint8))
    assert found.conf.shape == (len(COCO17.joints),)


def test_the_exporter_writes_its_file(tmp_path: Path):
    exporter = examples()["export_mine"]
    assert isinstance(exporter, Exporter)
    poses = Poses3D(torch.zeros(2, 1, 17, 3), torch.ones(2, 1, 17), H36M17)
    out = tmp_path / "pose.mine"
    assert exporter(Recording("walk", poses=poses), out, ExportOptions()) == ((out,), ("Positions are left out.",))
    assert out.read_text().split() == list(H36M17.joints)
