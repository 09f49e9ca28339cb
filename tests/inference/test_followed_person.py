"""The person whom a live stream follows: the largest at first, the same one from then on."""

import numpy as np

from epipose.detection.base import Detection
from epipose.inference.followed_person import FollowedPerson
from tests.helpers.fixed_detector import JOINTS


def seen(track: int, shift: float = 0.0, size: float = 1.0, score: float = 0.9) -> Detection:
    return Detection(size * JOINTS + np.array([shift, 0]), np.ones(17), score, None, track)


def test_the_largest_confident_person_is_followed_though_a_larger_one_comes() -> None:
    person = FollowedPerson()
    small, large, larger = seen(0), seen(1, 300, 1.5), seen(2, 600, 3.0)
    unsure, nobody = seen(3, size=4.0, score=0.1), Detection(9 * JOINTS, np.zeros(17), 1.0, None, 4)
    assert person.choose([small, large, unsure, nobody], 0.0) is large
    assert person.choose([larger, small, large], 0.1) is large
    assert person.choose([larger, small], 0.2) is None, "somebody else is not the same person"


def test_who_comes_back_soon_and_near_is_the_same_person() -> None:
    person = FollowedPerson()
    person.choose([seen(0)], 0.0)
    back, other = seen(7, 5), seen(8, 400, 2.0)
    assert person.choose([other], 0.2) is None
    assert person.choose([other, back], 0.4) is back
    assert person.choose([other, back], 0.5) is back


def test_who_is_away_for_longer_is_given_up() -> None:
    person = FollowedPerson()
    person.choose([seen(0)], 0.0)
    other = seen(8, 400, 2.0)
    assert person.choose([other], 0.5) is None
    assert person.choose([seen(0), other], 0.61) is other


def test_people_without_track_numbers_are_followed_by_place() -> None:
    person = FollowedPerson()
    person.choose([seen(-1), seen(-1, 500, 0.5)], 0.0)
    for step in range(1, 10):
        near, far = seen(-1, 6.0 * step), seen(-1, 500 - 6.0 * step, 2.0)
        assert person.choose([far, near], 0.1 * step) is near
