"""People found by the packaged landmark network alone: drawn people are, and nobody in an image without any."""

import numpy as np
import pytest

from benchmarks.network.blazepose_speed import people
from epipose.detection.blazepose import landmark_crops, packaged
from epipose.detection.person_finder import CANDIDATES, LandmarkFinder, PersonFinder, on_body, windows
from epipose.network.blazepose import CROP_SIDE, load_landmarks
from epipose.skeletons import BLAZEPOSE33


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1920, 1080), (300, 300), (2000, 100)])
def test_windows_cover_the_image_and_overlap_by_half(size: tuple[int, int]) -> None:
    width, height = size
    found = windows(width, height)
    assert all(square.angle == 0 for square in found)
    for side in {square.side for square in found}:
        centres = np.array([square.center for square in found if square.side == side])
        for axis, extent in enumerate(size):
            places = np.unique(centres[:, axis].round(6))
            assert places[0] - side / 2 <= -0.5 + 1e-6
            assert places[-1] + side / 2 >= extent - 0.5 - 1e-6
            assert (np.diff(places) <= side / 2 + 1e-6).all()
    assert max(square.side for square in found) == max(size)


@pytest.mark.parametrize("seed", [3, 8])
def test_a_drawn_person_is_found_anywhere_in_an_image(seed: int) -> None:
    """The same person, upright and small in a wide grey image, without the person detector."""
    drawn, detector = people(240)[seed], packaged()
    alone = max(detector(drawn), key=lambda one: one.score * np.ptp(one.xy))
    image = np.full((480, 800, 3), 120, np.uint8)
    image[150:390, 470:710] = drawn
    detector.reset()
    found = max(detector(image), key=lambda one: one.score * np.ptp(one.xy))
    assert found.score > 0.5
    assert found.reading is None
    trunk = [BLAZEPOSE33.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("shoulder", "hip")]
    np.testing.assert_allclose(found.xy[trunk].mean(0), alone.xy[trunk].mean(0) + np.array([470, 150]), atol=15)


def test_most_drawn_people_are_found() -> None:
    detector, found = packaged(), 0
    for image in people(300)[:12]:
        detector.reset()
        found += bool(detector(image))
    assert found >= 11


def test_nobody_is_found_where_nobody_is() -> None:
    detector = packaged()
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    for image in (noise, np.full((300, 400, 3), 128, np.uint8), np.zeros((40, 50, 3), np.uint8)):
        detector.reset()
        assert detector(image) == []


def test_points_on_a_limb_are_on_the_body() -> None:
    body = np.zeros((33, 2))
    for name, y in {
        "shoulder": 0.0,
        "hip": 100.0,
        "knee": 150.0,
        "ankle": 200.0,
        "heel": 200.0,
        "big_toe": 200.0,
    }.items():
        for side, x in (("left", 15.0), ("right", -15.0)):
            body[BLAZEPOSE33.index(f"{side}_{name}")] = x, y
    thigh = np.array([[15.0, 110], [20, 130], [48, 140]])
    assert on_body(thigh, body) == 1
    assert on_body(np.array([*thigh, [52.0, 120]]), body) == 0.75, "35 pixels are the limit, at a trunk of 100"
    assert on_body(np.array([[15.0, 240]]), body) == 0, "beyond the end of a limb"


def test_a_part_of_a_person_is_no_other_person() -> None:
    finder = LandmarkFinder(landmark_crops(load_landmarks("full").network))
    assert [len(finder(people(320)[number])) for number in (0, 1, 3, 6, 10, 11)] == [1] * 6


def test_two_people_are_two_also_where_one_is_smaller() -> None:
    finder = LandmarkFinder(landmark_crops(load_landmarks("full").network))
    image = np.full((330, 600, 3), 120, np.uint8)
    image[5:325, :320] = people(320)[3]
    image[125:325, 300:500] = people(200)[8]
    found = sorted(finder(image), key=lambda square: square.center[0])
    assert [square.side > 220 for square in found] == [True, False]
    assert 360 < found[1].center[0] < 440


def test_how_often_it_looks() -> None:
    """All windows at once, then the best few again and again."""
    network = landmark_crops(load_landmarks("full").network)
    batches = []

    def counted(crops):
        batches.append(crops.shape)
        return network(crops)

    finder = LandmarkFinder(counted)
    assert isinstance(finder, PersonFinder)
    finder(people(240)[3])
    assert batches == [(len(windows(240, 240)), *[CROP_SIDE] * 2, 3), *[(CANDIDATES, *[CROP_SIDE] * 2, 3)] * 2]
