"""Detection in some of the frames: the same keypoints at the same moments as detection in all of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import epipose.detection.registry as registry
from epipose import Clip, EpiposeError
from epipose.pipeline import sampled
from epipose.pipeline.detect import detect
from epipose.pipeline.options import DetectOptions
from epipose.pipeline.stages import detect_clip, label_clip
from epipose.sync import offsets as offsets_module
from tests.helpers.dot_videos import Dots, videos

LATE, FPS = (0, 3, 0, 5), 25.0


class CountingDots(Dots):
    """`Dots` that count the images they are given."""

    images = 0

    def another(self):
        """The same for another video."""
        return CountingDots()

    def __call__(self, image):
        """See `Dots`."""
        CountingDots.images += 1
        return super().__call__(image)


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return videos(tmp_path_factory.mktemp("dots"), frames=150, fps=FPS, late=LATE)


@pytest.fixture
def clip(footage, monkeypatch):
    monkeypatch.setitem(registry.DETECTORS, "dots", f"{__name__}:CountingDots")
    monkeypatch.setattr(sampled, "BURST_MOMENTS", 36)
    monkeypatch.setattr(sampled, "COMMON_SECONDS", 1.5)
    CountingDots.images = 0
    return Clip.from_videos(footage)


def test_every_nth_moment_has_the_keypoints_of_all(clip):
    whole = detect(clip, detector="dots", max_offset=0.5)
    CountingDots.images = 0
    some = detect(clip, detector="dots", every=5, max_offset=0.5)
    assert [view.start for view in some.clip.views] == [view.start for view in whole.clip.views]
    assert (some.clip.fps, some.clip.frames) == (5.0, -(-whole.clip.frames // 5))
    np.testing.assert_allclose(some.clip.moments, whole.clip.moments[::5])
    torch.testing.assert_close(some.keypoints.xy[:, :, 0], whole.keypoints.xy[:, ::5, 0])
    torch.testing.assert_close(some.keypoints.conf[:, :, 0], whole.keypoints.conf[:, ::5, 0])
    assert CountingDots.images < 4 * (29 + 51), "a stretch of two seconds for the offsets, and a fifth of the moments"


def test_cameras_get_a_stretch_and_bursts_over_the_whole_recording(clip):
    whole = detect(clip, detector="dots", max_offset=0.5)
    CountingDots.images = 0
    some = detect(clip, detector="dots", every=0, max_offset=0.5)
    assert [view.start for view in some.clip.views] == [view.start for view in whole.clip.views]
    assert (some.clip.fps, some.clip.frames) == (whole.clip.fps, whole.clip.frames)
    seen = (some.keypoints.conf[:, :, 0] > 0).any(-1).all(0)
    assert 60 < int(seen.sum()) < 90
    assert bool(seen[-2:].all())
    assert bool(seen[:2].all())
    torch.testing.assert_close(some.keypoints.xy[:, seen, 0], whole.keypoints.xy[:, seen, 0])
    assert CountingDots.images < 4 * 100
    assert f"{CountingDots.images} of {sum(view.frames for view in clip.views)} frames were looked at" in str(
        some.warnings
    )


def test_offsets_that_are_known_need_no_stretch_for_them(clip, monkeypatch):
    monkeypatch.setattr(sampled, "offsets_in_stretch", None)
    starts = tuple(late / FPS for late in LATE)
    some = detect(clip, detector="dots", every=0, offsets=starts)
    assert [round(view.start * FPS) for view in some.clip.views] == list(LATE)
    assert some.keypoints.conf.any()


def test_offsets_come_from_sound_where_it_is_clear(clip, monkeypatch):
    starts = tuple(late / FPS for late in LATE)
    heard = replace(offsets_module._by_hand(starts, 4), method="sound")
    monkeypatch.setattr(offsets_module, "_by_sound", lambda clip, most: heard)
    monkeypatch.setattr(sampled, "offsets_in_stretch", None)
    assert detect(clip, detector="dots", every=0).report.sync.method == "sound"


def test_moments_between_the_frames_of_a_view_are_read_between_them(clip):
    starts = tuple(late / FPS + shift for late, shift in zip(LATE, (0.0, 0.016, 0.0, 0.008), strict=True))
    whole = detect(clip, detector="dots", offsets=starts)
    for every in (0, 4):
        some = detect(clip, detector="dots", every=every, offsets=starts)
        of_whole = whole.keypoints.xy[:, :: every or 1, 0], whole.keypoints.conf[:, :: every or 1, 0]
        seen = some.keypoints.conf[:, :, 0] > 0
        assert seen.any(-1).any(-1).all()
        torch.testing.assert_close(some.keypoints.xy[:, :, 0][seen], of_whole[0][seen])
        torch.testing.assert_close(some.keypoints.conf[:, :, 0][seen], of_whole[1][seen])


def test_the_stage_records_what_was_looked_at_and_labels_refuse_too_little(footage, clip, tmp_path):
    out = tmp_path / "clip"
    asked = DetectOptions(detector="dots", every=0, max_offset=0.5)
    assert detect_clip(footage, out, asked)
    assert not detect_clip(footage, out, replace(asked, jobs=1)), "the same for any number of jobs"
    with pytest.raises(EpiposeError, match=r"too few for\s+labels. Detect the videos into another folder"):
        label_clip(out)
    assert detect_clip(footage, out, replace(asked, every=1))


def test_all_of_a_short_clip_is_detected_where_few_frames_are_enough(clip, monkeypatch):
    monkeypatch.setattr(sampled, "BURST_MOMENTS", 80)
    found = detect(clip, detector="dots", every=0, max_offset=0.5)
    assert found.options.every == 1
    assert CountingDots.images == sum(view.frames for view in clip.views)


def test_nonsense_is_refused_before_any_work(clip):
    for asked in ({"every": -1}, {"jobs": -2}, {"every": 3, "poses": "x.npz"}):
        with pytest.raises(EpiposeError, match=r"every|jobs"):
            detect(clip, detector="dots", **asked)
    assert CountingDots.images == 0
