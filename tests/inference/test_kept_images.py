"""Images kept for overlays: all of a video's on disk and few in memory, of photos those of the sheet."""

from pathlib import Path

import cv2
import numpy as np

from epipose.inference.kept_images import KeptImages, sheet_rows
from epipose.io.image_source import ImageSource


def _images(count: int) -> list[np.ndarray]:
    ramp = np.linspace(0, 255, 480, dtype=np.uint8)
    flat = np.stack(np.broadcast_arrays(ramp[:320, None], ramp[None, :], np.uint8(90)), -1)
    return [np.roll(flat, 7 * k, 0) for k in range(count)]


def _source(count: int, fps: float | None) -> ImageSource:
    return ImageSource(None, count, lambda: iter(_images(count)), fps)


def test_a_video_comes_back_whole_small_and_in_order(tmp_path: Path) -> None:
    kept = KeptImages(_source(20, 25.0), tmp_path / "out")
    images = _images(20)
    for image in images:
        kept.add(image)
    for _ in range(2):
        back = dict(kept)
        assert list(back) == list(range(20))
        for number, image in enumerate(images):
            expected = cv2.resize(image, (960, 640), interpolation=cv2.INTER_LINEAR)
            assert np.abs(back[number].astype(int) - expected).mean() < 2
    kept.close()


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    kept = KeptImages(_source(3, 25.0), tmp_path)
    kept.add(_images(1)[0])
    assert list(tmp_path.iterdir()) == [], "the file has no name: it ends with the process"
    kept.close()


def test_of_photos_those_of_the_sheet_are_kept_as_they_are(tmp_path: Path) -> None:
    kept = KeptImages(_source(100, None), tmp_path)
    for image in _images(100):
        kept.add(image)
    assert [number for number, _ in kept] == sheet_rows(100)
    assert len(sheet_rows(100)) == 12
    assert sheet_rows(1) == [0]
    kept.close()
