"""The examples of CONTRIBUTING.md are what they claim to be."""

from pathlib import Path

import numpy as np
import torch

from epipose.detection.base import Detector
from epipose.network.posenet import PoseNet, TrainedPoseNet
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
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    trained = TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), True, 1.25)
    examples()["export_mine"](trained, tmp_path / "pose.mine")
    assert (tmp_path / "pose.mine").read_text().split() == list(H36M17.joints)
