"""Detection of damaged videos, of views in parallel, and of views that are kept when a run ends early."""

import json

import numpy as np
import pytest

from epipose import Clip, EpiposeError
from epipose.detection.detect import Detection, detect_keypoints, keypoints_with_notes
from epipose.detection.kept_views import KeptViews
from epipose.skeletons import COCO17
from tests.helpers.videos import moving_square_video
from tests.io.test_damaged_video import FRAMES, level_video, noise, rewritten


class Levels:
    """One person whose joints lie at the mean level of the image; counts images."""

    skeleton = COCO17
    seen: list[float] = []  # noqa: RUF012

    def reset(self):
        pass

    def another(self):
        return Levels()

    def __call__(self, image):
        level = float(image.mean())
        Levels.seen.append(level)
        return [Detection(np.full((17, 2), level) + np.arange(17)[:, None], np.full(17, 0.9), 1.0, None, 0)]


@pytest.fixture
def clip(tmp_path):
    return Clip.from_videos([level_video(tmp_path / f"{name}.mp4", bframes=0) for name in "abc"])


def test_frames_that_cannot_be_decoded_are_not_seen_and_shift_none(clip, tmp_path):
    whole = detect_keypoints(clip, Levels())
    (tmp_path / "bad").mkdir()
    bad = rewritten(clip.views[1].video, tmp_path / "bad" / "b.mp4", lambda k, c: noise(c) if k in (13, 17) else c)
    found = keypoints_with_notes(Clip.from_videos([clip.views[0].video, bad]), Levels())
    assert found.poses.conf[1, [13, 17]].max() == 0
    rest = [k for k in range(FRAMES) if k not in range(13, 20)]  # up to the next key frame images refer to lost ones
    np.testing.assert_allclose(found.poses.xy[1, rest], whole.xy[1, rest], atol=0.5)
    assert (found.poses.conf[1, rest] > 0).all()
    (note,) = found.notes
    assert "View b: 2 of 40 frames cannot be decoded (number 13, 17)" in note


@pytest.mark.parametrize("jobs", [1, 2, 3, 5])
def test_the_keypoints_are_the_same_for_any_number_of_jobs(clip, jobs):
    expected = detect_keypoints(clip, Levels())
    found = detect_keypoints(clip, Levels(), jobs=jobs)
    np.testing.assert_array_equal(found.xy, expected.xy)
    np.testing.assert_array_equal(found.conf, expected.conf)


def test_views_that_are_done_are_not_read_again(clip, tmp_path):
    whole = detect_keypoints(clip, Levels())
    video = clip.views[2].video
    content = video.read_bytes()
    rewritten(video, tmp_path / "none.mp4", lambda k, c: noise(c)).replace(video)
    kept = KeptViews(tmp_path / "detections", {"detector": "levels"})
    with pytest.raises(EpiposeError, match=r"c\.mp4 holds no image that can be decoded"):
        detect_keypoints(clip, Levels(), jobs=1, kept=kept)
    assert sorted(path.name for path in (tmp_path / "detections").iterdir()) == ["a.json", "a.npz", "b.json", "b.npz"]
    video.write_bytes(content)
    Levels.seen.clear()
    found = detect_keypoints(clip, Levels(), kept=kept)
    assert len(Levels.seen) == FRAMES, "the third view alone"
    np.testing.assert_array_equal(found.xy, whole.xy)
    np.testing.assert_array_equal(found.conf, whole.conf)


@pytest.mark.parametrize("change", ["video", "options", "damage", "record"])
def test_what_was_kept_of_something_else_is_made_anew(clip, tmp_path, change):
    kept = KeptViews(tmp_path / "detections", {"detector": "levels"})
    detect_keypoints(clip, Levels(), kept=kept)
    if change == "video":
        level_video(clip.views[0].video, bframes=0, group=5)
    elif change == "options":
        kept = KeptViews(tmp_path / "detections", {"detector": "others"})
    elif change == "damage":
        (tmp_path / "detections" / "a.npz").write_bytes(b"PK")
    else:
        (tmp_path / "detections" / "a.json").write_text(json.dumps([1]))
    Levels.seen.clear()
    detect_keypoints(clip, Levels(), kept=kept)
    assert len(Levels.seen) == (3 * FRAMES if change == "options" else FRAMES)


def test_a_view_with_a_strange_name_is_kept_inside_the_folder(tmp_path):
    clip = Clip.from_videos([moving_square_video(tmp_path / "a.mp4"), moving_square_video(tmp_path / "b:ü%2F.mp4")])
    detect_keypoints(clip, Levels(), kept=KeptViews(tmp_path / "kept", {}))
    assert len(list((tmp_path / "kept").iterdir())) == 4
