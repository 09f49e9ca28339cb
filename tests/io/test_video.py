"""Images as people have them: 16 bits of gray, turned by EXIF, far too large."""

import numpy as np
import pytest
from PIL import Image

from epipose.errors import EpiposeError
from epipose.io.images import read_image


@pytest.mark.parametrize("name", ["gray.png", "gray.tif"])
def test_sixteen_bits_of_gray_are_scaled_not_cut_off(tmp_path, name):
    gray = np.linspace(0, 65535, 256).astype(np.uint16).reshape(8, 32)
    Image.fromarray(gray).save(tmp_path / name)
    image = read_image(tmp_path / name)
    assert image.shape == (8, 32, 3)
    np.testing.assert_array_equal(image, np.repeat(np.arange(256).reshape(8, 32, 1), 3, axis=-1))


def test_a_image_is_turned_as_its_exif_asks(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned clockwise by a quarter
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    image = read_image(tmp_path / "a.png")
    assert image.shape == (3, 2, 3)
    assert image[0, 1].tolist() == [255, 255, 255]


def test_a_image_that_is_far_too_large_is_refused(tmp_path, monkeypatch):
    Image.new("RGB", (30, 30)).save(tmp_path / "huge.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(EpiposeError, match=r"huge\.png is too large an image .* Scale it down"):
        read_image(tmp_path / "huge.png")
