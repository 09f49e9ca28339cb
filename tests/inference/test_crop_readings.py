"""Readings of crops as images go by: each person's own, in batches, and nothing of the images kept."""

import weakref

import numpy as np
import pytest
import torch

from epipose.detection.base import Detection
from epipose.inference.crop_readings import CropReadings
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.skeletons import H36M17
from tests.helpers.drawn_clips import figure_image
from tests.helpers.fixed_detector import JOINTS

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained() -> TrainedPoseNet:
    torch.manual_seed(0)
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    torch.nn.init.normal_(net.volume.weight, std=0.5)
    return TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), True, 1.25)


def people_at(*shifts: float) -> list[Detection]:
    return [Detection(JOINTS + shift, np.ones(17), 0.9, None, number) for number, shift in enumerate(shifts)]


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_everybody_gets_their_own_reading_whatever_the_batch(trained: TrainedPoseNet, batch_size: int) -> None:
    image = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    frames = [people_at(0, 20), [], people_at(40), people_at(5, 30, 60)]
    readings = CropReadings(trained, H36M17, CPU, batch_size, flip_test=False)
    for people in frames:
        readings.add(people, image)
    readings.finish()
    for people in frames:
        for one in people:
            assert one.reading is not None
            assert one.roi is not None
            assert one.roi.box.tolist() == pytest.approx([*(JOINTS[[0, -1]].mean(0) + one.xy[0] - JOINTS[0]), 112.5, 0])
            alone = [Detection(one.xy, one.conf, one.score, None, 0)]
            single = CropReadings(trained, H36M17, CPU, 1, flip_test=False)
            single.add(alone, image)
            assert alone[0].reading is not None
            torch.testing.assert_close(one.reading.uvd, alone[0].reading.uvd, atol=1e-5, rtol=1e-4)


def test_images_are_not_kept(trained: TrainedPoseNet) -> None:
    readings = CropReadings(trained, H36M17, CPU, 8, flip_test=False)
    made = []
    for _ in range(6):
        image = figure_image(JOINTS, 160)
        made.append(weakref.ref(image))
        readings.add(people_at(0), image)
    del image
    assert not any(ref() is not None for ref in made)
