"""The person that predict selects: one person per photo, one after the other in a video. The detector is a stand-in."""

import numpy as np
import pytest
import torch

from epipose.detection.base import Detection
from epipose.inference.main_person import main_person
from epipose.io.image_source import ImageSource
from epipose.skeletons import H36M17

JOINTS = np.stack([np.linspace(50, 90, 17), np.linspace(30, 120, 17)], -1)


class Script:
    """A detector that says, image after image, what it was given."""

    skeleton = H36M17

    def __init__(self, *frames) -> None:
        self.frames = iter(frames)

    def __call__(self, image):
        return next(self.frames)

    def reset(self) -> None:
        pass


def boxes_of(frames, fps: float | None) -> torch.Tensor:
    blank = np.zeros((200, 400, 3), np.uint8)
    images = ImageSource(None, len(frames), lambda: iter([blank] * len(frames)), fps)
    return main_person(images, Script(*frames), H36M17, 1.25, "upright").person.box


def seen(track: int, shift: float) -> Detection:
    return Detection(JOINTS + np.array([shift, 0]), np.ones(17), 0.9, None, track)


def test_who_comes_back_into_a_video_late_is_read_again() -> None:
    """Out of sight for 1.5 s, then elsewhere: another track, and the rest of the video is not lost."""
    beside = [seen(5, 300)]  # somebody else, for less long
    frames = [[seen(0, 0), *(beside if k < 5 else [])] for k in range(10)] + [[]] * 15 + [[seen(1, 150)]] * 8
    boxes = boxes_of(frames, fps=10.0)
    assert (boxes[:, 2] > 0).tolist() == [k < 10 or k >= 25 for k in range(33)]
    assert boxes[:10, 0].tolist() == pytest.approx([70.0] * 10, abs=0.1)
    assert boxes[25:, 0].tolist() == pytest.approx([220.0] * 8, abs=0.1)


def test_joints_without_confidence_do_not_make_a_person_large() -> None:
    half = np.ones(17)
    half[16] = 0
    small = Detection(np.where(half[:, None] > 0, JOINTS * 0.5, 5000), half, 0.9, None, 1)
    nobody = Detection(JOINTS, np.zeros(17), 1.0, None, 2)
    people = [small, nobody, seen(0, 200)]
    assert boxes_of([people, [nobody]], fps=None)[:, 0].tolist() == pytest.approx([270.0, 0.0])


def test_nobody_is_in_a_frame_that_was_lost() -> None:
    """What stands in its place shows where the person was before; the detector is not asked."""
    blank = np.zeros((200, 400, 3), np.uint8)
    images = ImageSource(None, 5, lambda: iter([blank] * 5), 10.0, lost={1, 3})
    found = main_person(images, Script(*[[seen(0, 0)]] * 3), H36M17, 1.25, "upright")
    assert (found.person.box[:, 2] > 0).tolist() == [True, False, True, False, True]


def test_at_most_four_people_of_a_frame_are_candidates_and_the_largest_are() -> None:
    """Somebody small at the back of a crowd, seen throughout, is not the video's person."""
    small = Detection(JOINTS * 0.2, np.ones(17), 0.9, None, 99)
    crowd = [seen(track, 80 * track) for track in range(4)]
    sides = boxes_of([[small, *crowd]] * 5 + [[small]], fps=10.0)[:, 2].tolist()
    assert sides == pytest.approx([112.5] * 5 + [0.0])
    sides = boxes_of([[small, *crowd[:3]]] * 5 + [[small]], fps=10.0)[:, 2].tolist()
    assert sides == pytest.approx([22.5] * 6), "among four, who is seen longest"
