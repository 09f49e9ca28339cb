"""Views and frames from the names that programs give their files."""

import pytest

from epipose.errors import EpiposeError
from epipose.formats.image_names import first_frame, image_name, view_in, view_label


@pytest.mark.parametrize(
    ("name", "number", "prefix", "folder"),
    [
        ("cam01_000000000012_keypoints.json", 12, "cam01", ""),
        ("cam01_000123.json", 123, "cam01", ""),
        ("cam01/frame_000004.jpg", 4, "frame", "cam01"),
        ("17.jpg", 17, "", ""),
        ("a\\b\\img0009_rgb.png", 9, "img", "b"),
        ("walk.0007", 7, "walk", ""),
        ("photo.png", None, "photo", ""),
        (8, 8, "", ""),
    ],
)
def test_the_last_number_of_a_name_is_the_frame(name, number, prefix, folder):
    assert image_name(name) == (number, prefix, folder)


@pytest.mark.parametrize(
    ("labels", "view"),
    [
        (["cam1"], "cam1"),
        (["cam1_json"], "cam1"),
        (["cam10"], "cam10"),
        (["cam10DLC_resnet50_walkJan1shuffle1_50000"], "cam10"),
        (["results_cam1"], "cam1"),
        (["session.cam10.analysis"], "cam10"),
        (["trial", "cam1", "pose"], "cam1"),
        (["xcam1"], None),
        (["cam"], None),
    ],
)
def test_a_view_stands_in_a_label_as_a_word(labels, view):
    found = view_in(labels, ("cam1", "cam10"))
    assert (found[0] if found else None) == view


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("cam01_json", "cam01"),
        ("cam01DLC_resnet50_walk_filtered", "cam01"),
        ("cam01.analysis", "cam01"),
        ("results_cam01", "cam01"),
        ("walk_Sports2D_px_person00", "walk"),
        ("json", "json"),
    ],
)
def test_labels_without_what_programs_add(text, label):
    assert view_label(text) == label


@pytest.mark.parametrize(
    ("numbers", "frames", "firsts"),
    [
        ([range(10), range(3, 10)], [10, 10], [0, 0]),
        ([range(1, 11), range(2, 9)], [10, 10], [1, 1]),
        ([[4, 7], [5, 9]], [10, 10], [0, 0]),
        ([range(500, 510), range(501, 508)], [10, 10], [500, 500]),
        ([range(10), range(10, 20)], [10, 10], [0, 10]),
        ([range(10), range(5, 11)], [10, 10], [0, 1]),  # seen late in the second
        ([[5, 9], [6]], None, [5, 5]),
        ([[0, 9], [6]], None, [0, 0]),
        ([[3], []], [10, 10], [0, 0]),
    ],
)
def test_numbers_start_anywhere(numbers, frames, firsts):
    assert first_frame([list(each) for each in numbers], frames) == firsts


def test_more_frames_than_the_video():
    with pytest.raises(EpiposeError, match="numbered 5 to 25; the video has 10 frames"):
        first_frame([[5, 25]], [10])
