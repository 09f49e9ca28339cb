"""The official release of Human3.6M: names, cameras, joints, frames, and what is wrong with files."""

import os
import shutil

import numpy as np
import pytest
import torch

from epipose.datasets.base import Selection, TakeReader
from epipose.datasets.h36m import Human36M
from epipose.datasets.h36m_cameras import find_rigs, read_metadata
from epipose.datasets.h36m_common import KNOWN_BAD, TakeName, action_named, take_of_file
from epipose.datasets.registry import reader_for
from epipose.errors import EpiposeError
from epipose.formats.rig_json import h36m_rig
from epipose.skeletons import H36M17
from tests.helpers.h36m_files import (
    CAMERAS,
    PLACES,
    SHIFT,
    SIZES,
    by_opencv,
    person,
    rotation,
    write_cdf,
    write_metadata,
    write_release,
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
    """S1, S9 and S11, a few takes each, no images."""
    return write_release(tmp_path)


def test_it_is_a_take_reader_and_known_by_its_files(release):
    assert isinstance(READER, TakeReader)
    assert reader_for(release)[0] == "h36m"
    assert not READER.recognises(release / "S1")


def test_takes_are_called_by_subject_action_and_trial(release):
    takes = READER.takes(release, Selection())
    assert [take.name for take in takes] == [
        "S1_Directions_1", "S1_Directions_2", "S1_Eating_1", "S1_Photo_1", "S1_WalkDog_2",
        "S9_Greeting_1", "S9_Greeting_2", "S9_Photo_2", "S9_SittingDown_1", "S9_SittingDown_2", "S9_Waiting_1",
        "S9_Waiting_2", "S11_Directions_2",
    ]  # fmt: skip
    photo = takes[3]
    assert (photo.subject, photo.action, photo.frames, photo.fps) == ("S1", "Photo", 8, 50.0)
    assert photo.images == (None,) * 4


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
    right = READER.takes(release, Selection(subjects=("S9",), known_bad=False))
    assert [take.name for take in right] == ["S9_Greeting_1", "S9_Photo_2", "S9_SittingDown_1", "S9_Waiting_2"]
    assert {str(name) for name in KNOWN_BAD} == {"S9_Greeting_2", "S9_SittingDown_2", "S9_Waiting_1"}
    photos = READER.takes(release, Selection(actions=("TakingPhoto",), views=("60457274", "54138969")))
    assert [take.name for take in photos] == ["S1_Photo_1", "S9_Photo_2"]
    assert photos[0].rig.names == ("60457274", "54138969") == photos[0].ground_truth().poses2d.views
    for wrong in (Selection(subjects=("S2",)), Selection(actions=("Running",)), Selection(views=("1",))):
        with pytest.raises(EpiposeError, match="has no"):
            READER.takes(release, wrong)
    with pytest.raises(EpiposeError, match="is left by this selection"):
        READER.takes(release, Selection(subjects=("S8",)))


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
        READER.takes(release, Selection())


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
        with pytest.raises(EpiposeError, match=r"cameras\.json cannot be read as a file of rigs"):
            find_rigs(release)
    finally:
        (release.parent / "cameras.json").unlink()


def test_truth_is_metres_by_name_and_lands_on_the_pixels(release):
    take = READER.takes(release, Selection(subjects=("S9",), actions=("Waiting",)))[0]
    truth, raw = take.ground_truth(), person(11, 905)
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
    truth = READER.takes(release, Selection(subjects=("S1",)))[0].ground_truth()
    assert truth.poses.conf[2, 0, 3] == 0
    assert truth.poses.conf.sum() == 6 * 17 - 1
    assert bool(truth.poses.xyz.isfinite().all())
    assert bool(truth.poses2d.xy.isfinite().all())
    assert truth.poses2d.conf.amax((2, 3)).sum(1).tolist() == [6, 0, 4, 6]
    shutil.rmtree(folder / "D2_Positions")
    assert READER.takes(release, Selection(subjects=("S1",)))[0].ground_truth().poses2d is None


def test_metadata_says_how_large_images_are(tmp_path):
    other = "[1002 1000;1002 1000;1000 1000;1000 1000]"
    write_metadata(tmp_path, {5: other, 7: "[1002 1000;1002 1000;1002 1000;1002 1000]", 9: "[1 2]"})
    rigs = read_metadata(tmp_path / "metadata.xml")
    assert rigs["S5"].camera.size.tolist() == [[1000, 1002], [1000, 1002], [1000, 1000], [1000, 1000]]
    assert rigs["S7"].camera.size.tolist() == [[1000, 1002]] * 4
    assert rigs["S9"].camera.size.tolist() == [list(SIZES[9, camera]) for camera in CAMERAS]


def test_a_damaged_file_does_not_stop_the_index_and_is_named(release):
    poses = release / "S1" / "MyPoseFeatures" / "D3_Positions" / "Directions 1.cdf"
    whole = poses.read_bytes()
    for kept in (0, 100, len(whole) // 2, len(whole) - 300):
        poses.write_bytes(whole[:kept])
        take = READER.takes(release, Selection(subjects=("S1",)))[0]
        assert take.name == "S1_Directions_1"
        with pytest.raises(EpiposeError, match=r"Directions 1\.cdf.*again"):
            take.ground_truth()
    bad = [result.message for result in READER.check(release) if not result.ok]
    assert any("Directions 1.cdf" in words for words in bad)
    write_cdf(poses, np.ones((5, 64)))
    with pytest.raises(EpiposeError, match="96"):
        READER.takes(release, Selection(subjects=("S1",)))[0].ground_truth()


def test_missing_and_wrong_folders_and_cameras_are_named(release, tmp_path):
    with pytest.raises(EpiposeError, match=r"D3_Positions/Directions 1\.cdf"):
        READER.takes(tmp_path / "nowhere", Selection())
    for text, words in (("<w0>", "cannot be read"), ("<a><w0>[1 2]</w0></a>", "2 numbers"), ("<a/>", "0 numbers")):
        (release / "metadata.xml").write_text(text)
        with pytest.raises(EpiposeError, match=words):
            READER.takes(release, Selection())
        assert any(words in result.message for result in READER.check(release) if not result.ok)
