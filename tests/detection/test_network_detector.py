"""Detection with a network that outputs a pose for every crop. The network is a stand-in that sees bright squares."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from epipose.cli.main import main
from epipose.detection.detect import Detector, detector_named
from epipose.detection.network_detector import NetworkDetector, windows
from epipose.io.images import write_image
from epipose.network import pretrained
from epipose.network.backends import PoseReader
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.skeletons import H36M17

# joints over the whole of a square from (0, 0) to (1, 1), the root at its centre
BODY = np.stack([np.linspace(0, 1, 17), np.linspace(0, 1, 17)[np.random.default_rng(0).permutation(17)]], -1)
BODY[0], BODY[1], BODY[2] = (0.5, 0.5), (0, 0), (1, 1)


@dataclass
class Sees:
    """Reads the joints of the largest bright square, neither too small nor too large; else it invents somebody."""

    input_size: int = 64
    skeleton = H36M17
    bone_lengths = torch.full((16,), 0.25)
    metric: bool = True
    margin: float = 1.25
    refiner = None
    batches: list[int] = field(default_factory=list)

    def read(self, crops, device):
        self.batches.append(len(crops))
        poses, sure = zip(*(self._pose(crop.numpy()) for crop in crops), strict=True)
        return torch.from_numpy(np.stack(poses)).float(), torch.tensor(sure)[:, None].repeat(1, 17)

    def _pose(self, crop):
        _, _, stats, _ = cv2.connectedComponentsWithStats((crop[..., 0] > 128).astype(np.uint8))
        seen = [row for row in stats[1:] if 0.3 < max(row[2:4]) / self.input_size < 0.95]
        left, top, width, height = max(seen, key=lambda row: row[4], default=np.array([6, 6, 51, 51, 0]))[:4]
        place = (np.array([left, top]) + BODY * [width, height]) / self.input_size - 0.5
        return np.concatenate([place, np.zeros((17, 1))], -1), 0.9 if seen else 0.8


def drawn(*squares, size=(400, 300)):
    image = np.full((size[1], size[0], 3), 30, np.uint8)
    for x, y, side in squares:
        image[y : y + side, x : x + side] = 220
    return image


def expected(x, y, side):
    return np.array([x, y]) - 0.5 + BODY * side


@pytest.mark.parametrize(
    "place",
    [(60, 40, 240), (30, 120, 100), (300, 200, 90), (4, 4, 120), (180, 120, 70)],
    ids=["large", "small", "far right", "in the corner", "smaller"],
)
def test_the_person_is_found_wherever_and_however_large(place) -> None:
    (found,) = NetworkDetector(Sees())(drawn(place))
    assert np.abs(found.xy - expected(*place)).max() < 0.05 * place[2]
    assert found.score > 0.6
    assert found.conf.min() > 0
    assert found.xyz is not None
    np.testing.assert_array_equal(found.xyz[0], 0)
    bones = sum(np.linalg.norm(found.xyz[child] - found.xyz[parent]) for parent, child in H36M17.bones)
    assert bones == pytest.approx(16 * 0.25, rel=1e-3)


def test_an_invented_person_moves_with_the_square_and_is_nobody() -> None:
    """However sure the network is of them, and although a square round them shows the same again."""
    detector = NetworkDetector(Sees())
    assert detector(drawn()) == []
    assert detector(drawn(size=(90, 400))) == []
    (found,) = NetworkDetector(Sees(), min_score=0.0)(drawn())
    assert found.score < 0.25


def test_of_two_people_the_larger_one_is_taken() -> None:
    (found,) = NetworkDetector(Sees())(drawn((20, 150, 80), (220, 60, 130)))
    assert np.abs(found.xy - expected(220, 60, 130)).max() < 7


def test_in_a_video_the_person_is_followed_and_searched_for_only_when_lost() -> None:
    network = Sees()
    detector = NetworkDetector(network)
    (first,) = detector(drawn((40, 60, 100)))
    searching = len(network.batches)
    for step in range(1, 4):
        (found,) = detector(drawn((40 + 8 * step, 60, 100)))
        assert np.abs(found.xy - expected(40 + 8 * step, 60, 100)).max() < 5
        assert found.track == first.track
    assert network.batches[searching:] == [3, 3, 3], "one square and two beside it for each frame"
    (elsewhere,) = detector(drawn((280, 160, 100)))
    assert np.abs(elsewhere.xy - expected(280, 160, 100)).max() < 5
    assert elsewhere.track != first.track
    assert detector(drawn()) == []
    (again,) = detector(drawn((40, 60, 100)))
    assert len({first.track, elsewhere.track, again.track}) == 3
    detector.reset()
    before = len(network.batches)
    detector(drawn((40, 60, 100)))
    assert network.batches[before] == len(windows(400, 300))


@pytest.mark.parametrize(("width", "height"), [(400, 300), (1080, 1920), (64, 640), (100, 100)])
def test_the_squares_that_are_searched_leave_nothing_out(width, height) -> None:
    boxes = windows(width, height)
    for side in boxes[:, 2].unique():
        some = boxes[boxes[:, 2] == side]
        for axis, extent in ((0, width), (1, height)):
            middles = some[:, axis].unique()
            assert float(middles[0] - side / 2) <= -0.5 + 1e-3
            assert float(middles[-1] + side / 2) >= extent - 0.5 - 1e-3
            assert bool((middles.diff() <= side / 2 + 1e-3).all())
    assert len(boxes) <= 60


@pytest.mark.slow
def test_predict_alone_runs_on_what_comes_with_epipose(tmp_path: Path, monkeypatch, capsys) -> None:
    """No model named, no weights in the cache: an untrained network stands in, and finds nobody."""
    torch.manual_seed(0)
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), True, 1.25).save(tmp_path / "own")
    monkeypatch.setattr(pretrained, "PRETRAINED", tmp_path / "own")
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))
    assert isinstance(detector_named("pretrained"), Detector)
    write_image(tmp_path / "photo.png", drawn((60, 40, 200)))
    assert main(["predict", str(tmp_path / "photo.png")]) == 2
    said = capsys.readouterr()
    assert "pretrained" in said.out
    assert "epipose weights" in said.out
    assert "No person was found" in said.err
    network = Sees()
    assert isinstance(network, PoseReader)
    monkeypatch.setattr("epipose.detection.network_detector.load_reader", lambda folder: network)
    assert main(["predict", str(tmp_path / "photo.png")]) == 0
    assert (tmp_path / "photo-epipose" / "overlay.jpg").exists()
