"""Small random networks on the packaged landmark network."""

from pathlib import Path

import torch

from epipose.network.config import HeadSizes
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.posenet import TrainedPoseNet, build_posenet
from epipose.network.refiner import Refiner
from epipose.skeletons import H36M17

SIZES = HeadSizes("blazepose_full", 17, 256, 32, 1)


def landmark_net(seed: int = 0) -> LandmarkPoseNet:
    """A network whose head, unlike a new one, corrects what the landmark network says."""
    torch.manual_seed(seed)
    net = build_posenet(SIZES)
    assert isinstance(net, LandmarkPoseNet)
    torch.nn.init.normal_(net.head.answer.weight, std=0.05)
    return net.eval()


def landmark_model(folder: Path, *, refiner: bool = False) -> Path:
    """The folder with such a network; its refiner answers the first guess."""
    added = Refiner(H36M17, width=32, layers=1).eval() if refiner else None
    TrainedPoseNet(landmark_net(), H36M17, torch.full((16,), 0.25), True, 1.25, added).save(folder)
    return folder
