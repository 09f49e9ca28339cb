"""Image metadata without decoding: sizes, frame numbers, gaps."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epipose.datasets.image_index import ImageHeader, read_header, try_header
from epipose.errors import EpiposeError
from epipose.io.video import FOLDER_FPS, write_video


def test_a_folder_and_a_video_are_measured_alike(tmp_path: Path) -> None:
    folder, video = tmp_path / "cam0", tmp_path / "cam0.mp4"
    folder.mkdir()
    for k in range(3):
        Image.new("RGB", (64, 48)).save(folder / f"{k}.png")
    (folder / "1.png").write_bytes(b"not looked at")
    write_video(video, (np.zeros((48, 64, 3), np.uint8) for _ in range(3)), 50.0)
    assert read_header(folder) == ImageHeader(64, 48, 3, FOLDER_FPS)
    assert read_header(video) == try_header(video) == ImageHeader(64, 48, 3, 50.0)


def test_frames_that_a_header_does_not_state_are_counted(tmp_path: Path) -> None:
    video = tmp_path / "a.mkv"
    write_video(video, (np.zeros((48, 64, 3), np.uint8) for _ in range(7)), 25.0)
    assert try_header(video) == ImageHeader(64, 48, 7, 25.0)


@pytest.mark.parametrize(("name", "what"), [("cam0/0.png", "an image"), ("cam0.mp4", "a video")])
def test_what_cannot_be_read_is_named_by_one_and_nothing_to_the_other(tmp_path: Path, name: str, what: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"damaged")
    shown = tmp_path / name.partition("/")[0]
    with pytest.raises(EpiposeError, match=rf"{shown.name}.* cannot be read as {what}"):
        read_header(shown)
    assert try_header(shown) is None
    assert try_header(None) is None
    with pytest.raises(EpiposeError, match=r"none\.mp4"):
        read_header(tmp_path / "none.mp4")
