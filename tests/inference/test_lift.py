"""From readings to poses: keypoints count half in the image, and not at all where they were not seen."""

import torch

from epipose.camera import assumed_camera, stack_cameras
from epipose.inference.lift import lift
from epipose.inference.person_keypoints import PersonKeypoints
from epipose.network.config import PoseNetSizes
from epipose.network.crops import pixels_from_crop
from epipose.network.posenet import TrainedPoseNet, build_posenet
from epipose.network.reading import PoseReading
from epipose.network.refiner import Refiner
from epipose.skeletons import H36M17

BOX = torch.tensor([[300.0, 250.0, 200.0, 0.3], [200.0, 240.0, 120.0, -0.2]])


def _reading() -> PoseReading:
    generator = torch.Generator().manual_seed(0)
    uvd = 0.2 * torch.randn(2, 17, 3, generator=generator)
    return PoseReading(uvd, torch.full_like(uvd, 0.01))


class Unchanged(Refiner):
    """Gives the network's own reading back."""

    def forward(self, evidence):
        return PoseReading(evidence.reading, evidence.reading_scale)


def _network(refiner: Refiner | None) -> TrainedPoseNet:
    net = build_posenet(PoseNetSizes("resnet18", 17, 64, 8, 16, 1))
    return TrainedPoseNet(net, H36M17, torch.full((16,), 0.25), True, 1.25, refiner=refiner)


def test_places_are_half_way_to_the_keypoints_that_were_seen() -> None:
    reading, cameras = _reading(), stack_cameras([assumed_camera(640, 480)] * 2)
    xy = pixels_from_crop(reading.uvd[..., :2] + 0.04, BOX)
    conf = torch.full((2, 17), 0.7)
    conf[1, 4] = 0.0
    refined = lift(_network(Unchanged(H36M17)), reading, BOX, cameras, PersonKeypoints(BOX, xy, conf))
    moved = reading.uvd[..., :2] + 0.02 * (conf > 0)[..., None]
    torch.testing.assert_close(refined.uv, pixels_from_crop(moved, BOX))
    uvd = torch.cat([moved, reading.uvd[..., 2:]], -1)
    expected = lift(_network(None), reading._replace(uvd=uvd), BOX, cameras)
    torch.testing.assert_close(refined.xyz, expected.xyz, msg="depth is the refiner's")


def test_a_network_alone_does_not_look_at_keypoints() -> None:
    reading, cameras = _reading(), stack_cameras([assumed_camera(640, 480)] * 2)
    person = PersonKeypoints(BOX, torch.zeros(2, 17, 2), torch.ones(2, 17))
    alone = lift(_network(None), reading, BOX, cameras, person)
    torch.testing.assert_close(alone.uv, pixels_from_crop(reading.uvd[..., :2], BOX))
