from importlib.metadata import EntryPoint
from pathlib import Path
from time import sleep

import numpy as np
import pytest

import epipose.detection.registry as package
from epipose import Clip, EpiposeError
from epipose.detection.detect import Detection, Detector, detect_keypoints, detector_named, resolved_name
from epipose.detection.tracklets import Tracklet, link_detections, tracklets_from_detections, undo_swaps
from epipose.network import blazepose_weights as weights_module
from epipose.skeletons import BLAZEPOSE33, COCO17, H36M17
from tests.helpers.videos import moving_square_video


class Marks:
    """Says that a person stands where the image is bright; the first one is seen for the first half only."""

    skeleton = COCO17

    def __init__(self):
        self.resets = 0

    def reset(self):
        self.resets += 1
        self.frame = -1

    def __call__(self, image):
        self.frame += 1
        rows, columns = np.nonzero(image[..., 0] > 128)
        if not len(rows):
            return []
        return [person(columns.mean(), rows.mean(), 0), *([person(5, 5, 7)] if self.frame < 4 else [])]


def person(x, y, track, size=8.0):
    spread = np.linspace(-size, size, 17)[:, None] * np.array([0.5, 1])
    return Detection(np.array([x, y]) + spread, np.full(17, 0.9), 1.0, np.zeros((17, 3)), track)


def plugin():
    return Marks()


def test_all_views_become_tracks_longest_first(tmp_path):
    clip = Clip.from_videos([moving_square_video(tmp_path / "a.mp4"), moving_square_video(tmp_path / "b.mp4")])
    detector = Marks()
    assert isinstance(detector, Detector)
    poses = detect_keypoints(clip, detector)
    assert poses.views == ("a", "b")
    assert poses.xy.shape == (2, 8, 2, 17, 2)
    assert poses.xyz is not None
    assert detector.resets == 2
    middle = poses.xy[0, :, 0, 8]
    np.testing.assert_allclose(middle[:, 0], 17.5 + 3 * np.arange(8), atol=1)
    np.testing.assert_allclose(middle[:, 1], 23.5, atol=1)
    assert poses.conf[1, :, 1].any(-1).tolist() == [True] * 4 + [False] * 4
    assert poses.conf.max() <= 1


def test_a_view_without_anybody_is_named(tmp_path):
    clip = Clip.from_videos(
        [moving_square_video(tmp_path / "dark.mp4", bright=False), moving_square_video(tmp_path / "light.mp4")]
    )
    detector = Marks()
    with pytest.raises(EpiposeError, match="No person was found in view 'dark'"):
        detect_keypoints(clip, detector)
    assert detector.resets == 1, "said before the next view is decoded"


class SeveralMarks(Marks):
    """The same, for several videos at once."""

    def another(self):
        return SeveralMarks()


def test_views_read_at_the_same_time_are_as_those_read_in_turn(tmp_path):
    paths = [moving_square_video(tmp_path / f"{name}.mp4", frames=8) for name in "abcde"]
    clip = Clip.from_videos(paths)
    in_turn, at_once = detect_keypoints(clip, Marks()), detect_keypoints(clip, SeveralMarks())
    np.testing.assert_array_equal(in_turn.xy, at_once.xy)
    np.testing.assert_array_equal(in_turn.conf, at_once.conf)
    moving_square_video(tmp_path / "b.mp4", frames=5)
    with pytest.raises(EpiposeError, match=r"b.mp4 ends after 5 frames"):
        detect_keypoints(clip, SeveralMarks())


def test_the_other_views_stop_where_one_shows_nobody(tmp_path):
    read = []

    class Slow(SeveralMarks):
        def another(self):
            return Slow()

        def __call__(self, image):
            read.append(1)
            sleep(0.001 if image.max() < 128 else 0.05)
            return super().__call__(image)

    clip = Clip.from_videos(
        [moving_square_video(tmp_path / "dark.mp4", bright=False), moving_square_video(tmp_path / "light.mp4")]
    )
    with pytest.raises(EpiposeError, match="No person was found in view 'dark'"):
        detect_keypoints(clip, Slow())
    assert len(read) < 16


def test_a_video_shorter_than_its_clip(tmp_path):
    clip = Clip.from_videos([moving_square_video(tmp_path / "a.mp4"), moving_square_video(tmp_path / "b.mp4")])
    moving_square_video(tmp_path / "b.mp4", frames=5)
    with pytest.raises(EpiposeError, match=r"b.mp4 ends after 5 frames, but it promises 8"):
        detect_keypoints(clip, Marks())


def test_detectors_by_name(monkeypatch):
    with pytest.raises(EpiposeError, match="no detector 'openpose'; there are auto, blazepose, blazepose-full"):
        detector_named("openpose")
    monkeypatch.setitem(package.DETECTORS, "marks", f"{__name__}:plugin")
    assert isinstance(detector_named("marks"), Marks)
    point = EntryPoint("theirs", f"{__name__}:plugin", "epipose.detectors")
    monkeypatch.setattr(package, "entry_points", lambda group: [point])
    assert isinstance(detector_named("theirs"), Marks)


def test_the_built_in_detectors_exist():
    import importlib

    for place in package.DETECTORS.values():
        module, _, function = place.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_names_that_stand_for_others_are_resolved(monkeypatch):
    for variant in ("heavy", "full"):
        monkeypatch.setattr(weights_module, "best_cached", lambda variant=variant: variant)
        assert resolved_name("blazepose") == f"blazepose-{variant}"
        for cached, finder in ((True, f"blazepose-{variant}"), (False, "pretrained")):
            monkeypatch.setattr(weights_module, "any_cached", lambda cached=cached: cached)
            assert resolved_name("auto") == finder
    assert resolved_name("blazepose-full") == "blazepose-full"
    assert resolved_name("theirs") == "theirs"


def walk(start, frames, track, x=50.0, speed=2.0):
    return {k: person(x + speed * k, 100, track, size=60) for k in range(start, start + frames)}


def frames_of(*walks, count=40):
    return [[walk[k] for walk in walks if k in walk] for k in range(count)]


def test_a_track_that_breaks_off_goes_on_under_another_number():
    (track,) = tracklets_from_detections(frames_of(walk(0, 15, 0), walk(20, 20, 3)), 17, fps=20.0)
    assert track.seen.tolist() == [*range(15), *range(20, 40)]
    np.testing.assert_allclose(track.xy[30, 8], [110, 100])


@pytest.mark.parametrize(
    "second",
    [walk(20, 20, 3, x=400), walk(10, 30, 3, x=55), walk(36, 4, 3)],
    ids=["elsewhere", "at the same time", "too late"],
)
def test_another_person_is_not_taken_for_a_continuation(second):
    assert len(tracklets_from_detections(frames_of(walk(0, 15, 0), second), 17, fps=20.0)) == 2


def test_flickers_are_dropped_but_not_in_a_single_image():
    assert len(tracklets_from_detections(frames_of(walk(0, 40, 0), walk(7, 2, 1, x=400)), 17, fps=20.0)) == 1
    assert len(tracklets_from_detections([[person(5, 5, 0)]], 17, fps=20.0)) == 1
    assert tracklets_from_detections([[], []], 17, fps=20.0) == []


def test_people_without_numbers_are_linked_by_nearness():
    frames = frames_of(walk(0, 40, -1), walk(0, 40, -1, x=300, speed=-2), count=40)
    shuffled = [list(reversed(people)) if k % 3 else people for k, people in enumerate(frames)]
    numbered = link_detections(shuffled)
    for k, people in enumerate(numbered):
        places = {p.track: p.xy[8, 0] for p in people}
        assert places == pytest.approx({0: 50 + 2 * k, 1: 300 - 2 * k})


def test_nothing_heavy_is_imported_before_it_is_used():
    import subprocess
    import sys

    code = "import epipose.detection.detect, sys; assert 'onnxruntime' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)


def test_one_person_of_the_frame_before_is_continued_by_one_only():
    numbered = link_detections(
        [[person(50, 100, -1, size=60)], [person(58, 100, -1, size=60), person(51, 100, -1, size=60)]]
    )
    assert [p.track for p in numbered[1]] == [1, 0]


def test_left_and_right_confused_for_a_while_are_put_right():
    xy = np.stack([person(50.0 + k, 100, 0, size=60).xy for k in range(40)])
    flip = list(COCO17.flip)
    wrong = xy.copy()
    for stretch in (slice(5, 6), slice(10, 25)):
        wrong[stretch] = wrong[stretch][:, flip]
    track = undo_swaps(Tracklet(wrong, np.full((40, 17), 0.9), None), flip, fps=20.0)
    np.testing.assert_array_equal(track.xy, xy)
    half = np.concatenate([xy[:20], xy[20:, flip]])  # never swapped back: which half is right is not known
    np.testing.assert_array_equal(undo_swaps(Tracklet(half, np.full((40, 17), 0.9), None), flip, fps=20.0).xy, half)


@pytest.mark.parametrize(
    ("wrong", "left"),
    [
        ([(0, 1)], []),  # the first image, in which a detector knows nobody yet
        ([(0, 1), (30, 31), (33, 36)], []),
        ([(36, 40)], []),
        ([(20, 40)], [(20, 40)]),  # either half may be the right one
        ([(12, 13), (15, 23), (29, 40)], [(29, 40)]),  # left alone at the end, where no later moment tells
    ],
)
def test_the_longest_stretch_between_swaps_is_taken_for_right(wrong, left):
    xy = np.stack([person(50.0 + k, 100, 0, size=60).xy for k in range(40)])
    flip = list(COCO17.flip)
    seen, expected = xy.copy(), xy.copy()
    for images, stretches in ((seen, wrong), (expected, left)):
        for start, end in stretches:
            images[start:end] = images[start:end][:, flip]
    found = undo_swaps(Tracklet(seen, np.full((40, 17), 0.9), None), flip, fps=20.0)
    np.testing.assert_array_equal(found.xy, expected)


def test_joints_that_are_not_seen_do_not_look_like_a_swap():
    """The right side is hidden twice and lies, without confidence, where the left side was the frame before."""
    xy = np.stack([person(50.0 + 2 * k, 100, 0, size=60).xy for k in range(40)])
    conf = np.full((40, 17), 0.9)
    right, left = [2, 4, 6, 8, 10, 12, 14, 16], [1, 3, 5, 7, 9, 11, 13, 15]
    for k in (10, 20):
        xy[k, right], conf[k, right] = xy[k - 1, left], 0
    track = undo_swaps(Tracklet(xy, conf, None), COCO17.flip, fps=20.0)
    np.testing.assert_array_equal(track.conf, conf)
    np.testing.assert_array_equal(track.xy, xy)


class Unnumbered(Marks):
    """Finds two people in every image, in changing order, without numbers, as many detectors do."""

    def __call__(self, image):
        self.frame += 1
        both = [person(100 + 2 * self.frame, 50, -1), person(30, 80, -1)]
        return both[:: 1 if self.frame % 2 else -1]


class Batched(Unnumbered):
    """The same, several images at once."""

    batch_size = 3

    def __init__(self):
        super().__init__()
        self.sizes = []

    def batch(self, images):
        self.sizes.append(len(images))
        return [self(image) for image in images]


def test_people_without_numbers_are_not_merged_into_one(tmp_path):
    clip = Clip.from_videos([moving_square_video(tmp_path / "a.mp4"), moving_square_video(tmp_path / "b.mp4")])
    poses = detect_keypoints(clip, Unnumbered())
    assert poses.xy.shape[2] == 2
    for view in poses.xy[..., 8, :].numpy():
        walker, other = sorted((view[:, 0], view[:, 1]), key=lambda path: -path[0, 0])
        np.testing.assert_allclose(walker, [[100 + 2 * k, 50] for k in range(8)])
        np.testing.assert_allclose(other, [[30, 80]] * 8)


def test_people_with_and_without_numbers_in_one_video():
    frames = [[person(30, 80, 4), person(100 + k, 50, -1)] for k in range(8)]
    tracks = tracklets_from_detections(frames, 17, 25.0)
    assert sorted(round(float(track.xy[0, 8, 0])) for track in tracks) == [30, 100]
    assert all(len(track.seen) == 8 for track in tracks)


def test_a_detector_that_takes_batches_gets_them(tmp_path):
    clip = Clip.from_videos([moving_square_video(tmp_path / "a.mp4"), moving_square_video(tmp_path / "b.mp4")])
    detector = Batched()
    np.testing.assert_array_equal(detect_keypoints(clip, detector).xy, detect_keypoints(clip, Unnumbered()).xy)
    assert detector.sizes == [3, 3, 2] * 2


def test_a_skeleton_that_cannot_be_used_fails_before_a_frame_is_read(tmp_path):
    clip = Clip.from_videos([moving_square_video(tmp_path / "a.mp4"), moving_square_video(tmp_path / "b.mp4")])
    detector = Marks()
    detector.skeleton = "coco17"
    with pytest.raises(EpiposeError, match="its skeleton is 'coco17'"):
        detect_keypoints(clip, detector)
    assert detector.resets == 0


def test_people_with_another_number_of_joints_are_refused_in_the_first_frame(tmp_path):
    clip = Clip.from_videos([moving_square_video(tmp_path / "a.mp4"), moving_square_video(tmp_path / "b.mp4")])
    detector = Marks()
    detector.skeleton = H36M17
    assert detect_keypoints(clip, detector).xy.shape[-2] == 17
    detector.skeleton = BLAZEPOSE33
    with pytest.raises(EpiposeError, match=r"xy of shape \(17, 2\).*blazepose33 has 33 joints"):
        detect_keypoints(clip, detector)
    assert detector.frame == 0
