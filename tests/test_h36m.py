"""The official release of Human3.6M: names, cameras, joints, frames, and what is wrong with files."""

import os
import shutil

import numpy as np
import pytest
import torch

from epipose.data.studio.cameras import h36m_rig
from epipose.datasets import reader_for
from epipose.datasets.base import Choice, TakeReader
from epipose.datasets.footage import frames_shown, step_of
from epipose.datasets.h36m import Human36M
from epipose.datasets.h36m_cameras import find_rigs, read_metadata
from epipose.datasets.h36m_names import KNOWN_BAD, TakeName, action_named, take_of_file
from epipose.datasets.imported import import_take
from epipose.errors import EpiposeError
from epipose.skeletons import H36M17

from h36m_files import (
    CAMERAS,
    PLACES,
    SHIFT,
    SIZES,
    by_opencv,
    person,
    rotation,
    write_cdf,
    write_metadata,
    write_pictures,
    write_take,
    write_video,
)

READER = Human36M()
# The joints of H36M17 by their place among the release's 32, typed out once more.
PLACE_OF = {
    "pelvis": 0, "right_hip": 1, "right_knee": 2, "right_ankle": 3, "left_hip": 6, "left_knee": 7, "left_ankle": 8,
    "spine": 12, "thorax": 13, "neck_nose": 14, "head": 15, "left_shoulder": 17, "left_elbow": 18, "left_wrist": 19,
    "right_shoulder": 25, "right_elbow": 26, "right_wrist": 27,
}  # fmt: skip


@pytest.fixture
def release(tmp_path):
    """S1, S9 and S11, a few takes each, no pictures."""
    write_metadata(tmp_path)
    for subject, stems in {
        1: ("Directions", "Directions 1", "TakingPhoto 1", "WalkingDog", "_ALL", "_ALL 1", "Eating 2"),
        9: ("Greeting", "Greeting 1", "SittingDown", "SittingDown 1", "Waiting", "Waiting 1", "Photo"),
        11: ("Directions",),
    }.items():
        for seed, stem in enumerate(stems):
            write_take(tmp_path, subject, stem, person(6 + seed, seed + 100 * subject))
    return tmp_path


def test_it_is_a_take_reader_and_known_by_its_files(release):
    assert isinstance(READER, TakeReader)
    assert reader_for(release)[0] == "h36m"
    assert not READER.recognises(release / "S1")


def test_takes_are_called_by_subject_action_and_trial(release):
    takes = READER.takes(release, Choice())
    assert [take.name for take in takes] == [
        "S1_Directions_1", "S1_Directions_2", "S1_Eating_1", "S1_Photo_1", "S1_WalkDog_2",
        "S9_Greeting_1", "S9_Greeting_2", "S9_Photo_2", "S9_SittingDown_1", "S9_SittingDown_2", "S9_Waiting_1",
        "S9_Waiting_2", "S11_Directions_2",
    ]  # fmt: skip
    photo = takes[3]
    assert (photo.subject, photo.action, photo.frames, photo.fps) == ("S1", "Photo", 8, 50.0)
    assert photo.pictures == (None,) * 4


def test_the_files_of_trials_are_those_of_the_releases_table():
    assert take_of_file("S5", "Discussion 3") == TakeName("S5", "Discussion", 2)
    assert take_of_file("S11", "Phoning 3") == TakeName("S11", "Phoning", 1)
    assert take_of_file("S9", "SittingDown") == TakeName("S9", "SittingDown", 1)
    assert take_of_file("S9", "Discussion") is None
    assert take_of_file("S1", "_ALL 1") is None
    assert action_named("TakingPhoto") == action_named("Photo") == "Photo"
    files = [
        (s, f"{a} {n}".strip()) for s in ("S1", "S5", "S6", "S7", "S8", "S9", "S11") for a in _SPELT for n in " 123"
    ]
    takes = [take for take in (take_of_file(*file) for file in files) if take is not None]
    assert len(takes) == len(set(takes)) == 7 * 30


_SPELT = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting",
    "SittingDown", "Smoking", "Waiting", "WalkDog", "WalkTogether", "Walking",
)  # fmt: skip


def test_a_choice_of_subjects_actions_views_and_of_what_is_right(release):
    right = READER.takes(release, Choice(subjects=("S9",), known_bad=False))
    assert [take.name for take in right] == ["S9_Greeting_1", "S9_Photo_2", "S9_SittingDown_1", "S9_Waiting_2"]
    assert {str(name) for name in KNOWN_BAD} == {"S9_Greeting_2", "S9_SittingDown_2", "S9_Waiting_1"}
    photos = READER.takes(release, Choice(actions=("TakingPhoto",), views=("60457274", "54138969")))
    assert [take.name for take in photos] == ["S1_Photo_1", "S9_Photo_2"]
    assert photos[0].rig.names == ("60457274", "54138969") == photos[0].truth().poses2d.views
    for wrong in (Choice(subjects=("S2",)), Choice(actions=("Running",)), Choice(views=("1",))):
        with pytest.raises(EpiposeError, match="has no"):
            READER.takes(release, wrong)
    with pytest.raises(EpiposeError, match="is left by this choice"):
        READER.takes(release, Choice(subjects=("S8",)))


def test_the_cameras_are_the_real_ones(release):
    rigs, real = read_metadata(release / "metadata.xml"), h36m_rig()
    assert list(rigs) == [f"S{n}" for n in range(1, 12)]
    rig = rigs["S1"]
    assert rig.metric
    assert rig.upright
    assert rig.names == CAMERAS
    assert torch.equal(rig.camera.size, real.camera.size)
    assert float((rig.camera.K - real.camera.K).abs().max()) < 1e-4
    assert float((rig.camera.distortion - real.camera.distortion).abs().max()) < 1e-6
    assert float((rig.camera.R - real.camera.R).abs().max()) < 2e-6
    assert float((rig.camera.t - real.camera.t).abs().max()) < 1e-4
    centres = (PLACES + 8 * SHIFT)[:, 3:] / 1000
    np.testing.assert_allclose(rigs["S9"].camera.center, centres, atol=1e-9)
    np.testing.assert_allclose(rigs["S9"].camera.R[2], rotation(2), atol=1e-12)


def test_cameras_may_lie_above_or_in_a_folder(release):
    expected = find_rigs(release)["S9"].camera
    (release / "Release-v1.2").mkdir()
    (release / "metadata.xml").rename(release / "Release-v1.2" / "metadata.xml")
    assert torch.equal(find_rigs(release)["S9"].camera.t, expected.t)
    assert torch.equal(find_rigs(release / "Release-v1.2")["S9"].camera.t, expected.t)
    shutil.rmtree(release / "Release-v1.2")
    with pytest.raises(EpiposeError, match=r"no file metadata\.xml"):
        READER.takes(release, Choice())


def test_a_folder_that_may_not_be_read_is_passed_over(release, monkeypatch):
    (release / "lost+found").mkdir()
    (release / "z").mkdir()
    (release / "metadata.xml").rename(release / "z" / "metadata.xml")
    stat = os.stat

    def refused(path, *args, **options):
        if "lost+found/" in os.fspath(path):
            raise PermissionError(13, "Permission denied", path)
        return stat(path, *args, **options)

    monkeypatch.setattr(os, "stat", refused)
    assert len(find_rigs(release)) == 11


def test_a_cameras_json_of_something_else_is_named_and_one_above_is_left_alone(release):
    (release / "metadata.xml").unlink()
    (release.parent / "cameras.json").write_text("[]")
    try:
        assert find_rigs(release) is None
        (release / "cameras.json").write_text('[{"name": "left"}]')
        with pytest.raises(EpiposeError, match=r"cameras\.json is no file of rigs"):
            find_rigs(release)
    finally:
        (release.parent / "cameras.json").unlink()


def test_truth_is_metres_by_name_and_lands_on_the_pixels(release):
    take = READER.takes(release, Choice(subjects=("S9",), actions=("Waiting",)))[0]
    truth, raw = take.truth(), person(11, 905)
    assert take.frames == 11
    assert truth.poses.metric
    assert truth.poses.space == "world"
    assert truth.poses.skeleton == H36M17
    for joint, place in PLACE_OF.items():
        np.testing.assert_allclose(truth.poses.xyz[:, 0, H36M17.index(joint)], raw[:, place] / 1000, atol=1e-6)
    assert bool((truth.poses.conf == 1).all())
    assert bool((truth.poses2d.conf == 1).all())
    pixels = take.rig.camera.spread(2).project(truth.poses.xyz[:, 0].double()[None])
    chosen = raw[:, list(PLACE_OF.values())]
    for view in range(4):
        np.testing.assert_allclose(pixels[view], by_opencv(chosen, view, 9), atol=1e-3)
    # the release's own projection has half of Brown's mixed tangential terms
    beside = (pixels - truth.poses2d.xy[:, :, 0]).abs().amax((0, 1, 2))
    assert 0.001 < float(beside.max()) < 0.4


def test_missing_pixels_and_bad_numbers_have_confidence_0(release):
    folder = release / "S1" / "MyPoseFeatures"
    xyz = person(6)
    xyz[2, 3] = np.nan
    write_cdf(folder / "D3_Positions" / "Directions 1.cdf", xyz)
    (folder / "D2_Positions" / "Directions 1.55011271.cdf").unlink()
    write_cdf(folder / "D2_Positions" / "Directions 1.58860488.cdf", np.ones((4, 64)))
    truth = READER.takes(release, Choice(subjects=("S1",)))[0].truth()
    assert truth.poses.conf[2, 0, 3] == 0
    assert truth.poses.conf.sum() == 6 * 17 - 1
    assert bool(truth.poses.xyz.isfinite().all())
    assert bool(truth.poses2d.xy.isfinite().all())
    assert truth.poses2d.conf.amax((2, 3)).sum(1).tolist() == [6, 0, 4, 6]
    shutil.rmtree(folder / "D2_Positions")
    assert READER.takes(release, Choice(subjects=("S1",)))[0].truth().poses2d is None


def test_videos_and_frames_are_found_by_take_and_camera(release):
    videos = release / "S1" / "Videos"
    videos.mkdir()
    for camera in CAMERAS[:3]:
        (videos / f"TakingPhoto 1.{camera}.mp4").write_bytes(b"")
    for camera in CAMERAS[:2]:
        write_pictures(release / "S1" / "Images" / f"Directions 1.{camera}", "img_{:06d}.jpg", range(1, 7))
    (videos / f"Directions 1.{CAMERAS[3]}.mp4").write_bytes(b"")  # frames are taken where there are some
    directions, _, _, photo, _ = READER.takes(release, Choice(subjects=("S1",)))
    assert photo.pictures == (*(videos / f"TakingPhoto 1.{camera}.mp4" for camera in CAMERAS[:3]), None)
    assert [path.name if path else None for path in directions.pictures] == [
        "Directions 1.54138969", "Directions 1.55011271", None, None
    ]  # fmt: skip


@pytest.mark.parametrize("first", [0, 1])
def test_pictures_may_be_a_choice_of_the_frames(release, first):
    for camera in CAMERAS:
        folder = release / "S1" / "Images" / f"Directions.{camera}"
        write_pictures(folder, "frame_{:06d}.jpg", [first, first + 2, first + 4, first + 6, first + 8])
    take = READER.takes(release, Choice(subjects=("S1",)))[1]
    assert take.name == "S1_Directions_2"  # its 6 poses are of frames 0 to 5; 6 and 8 have none
    assert (take.frames, take.fps, take.step) == (3, 25.0, 2)
    raw = person(6, 100)
    np.testing.assert_allclose(take.truth().poses.xyz[:, 0, 0], raw[[0, 2, 4], 0] / 1000, atol=1e-6)
    assert take.truth().poses2d.xy.shape == (4, 3, 1, 17, 2)


def test_views_may_differ_at_the_end_by_a_second_or_one_picture_and_nowhere_else(tmp_path):
    for name, numbers in {
        "a": [1, 3, 5, 9], "b": [1, 3, 6, 9], "c": [1, 3, 5, 9, 12], "d": range(1, 9), "e": range(1, 69),
        "f": range(1, 70), "g": [1, 65, 129], "h": [1, 65, 129, 193], "i": [1, 65, 129, 193, 257], "j": [3, 5, 9],
    }.items():  # fmt: skip
        write_pictures(tmp_path / name, "s_01_{:06d}.jpg", numbers)

    def shown(*names, fps=50.0):
        return frames_shown([None, *(tmp_path / name for name in names)], fps)

    assert shown("a", "c").tolist() == [0, 2, 4, 8]
    assert shown("d").tolist() == list(range(8))
    assert shown("f", "e").tolist() == list(range(68))
    assert shown("d", "e", fps=60.0).tolist() == list(range(8))
    assert shown("h", "g").tolist() == [0, 64, 128]
    assert [step_of(shown(name)) for name in "adgj"] == [2, 1, 64, 2]
    assert step_of(np.array([0, 64, 192])) == 64
    assert step_of(np.array([0, 9, 64])) == step_of(np.array([7])) == 1
    with pytest.raises(
        EpiposeError, match=r"/b and .*/a do not .*picture 3 is s_01_000006.jpg in .*s_01_000005.jpg in"
    ):
        shown("a", "b")
    with pytest.raises(
        EpiposeError, match=r"/e and .*/d do not .*s_01_000009.jpg in the one, and nothing after .*8.jpg"
    ):
        shown("d", "e")
    with pytest.raises(EpiposeError, match=r"/i and .*/g do not show the same frames"):
        shown("g", "i")
    with pytest.raises(EpiposeError, match=r"/a and .*/j do not show the same frames: picture 1 is"):
        shown("a", "j")


def test_views_that_contradict_each_other_make_no_clip_and_do_not_stop_the_index(release):
    folders = [release / "S1" / "Images" / f"Directions.{camera}" for camera in CAMERAS]
    for folder, camera in zip(folders, CAMERAS, strict=True):
        write_pictures(folder, "img_{:06d}.jpg", range(1, 7), SIZES[1, camera])
    (folders[2] / "img_000003.jpg").unlink()
    takes = READER.takes(release, Choice(subjects=("S1",)))
    assert [take.frames for take in takes[:2]] == [7, 0]
    message = rf"Directions\.{CAMERAS[0]} and .*Directions\.{CAMERAS[2]} do not show the same frames: picture 3 is"
    with pytest.raises(EpiposeError, match=message):
        takes[1].truth()
    with pytest.raises(EpiposeError, match=message):
        import_take(takes[1], release / "clip")
    bad = [finding.words for finding in READER.check(release) if not finding.good]
    assert sum("do not show the same frames" in words for words in bad) == 1


def test_all_of_s7_is_1002_high(tmp_path):
    write_metadata(tmp_path)
    sizes = {name: rig.camera.size.tolist() for name, rig in read_metadata(tmp_path / "metadata.xml").items()}
    for subject in (1, 5, 6, 7, 8, 9, 11):
        assert sizes[f"S{subject}"] == [list(SIZES[subject, camera]) for camera in CAMERAS]
    write_take(tmp_path, 7, "Walking 2", person(3))
    for camera in CAMERAS:
        write_pictures(tmp_path / "S7" / "Images" / f"Walking 2.{camera}", "img_{:06d}.jpg", range(1, 4), (1000, 1002))
    (take,) = READER.takes(tmp_path, Choice())
    assert import_take(take, tmp_path / "clip").is_dir()
    assert not any("pictures of" in finding.words for finding in READER.check(tmp_path))


def test_metadata_says_how_large_pictures_are(tmp_path):
    other = "[1002 1000;1002 1000;1000 1000;1000 1000]"
    write_metadata(tmp_path, {5: other, 7: "[1002 1000;1002 1000;1002 1000;1002 1000]", 9: "[1 2]"})
    rigs = read_metadata(tmp_path / "metadata.xml")
    assert rigs["S5"].camera.size.tolist() == [[1000, 1002], [1000, 1002], [1000, 1000], [1000, 1000]]
    assert rigs["S7"].camera.size.tolist() == [[1000, 1002]] * 4
    assert rigs["S9"].camera.size.tolist() == [list(SIZES[9, camera]) for camera in CAMERAS]


def test_check_compares_the_size_of_pictures_with_the_cameras(release):
    for camera in CAMERAS:
        write_pictures(
            release / "S1" / "Images" / f"Directions 1.{camera}", "img_{:06d}.jpg", range(1, 8), (1000, 1000)
        )
    bad = [finding.words for finding in READER.check(release) if "has pictures of" in finding.words]
    assert [CAMERAS[0] in bad[0], CAMERAS[3] in bad[1], len(bad)] == [True, True, 2]
    assert "has pictures of 1000x1000, its camera has 1000x1002" in bad[0]


def test_numbers_without_leading_zeros_are_in_order(tmp_path):
    write_pictures(tmp_path / "a", "img_{}.jpg", range(1, 12))
    assert frames_shown([tmp_path / "a"], 50.0).tolist() == list(range(11))
    assert frames_shown([None], 50.0) is None


def test_the_damaged_video_is_left_out(release):
    for camera in CAMERAS:
        write_pictures(release / "S11" / "Images" / f"Directions.{camera}", "img_{:06d}.jpg", range(1, 7))
    take = READER.takes(release, Choice(subjects=("S11",)))[0]
    assert [path is None for path in take.pictures] == [True, False, False, False]


def test_a_damaged_file_does_not_stop_the_index_and_is_named(release):
    poses = release / "S1" / "MyPoseFeatures" / "D3_Positions" / "Directions 1.cdf"
    whole = poses.read_bytes()
    for kept in (0, 100, len(whole) // 2, len(whole) - 300):
        poses.write_bytes(whole[:kept])
        take = READER.takes(release, Choice(subjects=("S1",)))[0]
        assert take.name == "S1_Directions_1"
        with pytest.raises(EpiposeError, match=r"Directions 1\.cdf.*again"):
            take.truth()
    bad = [finding.words for finding in READER.check(release) if not finding.good]
    assert any("Directions 1.cdf" in words for words in bad)
    write_cdf(poses, np.ones((5, 64)))
    with pytest.raises(EpiposeError, match="96"):
        READER.takes(release, Choice(subjects=("S1",)))[0].truth()


def test_missing_and_wrong_folders_and_cameras_are_named(release, tmp_path):
    with pytest.raises(EpiposeError, match=r"D3_Positions/Directions 1\.cdf"):
        READER.takes(tmp_path / "nowhere", Choice())
    for text, words in (("<w0>", "cannot be read"), ("<a><w0>[1 2]</w0></a>", "2 numbers"), ("<a/>", "0 numbers")):
        (release / "metadata.xml").write_text(text)
        with pytest.raises(EpiposeError, match=words):
            READER.takes(release, Choice())
        assert any(words in finding.words for finding in READER.check(release) if not finding.good)


def test_check_counts_pictures_and_poses(release):
    for camera in CAMERAS:
        for stem, frames in (("Directions 1", 7), ("Directions", 6), ("TakingPhoto 1", 3)):
            folder = release / "S1" / "Images" / f"{stem}.{camera}"
            write_pictures(folder, "img_{:06d}.jpg", range(1, frames + 1), SIZES[1, camera])
    findings = READER.check(release)
    words = "\n".join(finding.words for finding in findings if not finding.good)
    assert findings[0].good
    assert "S5: no files" in words
    assert "S1: 25 of 30" in words
    assert "no video and no frames of 'WalkingDog' from camera 54138969" in words
    assert "Photo 1.54138969 lacks pictures: it has 3 of 8" in words
    assert "Directions" not in words.replace("D3_Positions", "").split("S5:")[0]
    (release / "S1" / "MyPoseFeatures" / "D2_Positions" / "Directions.54138969.cdf").write_bytes(b"no")
    assert any("Directions.54138969.cdf" in finding.words for finding in READER.check(release) if not finding.good)


def test_check_counts_the_frames_of_videos(release):
    videos = release / "S11" / "Videos"
    for camera, frames in zip(CAMERAS[1:], (6, 9, 4), strict=True):
        write_video(videos / f"Directions.{camera}.mp4", frames, SIZES[11, camera])
    bad = [finding.words for finding in READER.check(release) if finding.words.startswith(str(videos))]
    assert len(bad) == 1  # more frames than poses do no harm, and the damaged video may be missing
    assert "Directions.60457274.mp4 has 4 frames, fewer than the 6 poses" in bad[0]
    broken = videos / f"Directions.{CAMERAS[1]}.mp4"
    broken.write_bytes(broken.read_bytes()[:100])
    assert any(str(broken) in finding.words for finding in READER.check(release) if not finding.good)
