"""Image sources: frames of a damaged video keep their places, and the lost ones are named."""

from pathlib import Path

import numpy as np

from epipose.io.image_source import image_source
from tests.io.test_damaged_video import FRAMES, level_video, lost, noise, rewritten


def test_lost_frames_are_named_and_others_stand_in_their_place(tmp_path: Path) -> None:
    whole = level_video(tmp_path / "a.mp4")
    bad = rewritten(whole, tmp_path / "bad.mp4", lambda k, content: noise(content) if k in (13, 14) else content)
    source = image_source(bad)
    assert source.lost == set(), "nothing was read yet"
    images = list(source.read())
    assert source.lost == set(lost(bad)) != set()
    assert len(images) == FRAMES
    assert images[0].shape == (48, 64, 3)
    assert np.allclose([image.mean() / 6 for image in images[:5]], range(5), atol=0.5)
    first = image_source(whole)
    list(first.read())
    assert first.lost == set()
