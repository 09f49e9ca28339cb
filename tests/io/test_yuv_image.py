"""Images in planes against FFmpeg's own conversion to RGB, and against averages of it."""

import av
import cv2
import numpy as np
import pytest

from epipose.detection.roi import Roi
from epipose.io.yuv_image import yuv_image

RNG = np.random.default_rng(0)


def frame(height: int = 96, width: int = 128, format: str = "yuv420p", range_: int = 1) -> av.VideoFrame:
    """Smooth colours within the range that cameras use."""
    small = RNG.uniform(40, 215, (6, 8, 3)).astype(np.uint8)
    image = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    made = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=format)
    made.color_range = range_
    return made


@pytest.mark.parametrize("space", [1, 2, 5, 9])
@pytest.mark.parametrize("format", ["yuv420p", "yuvj420p"])
def test_colours_are_those_of_ffmpeg(space, format):
    image = frame(format=format, range_=2 if format == "yuvj420p" else 1)
    image.colorspace = space
    planar = yuv_image(image, 0)
    assert planar is not None
    apart = planar.shrunk(1).astype(int) - image.to_ndarray(format="rgb24")
    assert np.abs(apart).max() <= 4
    assert np.abs(apart.mean((0, 1))).max() < 1


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("factor", [2, 3, 4, 5, 6, 8])
def test_averages_of_planes_are_averages_of_the_image(turns, factor):
    image = frame(height=240, width=480)
    planar = yuv_image(image, turns)
    rgb = np.ascontiguousarray(np.rot90(image.to_ndarray(format="rgb24"), turns))
    assert planar is not None
    assert planar.shape == rgb.shape
    for rows, columns in ((slice(None), slice(None)), (slice(2 * factor, 120), slice(0, 120))):
        expected = cv2.resize(rgb[rows, columns], None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
        found = planar.shrunk(factor, rows, columns)
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).mean() < 1.2


def test_a_square_is_the_same_from_planes_and_from_rgb():
    image = frame(height=480, width=640)
    planar, rgb = yuv_image(image, 0), image.to_ndarray(format="rgb24")
    for _ in range(50):
        center, side, angle = RNG.uniform(-50, 650, 2), float(RNG.uniform(20, 900)), float(RNG.uniform(-3, 3))
        roi = Roi(center, side, angle)
        assert planar is not None
        assert np.abs(roi.crop(planar, 64).astype(int) - roi.crop(rgb, 64)).mean() < 1.2


def test_a_part_of_the_image_is_enough_for_a_square():
    """The crop as it was made from the whole image, averaged at once."""
    rgb = RNG.integers(0, 255, (300, 400, 3), np.uint8)
    for _ in range(100):
        roi = Roi(RNG.uniform(-60, 420, 2), float(RNG.uniform(10, 700)), float(RNG.uniform(-3, 3)))
        shrink = max(1, min(int(roi.side / 32), 300))
        whole = cv2.resize(rgb, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        center = (roi.center + 0.5) / shrink - 0.5
        linear = roi.axes * (roi.side / shrink / 32)
        matrix = np.column_stack([linear, center - linear @ np.full(2, 31 / 2)])
        expected = cv2.warpAffine(whole, matrix, (32, 32), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        assert np.abs(roi.crop(rgb, 32).astype(int) - expected).max() <= 2


def test_other_formats_and_odd_sizes_are_left_to_ffmpeg():
    assert yuv_image(frame(format="yuv422p"), 0) is None
    assert yuv_image(av.VideoFrame.from_ndarray(np.zeros((5, 6, 3), np.uint8), format="rgb24"), 0) is None
