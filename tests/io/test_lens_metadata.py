"""Focal lengths as files state them, on small files written here."""

import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from epipose.errors import EpiposeError
from epipose.io.images import read_image
from epipose.io.lens_metadata import focal_from
from tests.helpers.videos import video_with_metadata

APPLE = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
DIAGONAL = 43.2666


def write_image(path: Path, tags: dict[int, Any]) -> Path:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update(tags)
    Image.new("RGB", (60, 40)).save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_a_phone_s_video(tmp_path, suffix):
    video_with_metadata(tmp_path / f"a{suffix}", {APPLE: "26", "com.apple.quicktime.model": "a phone"})
    found = focal_from(tmp_path / f"a{suffix}", 1920, 1080)
    assert found is not None
    assert found.pixels == pytest.approx(
        26 / DIAGONAL * 2400, rel=1e-4
    )  # a 4:3 sensor 1920 wide: 2400 from corner to corner
    assert found.sigma >= 0.1
    assert "26 mm" in found.source
    upright = focal_from(tmp_path / f"a{suffix}", 1080, 1920)
    assert upright is not None
    assert upright.pixels == found.pixels


@pytest.mark.parametrize("stated", ["", "-13", "0", "wide", "nan", "1e9"])
def test_absurd_statements_are_none(tmp_path, stated):
    video_with_metadata(tmp_path / "a.mov", {APPLE: stated})
    assert focal_from(tmp_path / "a.mov", 1920, 1080) is None


def test_a_image_in_terms_of_film(tmp_path):
    found = focal_from(write_image(tmp_path / "a.jpg", {41989: 50}), 6000, 4000)
    assert found is not None
    assert found.pixels == pytest.approx(50 / 36 * 6000, rel=1e-4)  # a 3:2 image is the film's frame itself
    assert 0 < found.sigma < 0.15


def test_a_image_by_lens_and_sensor_also_when_it_was_scaled_down(tmp_path):
    # a sensor 24 mm wide with 6000 pixels: 2500 pixels per centimetre
    tags = {37386: 35.0, 41486: 2500.0, 41488: 3, 40962: 6000, 40963: 4000, 41989: 99}
    path = write_image(tmp_path / "a.jpg", tags)
    full, small = focal_from(path, 6000, 4000), focal_from(path, 1500, 1000)
    assert full is not None
    assert small is not None
    assert full.pixels == pytest.approx(35 / 24 * 6000)
    assert small.pixels == pytest.approx(full.pixels / 4)
    assert "35 mm" in full.source


@pytest.mark.parametrize(
    "tags", [{}, {41989: 0}, {37386: 35.0}, {37386: 35.0, 41486: 2500.0, 41488: 7}, {37386: 4.0, 41486: 1e9}]
)
def test_a_image_that_states_too_little(tmp_path, tags):
    assert focal_from(write_image(tmp_path / "a.jpg", tags), 6000, 4000) is None


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "a.jpg").write_text("no image")
    (tmp_path / "a.mov").write_text("no video")
    with pytest.raises(EpiposeError, match="as an image"):
        focal_from(tmp_path / "a.jpg", 60, 40)
    with pytest.raises(EpiposeError, match="as a video"):
        focal_from(tmp_path / "a.mov", 60, 40)


def test_an_image_whose_exif_is_damaged_is_an_image(tmp_path):
    path = write_image(tmp_path / "a.jpg", {41989: 26})
    whole = path.read_bytes()
    at = whole.index(b"Exif\0\0") + 6
    path.write_bytes(whole[:at] + bytes(12) + whole[at + 12 :])
    assert focal_from(path, 60, 40) is None
    assert read_image(path).shape == (40, 60, 3)


def test_an_image_of_too_many_pixels_is_refused_by_its_header(tmp_path):
    Image.new("L", (1, 1)).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[16:24] = (30_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(EpiposeError, match=r"a\.png"):
        read_image(tmp_path / "a.png")
