"""BlazePose with networks replaced by ones that look for white discs: the geometry and the tracking are ours."""

import cv2
import numpy as np
import pytest

from benchmarks.network.blazepose_speed import people
from benchmarks.network.litert import litert_blazepose
from epipose.detection import blazepose
from epipose.detection.base import ParallelDetector
from epipose.detection.blazepose import BlazePose
from epipose.detection.person_finder import PersonDetector, anchors
from epipose.detection.roi import Roi
from epipose.network.blazepose_weights import DETECTION, LANDMARKS


def test_anchors_cover_the_image_in_the_order_of_the_network():
    a = anchors()
    assert a.shape == (2254, 2)
    np.testing.assert_allclose(a[0], [0.5 / 28, 0.5 / 28])
    np.testing.assert_allclose(a[0], a[1])  # two a cell
    np.testing.assert_allclose(a[2], [1.5 / 28, 0.5 / 28])  # x runs first
    np.testing.assert_allclose(a[1568], [0.5 / 14, 0.5 / 14])
    np.testing.assert_allclose(a[1960:1966], np.full((6, 2), 0.5 / 7))
    np.testing.assert_allclose(a.mean(0), [0.5, 0.5])


def test_the_square_turns_the_body_upright():
    roi = Roi.around(np.array([300.0, 400.0]), np.array([400.0, 400.0]))  # lying: the head is to the right
    assert roi.side == pytest.approx(250.0)
    np.testing.assert_allclose(roi.to_image(np.array([[0.5, 0.5], [0.5, 0.1]])), [[300, 400], [400, 400]], atol=1e-9)


@pytest.mark.parametrize("side", [120.0, 300.0, 900.0])
def test_a_point_of_the_crop_is_the_point_of_the_image(side):
    """A blurred dot is found where `to_image` says, to a fraction of a pixel, at any scale."""
    at = np.array([412.3, 288.6])
    y, x = np.mgrid[:700, :800]
    blob = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * (side / 30) ** 2))
    image = np.repeat((255 * blob).astype(np.uint8)[..., None], 3, 2)
    roi = Roi(np.array([430.0, 270.0]), side, 0.7)
    crop = roi.crop(image, 256)[..., 0].astype(float)
    v, u = np.mgrid[:256, :256]
    found = np.array([[(u * crop).sum(), (v * crop).sum()]]) / crop.sum() + 0.5
    np.testing.assert_allclose(roi.to_image(found / 256)[0], at, atol=0.004 * side / 4)


@pytest.mark.parametrize(("width", "height"), [(3000, 5), (5, 3000), (1, 2000), (2000, 2)])
def test_a_very_thin_image_can_be_cropped(width, height):
    image = np.full((height, width, 3), 200, np.uint8)
    assert Roi.whole(width, height).crop(image, 224).shape == (224, 224, 3)


class DiscNetwork:
    """Stands in for both networks: as detector it boxes every disc, as landmark network it finds the most central."""

    def __init__(self, detector):
        self.detector = detector
        self.batches = []

    def __call__(self, crops):
        self.batches.append(len(crops))
        assert crops.dtype == np.uint8
        read = self.people if self.detector else self.pose
        return [np.concatenate(parts) for parts in zip(*(read((crop > 128).all(-1)) for crop in crops), strict=True)]

    def people(self, white):
        boxes, logits = np.zeros((1, 2254, 12), np.float32), np.full((1, 2254, 1), -20, np.float32)
        count, _, _, centers = cv2.connectedComponentsWithStats(white.astype(np.uint8))
        for i, center in enumerate(centers[1:count]):
            at = center + 0.5 - anchors()[i] * 224
            boxes[0, i] = [*at, 10, 10, *at, *(at - [0, 20]), *at, *at]
            logits[0, i] = 3
        return [boxes, logits]

    def pose(self, white):
        count, _, _, centers = cv2.connectedComponentsWithStats(white.astype(np.uint8))
        landmarks = np.zeros((39, 5), np.float32)
        landmarks[:, 3:] = 10
        world = np.tile(np.array([0, -1, 0.2], np.float32), (39, 1))
        if count > 1:
            best = min(centers[1:count], key=lambda c: np.hypot(*(c - 127.5))) + 0.5
            landmarks[:, :2] = best
            landmarks[34, :2] = best - [0, 102.4]  # keeps the square's size
        score = np.array([[float(count > 1)]], np.float32)
        return [landmarks.reshape(1, -1), score, np.full((1, 39, 64, 64), -20, np.float32), world.reshape(1, -1)]


@pytest.fixture
def detector():
    return BlazePose(PersonDetector(DiscNetwork(True)), DiscNetwork(False), search_every=5)


def scene(*centers):
    image = np.zeros((480, 640, 3), np.uint8)
    for center in centers:
        cv2.circle(image, center, 9, (255, 255, 255), -1)
    return image


def test_people_are_followed_under_stable_numbers(detector):
    for k in range(12):
        a, b = (100 + 6 * k, 200), (500 - 6 * k, 300)
        found = {d.track: d for d in detector(scene(a, b))}
        assert sorted(found) == [0, 1]
        assert sorted(tuple(np.round(d.xy[0]).astype(int)) for d in found.values()) == sorted([a, b])
    assert detector._finder._network.batches == [1, 1]  # frames 0 and 5; the next would be 15, as nobody new came
    assert set(detector._landmarks.batches) == {2}, "all people of a frame at once"


def test_a_newcomer_is_found_and_who_leaves_is_dropped(detector):
    assert [d.track for d in detector(scene((100, 200)))] == [0]
    tracks = [[d.track for d in detector(scene((100, 200), (500, 300)))] for _ in range(6)]
    assert tracks[0] == [0]
    assert tracks[-1] == [0, 1]
    assert [d.track for d in detector(scene((500, 300)))] == [1]
    assert detector(scene()) == []
    assert [d.track for d in detector(scene((300, 300)))] == [2]  # looked for at once, not at the next fifth frame
    detector.reset()
    assert [d.track for d in detector(scene((300, 300)))] == [0]


def test_what_a_detection_holds(detector):
    (found,) = detector(scene((100, 200)))
    assert found.roi is not None
    np.testing.assert_allclose(found.roi.center, [100, 200], atol=1)
    assert found.xy.shape == (33, 2)
    assert found.conf == pytest.approx(1, abs=1e-3)
    assert found.score == 1
    np.testing.assert_allclose(found.xyz, np.tile([0, -1, 0.2], (33, 1)), atol=1e-6)


def test_no_confidence_outside_the_image(detector):
    detector(scene((20, 240)))
    detector._landmarks.pose = lambda white: pose_outside(white)
    (found,) = detector(scene((20, 240)))
    assert (found.xy[:, 0] < -0.5).all()
    assert not found.conf.any()


def pose_outside(white):
    outputs = DiscNetwork.pose(None, white)
    outputs[0].reshape(39, 5)[:, 0] -= 200
    return outputs


def test_own_3d_is_turned_back_with_the_square(detector):
    lying = blazepose._Tracked(0, Roi(np.array([300.0, 240.0]), 200.0, np.pi / 2))
    ((detection, _),) = detector._poses(scene((300, 240)), [lying])
    np.testing.assert_allclose(detection.xyz[0], [1, 0, 0.2], atol=1e-6)  # up in the crop is right in the image


def test_no_more_people_than_asked_for_are_looked_at(detector):
    few = BlazePose(detector._finder, detector._landmarks, max_people=2)
    assert len(few(scene((100, 100), (300, 100), (500, 100), (100, 400)))) == 2
    assert set(few._landmarks.batches) == {2}


def test_another_shares_networks_and_options_but_not_people(detector):
    detector(scene((100, 200)))
    other = detector.another()
    assert other._landmarks is detector._landmarks
    assert other._search_every == 5
    assert not other._tracks
    assert detector._tracks
    assert isinstance(detector, ParallelDetector)


def test_it_detects_what_it_detects_with_litert():
    pytest.importorskip("ai_edge_litert")
    if not (DETECTION.cached and LANDMARKS["full"].cached):
        pytest.skip("the weights are not in the cache: epipose weights")
    ours, theirs = blazepose.blazepose("full"), litert_blazepose("full")
    found = 0
    for image in people(400)[:6]:
        ours.reset()
        theirs.reset()
        for a, b in zip(ours(image), theirs(image), strict=True):
            assert a.xyz is not None
            apart = np.abs(a.xy - b.xy)  # squares that differ by a little move a few joints to other cells of a heatmap
            assert np.median(apart) < 0.05
            assert apart.max() < 5
            np.testing.assert_allclose(a.score, b.score, atol=0.01)
            found += 1
    assert found >= 3
