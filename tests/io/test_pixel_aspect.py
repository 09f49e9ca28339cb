"""Non-square pixels: every reader of a video's size and frames sees the display size."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from epipose import Clip, EpiposeError, Rig
from epipose.calibration.intrinsics import assumed_intrinsics, intrinsics_from
from epipose.camera import assumed_camera, stack_cameras
from epipose.datasets.image_index import read_header
from epipose.io.image_source import image_source
from epipose.io.video import probe, read_frames, square_size, stored_size
from tests.helpers.videos import anamorphic_video


def bright(image):
    """Left, right, top and bottom edge of what is bright, in pixels."""
    level = image.astype(float).mean(-1) / 255
    across, down = level.max(0), level.max(1)
    return [np.interp(0.5, *ends) for line in (across, down) for ends in edges(line)]


def edges(line):
    top = int(np.argmax(line > 0.9))
    last = len(line) - 1 - int(np.argmax(line[::-1] > 0.9))
    yield line[max(0, top - 4) : top + 1], np.arange(max(0, top - 4), top + 1)
    yield line[last : last + 5][::-1], np.arange(last, last + 5)[::-1]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize(("aspect", "shown"), [("4/3", (64, 64)), ("2/3", (48, 96)), ("10/11", (48, 70))])
def test_frames_and_probe_agree_on_the_display_size(tmp_path, ending, aspect, shown):
    path = anamorphic_video(tmp_path / f"a.{ending}", Fraction(aspect))
    info = probe(path)
    assert (info.width, info.height) == shown
    assert info.sample_aspect_ratio == pytest.approx(float(Fraction(aspect)))
    images = list(read_frames(path, [0, 2, 2]))
    assert [image.shape for image in images] == [(shown[1], shown[0], 3)] * 3
    header = read_header(path)
    assert (header.width, header.height) == shown
    assert next(iter(image_source(path).read())).shape == (shown[1], shown[0], 3)


def test_the_image_is_stretched_about_pixel_centres(tmp_path):
    """Stored edges lie between pixels 15 and 16, and 31 and 32: 15.5 and 31.5, which Camera.resized moves as well."""
    square, wide = (
        next(read_frames(anamorphic_video(tmp_path / f"{name}.mp4", Fraction(aspect))))
        for name, aspect in (("square", "1"), ("wide", "4/3"))
    )
    left, right, top, bottom = bright(square)
    expected = [(left + 0.5) * 4 / 3 - 0.5, (right + 0.5) * 4 / 3 - 0.5, top, bottom]
    np.testing.assert_allclose(bright(wide), expected, atol=0.15)


def test_stretched_before_it_is_turned_upright(tmp_path):
    path = anamorphic_video(tmp_path / "a.mp4", Fraction(4, 3), size=(48, 32), turned=True)
    info = probe(path)
    assert (info.width, info.height) == (32, 64)
    assert info.sample_aspect_ratio == pytest.approx(3 / 4)
    assert stored_size(info.width, info.height, info.sample_aspect_ratio) == (32, 48)
    image = next(read_frames(path))
    assert image.shape == (64, 32, 3)
    # The top quarter to half of what is stored lies at the right after a turn clockwise.
    left, right, top, bottom = bright(image)
    np.testing.assert_allclose([left, right], [31 - 15.5, 31 - 7.5], atol=0.5)
    np.testing.assert_allclose([top, bottom], [16 * 4 / 3 - 0.5, 32 * 4 / 3 - 0.5], atol=0.5)


@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(0, 1), Fraction(1004, 1000)])
def test_pixels_that_are_nearly_square_or_unknown_are_left_alone(tmp_path, aspect):
    path = anamorphic_video(tmp_path / "a.mp4", aspect)
    assert probe(path) == replace(probe(path), width=48, height=64, sample_aspect_ratio=1.0)
    assert next(read_frames(path)).shape == (64, 48, 3)


def test_stored_and_shown_sizes_are_inverse():
    for aspect in (4 / 3, 3 / 4, 16 / 11, 1.0):
        assert stored_size(*square_size(720, 576, aspect), aspect) == (720, 576)


def test_views_have_the_display_size_and_the_clip_file_keeps_the_flag(tmp_path):
    paths = [anamorphic_video(tmp_path / f"{name}.mp4", Fraction(4, 3)) for name in "ab"]
    Clip.from_videos(paths).save(tmp_path / "clip")
    clip = Clip.load(tmp_path / "clip")
    assert [(view.width, view.height) for view in clip.views] == [(64, 64)] * 2
    assert [view.stored_size for view in clip.views] == [(48, 64)] * 2
    assert next(clip.read(clip.views[0])).shape == (64, 64, 3)
    camera = assumed_intrinsics(clip)[0].camera
    assert camera.size.tolist() == [[64, 64]] * 2
    assert torch.equal(camera.K[:, 0, 0], camera.K[:, 1, 1])


def test_a_clip_made_of_the_stored_size_is_refused(tmp_path):
    paths = [anamorphic_video(tmp_path / f"{name}.mp4", Fraction(4, 3)) for name in "ab"]
    clip = Clip.from_videos(paths)
    narrow = replace(clip.views[0], width=48)
    with pytest.raises(EpiposeError, match=r"has images of 64x64 .* says 48x64. Make the clip again"):
        next(replace(clip, views=(narrow, clip.views[1])).read(narrow))


def test_intrinsics_at_the_stored_size_are_told_of_the_display_size(tmp_path):
    clip = Clip.from_videos([anamorphic_video(tmp_path / f"{name}.mp4", Fraction(4, 3)) for name in "ab"])
    stored = Rig(("a", "b"), stack_cameras([assumed_camera(48, 64)] * 2))
    with pytest.raises(EpiposeError, match=r"48x64 .*non-square pixels .*ratio 1.333.*display size, 64x64"):
        intrinsics_from(stored, clip)
    shown = replace(stored, camera=stored.camera.resized(64, 64))
    assert intrinsics_from(shown, clip)[0].camera.size.tolist() == [[64, 64]] * 2


@pytest.mark.parametrize("aspect", [Fraction(40), Fraction(1, 40)])
def test_a_ratio_that_no_camera_has_is_an_error(tmp_path, aspect):
    path = anamorphic_video(tmp_path / "a.mp4", aspect)
    with pytest.raises(EpiposeError, match=r"a\.mp4 states pixels .* times as wide as high"):
        probe(path)
