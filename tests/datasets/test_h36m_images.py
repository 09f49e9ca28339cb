"""The images of Human3.6M's official release: which frames they show, how large they are, and what is missing."""

import numpy as np
import pytest

from epipose.datasets.base import Selection
from epipose.datasets.h36m import Human36M
from epipose.datasets.h36m_cameras import read_metadata
from epipose.datasets.image_index import frame_step, frames_shown
from epipose.datasets.to_clip import import_take
from epipose.errors import EpiposeError
from tests.helpers.h36m_files import (
    CAMERAS,
    SIZES,
    person,
    write_images,
    write_metadata,
    write_release,
    write_take,
    write_video,
)

READER = Human36M()


@pytest.fixture
def release(tmp_path):
    """S1, S9 and S11, a few takes each, no images."""
    return write_release(tmp_path)


def test_videos_and_frames_are_found_by_take_and_camera(release):
    videos = release / "S1" / "Videos"
    videos.mkdir()
    for camera in CAMERAS[:3]:
        (videos / f"TakingPhoto 1.{camera}.mp4").write_bytes(b"")
    for camera in CAMERAS[:2]:
        write_images(release / "S1" / "Images" / f"Directions 1.{camera}", "img_{:06d}.jpg", range(1, 7))
    (videos / f"Directions 1.{CAMERAS[3]}.mp4").write_bytes(b"")  # frames are taken where there are some
    directions, _, _, photo, _ = READER.takes(release, Selection(subjects=("S1",)))
    assert photo.images == (*(videos / f"TakingPhoto 1.{camera}.mp4" for camera in CAMERAS[:3]), None)
    assert [path.name if path else None for path in directions.images] == [
        "Directions 1.54138969", "Directions 1.55011271", None, None
    ]  # fmt: skip


@pytest.mark.parametrize("first", [0, 1])
def test_images_may_be_a_choice_of_the_frames(release, first):
    for camera in CAMERAS:
        folder = release / "S1" / "Images" / f"Directions.{camera}"
        write_images(folder, "frame_{:06d}.jpg", [first, first + 2, first + 4, first + 6, first + 8])
    take = READER.takes(release, Selection(subjects=("S1",)))[1]
    assert take.name == "S1_Directions_2"  # its 6 poses are of frames 0 to 5; 6 and 8 have none
    assert (take.frames, take.fps, take.step) == (3, 25.0, 2)
    raw = person(6, 100)
    np.testing.assert_allclose(take.ground_truth().poses.xyz[:, 0, 0], raw[[0, 2, 4], 0] / 1000, atol=1e-6)
    assert take.ground_truth().poses2d.xy.shape == (4, 3, 1, 17, 2)


def test_views_may_differ_at_the_end_by_a_second_or_one_image_and_nowhere_else(tmp_path):
    for name, numbers in {
        "a": [1, 3, 5, 9], "b": [1, 3, 6, 9], "c": [1, 3, 5, 9, 12], "d": range(1, 9), "e": range(1, 69),
        "f": range(1, 70), "g": [1, 65, 129], "h": [1, 65, 129, 193], "i": [1, 65, 129, 193, 257], "j": [3, 5, 9],
    }.items():  # fmt: skip
        write_images(tmp_path / name, "s_01_{:06d}.jpg", numbers)

    def shown(*names, fps=50.0):
        return frames_shown([None, *(tmp_path / name for name in names)], fps)

    assert shown("a", "c").tolist() == [0, 2, 4, 8]
    assert shown("d").tolist() == list(range(8))
    assert shown("f", "e").tolist() == list(range(68))
    assert shown("d", "e", fps=60.0).tolist() == list(range(8))
    assert shown("h", "g").tolist() == [0, 64, 128]
    assert [frame_step(shown(name)) for name in "adgj"] == [2, 1, 64, 2]
    assert frame_step(np.array([0, 64, 192])) == 64
    assert frame_step(np.array([0, 9, 64])) == frame_step(np.array([7])) == 1
    with pytest.raises(EpiposeError, match=r"/b and .*/a do not .*image 3 is s_01_000006.jpg in .*s_01_000005.jpg in"):
        shown("a", "b")
    with pytest.raises(
        EpiposeError, match=r"/e and .*/d do not .*s_01_000009.jpg in the one, and nothing after .*8.jpg"
    ):
        shown("d", "e")
    with pytest.raises(EpiposeError, match=r"/i and .*/g do not show the same frames"):
        shown("g", "i")
    with pytest.raises(EpiposeError, match=r"/a and .*/j do not show the same frames: image 1 is"):
        shown("a", "j")


def test_views_that_contradict_each_other_make_no_clip_and_do_not_stop_the_index(release):
    folders = [release / "S1" / "Images" / f"Directions.{camera}" for camera in CAMERAS]
    for folder, camera in zip(folders, CAMERAS, strict=True):
        write_images(folder, "img_{:06d}.jpg", range(1, 7), SIZES[1, camera])
    (folders[2] / "img_000003.jpg").unlink()
    takes = READER.takes(release, Selection(subjects=("S1",)))
    assert [take.frames for take in takes[:2]] == [7, 0]
    message = rf"Directions\.{CAMERAS[0]} and .*Directions\.{CAMERAS[2]} do not show the same frames: image 3 is"
    with pytest.raises(EpiposeError, match=message):
        takes[1].ground_truth()
    with pytest.raises(EpiposeError, match=message):
        import_take(takes[1], release / "clip")
    bad = [result.message for result in READER.check(release) if not result.ok]
    assert sum("do not show the same frames" in words for words in bad) == 1


def test_all_of_s7_is_1002_high(tmp_path):
    write_metadata(tmp_path)
    sizes = {name: rig.camera.size.tolist() for name, rig in read_metadata(tmp_path / "metadata.xml").items()}
    for subject in (1, 5, 6, 7, 8, 9, 11):
        assert sizes[f"S{subject}"] == [list(SIZES[subject, camera]) for camera in CAMERAS]
    write_take(tmp_path, 7, "Walking 2", person(3))
    for camera in CAMERAS:
        write_images(tmp_path / "S7" / "Images" / f"Walking 2.{camera}", "img_{:06d}.jpg", range(1, 4), (1000, 1002))
    (take,) = READER.takes(tmp_path, Selection())
    assert import_take(take, tmp_path / "clip").is_dir()
    assert not any("images of" in result.message for result in READER.check(tmp_path))


def test_check_compares_the_size_of_images_with_the_cameras(release):
    for camera in CAMERAS:
        write_images(release / "S1" / "Images" / f"Directions 1.{camera}", "img_{:06d}.jpg", range(1, 8), (1000, 1000))
    bad = [result.message for result in READER.check(release) if "has images of" in result.message]
    assert [CAMERAS[0] in bad[0], CAMERAS[3] in bad[1], len(bad)] == [True, True, 2]
    assert "has images of 1000x1000, its camera has 1000x1002" in bad[0]


def test_two_images_of_one_number_are_refused(tmp_path):
    for numbers, suffix in (([1, 3], "jpg"), ([1], "png")):
        write_images(tmp_path / "a", f"img_{{:06d}}.{suffix}", numbers)
    with pytest.raises(EpiposeError, match=r"img_000001\.png is out of turn"):
        frames_shown([tmp_path / "a"], 50.0)


def test_numbers_without_leading_zeros_are_in_order(tmp_path):
    write_images(tmp_path / "a", "img_{}.jpg", range(1, 12))
    assert frames_shown([tmp_path / "a"], 50.0).tolist() == list(range(11))
    assert frames_shown([None], 50.0) is None


def test_the_damaged_video_is_left_out(release):
    for camera in CAMERAS:
        write_images(release / "S11" / "Images" / f"Directions.{camera}", "img_{:06d}.jpg", range(1, 7))
    take = READER.takes(release, Selection(subjects=("S11",)))[0]
    assert [path is None for path in take.images] == [True, False, False, False]


def test_check_counts_images_and_poses(release):
    for camera in CAMERAS:
        for stem, frames in (("Directions 1", 7), ("Directions", 6), ("TakingPhoto 1", 3)):
            folder = release / "S1" / "Images" / f"{stem}.{camera}"
            write_images(folder, "img_{:06d}.jpg", range(1, frames + 1), SIZES[1, camera])
    results = READER.check(release)
    words = "\n".join(result.message for result in results if not result.ok)
    assert results[0].ok
    assert "S5: no files" in words
    assert "S1: 25 of 30" in words
    assert "no video and no frames of 'WalkingDog' from camera 54138969" in words
    assert "Photo 1.54138969 lacks images: it has 3 of 8" in words
    assert "Directions" not in words.replace("D3_Positions", "").split("S5:")[0]
    (release / "S1" / "MyPoseFeatures" / "D2_Positions" / "Directions.54138969.cdf").write_bytes(b"no")
    assert any("Directions.54138969.cdf" in result.message for result in READER.check(release) if not result.ok)


def test_check_counts_the_frames_of_videos(release):
    videos = release / "S11" / "Videos"
    for camera, frames in zip(CAMERAS[1:], (6, 9, 4), strict=True):
        write_video(videos / f"Directions.{camera}.mp4", frames, SIZES[11, camera])
    bad = [result.message for result in READER.check(release) if result.message.startswith(str(videos))]
    assert len(bad) == 1  # more frames than poses do no harm, and the damaged video may be missing
    assert "Directions.60457274.mp4 has 4 frames, fewer than the 6 poses" in bad[0]
    broken = videos / f"Directions.{CAMERAS[1]}.mp4"
    broken.write_bytes(broken.read_bytes()[:100])
    assert any(str(broken) in result.message for result in READER.check(release) if not result.ok)
