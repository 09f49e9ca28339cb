"""Human3.6M's preprocessed layouts: folders of frames with JSON."""

import json

import numpy as np
import pytest
import torch

from epipose.datasets.base import Selection, TakeReader
from epipose.datasets.h36m_cameras import distortion_of
from epipose.datasets.h36m_processed import Human36MProcessed
from epipose.datasets.registry import reader_for
from epipose.datasets.to_clip import import_take
from epipose.errors import EpiposeError
from epipose.formats.rig_json import h36m_rig
from epipose.skeletons import H36M17
from tests.helpers.h36m_files import (
    CAMERAS,
    LENSES,
    SIZES,
    by_opencv,
    person,
    rotation,
    write_images,
    write_json_layout,
)

READER = Human36MProcessed()
JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]


def folder_name(subject, act, trial, camera):
    return f"s_{subject:02d}_act_{act:02d}_subact_{trial:02d}_ca_{camera:02d}"


def write_take(root, subject, act, trial, numbers, cameras=(1, 2, 3, 4)):
    for camera in cameras:
        name = folder_name(subject, act, trial, camera)
        write_images(root / "images" / name, name + "_{:06d}.jpg", numbers, SIZES[subject, CAMERAS[camera - 1]])


@pytest.fixture
def parsed(tmp_path):
    """S1 and S9 in the JSON layout."""
    write_json_layout(tmp_path, 1, {(2, 1): person(6, 1)[:, JOINTS], (12, 2): person(9, 2)[:, JOINTS]})
    write_json_layout(tmp_path, 9, {(5, 2): person(7, 3)[:, JOINTS], (16, 1): person(8, 4)[:, JOINTS]})
    write_take(tmp_path, 1, 2, 1, range(1, 7))
    write_take(tmp_path, 1, 12, 2, range(1, 10, 4), (1, 3, 4))
    write_take(tmp_path, 9, 5, 2, range(1, 8))
    write_take(tmp_path, 9, 16, 1, range(1, 9))
    return tmp_path


def test_json_takes_are_found_by_their_folders(parsed):
    assert isinstance(READER, TakeReader)
    assert reader_for(parsed)[0] == "h36m-processed"
    takes = READER.takes(parsed, Selection())
    assert [(take.name, take.frames, take.fps, take.step) for take in takes] == [
        ("S1_Directions_1", 6, 50.0, 1), ("S1_Photo_2", 3, 12.5, 4), ("S9_Greeting_2", 7, 50.0, 1),
        ("S9_WalkTogether_1", 8, 50.0, 1),
    ]  # fmt: skip
    photo = takes[1]
    assert photo.action == "Photo"
    assert photo.images[1] is None
    assert photo.images[2] == parsed / "images" / folder_name(1, 12, 2, 3)
    chosen = READER.takes(parsed, Selection(subjects=("S9",), known_bad=False, views=(CAMERAS[3],)))
    assert [take.name for take in chosen] == ["S9_WalkTogether_1"]
    assert chosen[0].rig.names == (CAMERAS[3],)


@pytest.mark.parametrize("centre", [False, True])
def test_json_cameras_have_lens_and_place(parsed, centre):
    """Both conventions of "t", and the distortion that the file leaves out."""
    write_json_layout(parsed, 1, {(2, 1): person(6, 1)[:, JOINTS]}, centre)
    take, real = READER.takes(parsed, Selection(subjects=("S1",)))[0], h36m_rig()
    assert take.rig.names == CAMERAS
    assert take.rig.metric
    assert take.rig.upright
    assert torch.equal(take.rig.camera.size, real.camera.size)
    np.testing.assert_allclose(take.rig.camera.t, real.camera.t, atol=1e-4)
    raw = person(6, 1)[:, JOINTS]
    truth = take.ground_truth()
    assert truth.poses2d is None
    assert truth.poses.metric
    assert truth.poses.skeleton == H36M17
    np.testing.assert_allclose(truth.poses.xyz[:, 0], raw / 1000, atol=1e-6)
    pixels = take.rig.camera.spread(2).project(truth.poses.xyz[:, 0].double()[None])
    for view in range(4):
        np.testing.assert_allclose(pixels[view], by_opencv(raw, view), atol=1e-3)


def test_the_lens_that_is_put_back_is_the_published_one():
    for lens, name in zip(LENSES, CAMERAS, strict=True):
        np.testing.assert_allclose(distortion_of(name, lens[:2]), lens[[4, 5, 7, 8, 6]], atol=1e-9)
        assert not distortion_of(name, lens[:2] + 1).any()


def test_json_images_tell_which_poses(parsed):
    raw = person(9, 2)[:, JOINTS]
    truth = READER.takes(parsed, Selection(actions=("Photo",)))[0].ground_truth()
    np.testing.assert_allclose(truth.poses.xyz[:, 0], raw[[0, 4, 8]] / 1000, atol=1e-6)
    assert bool((truth.poses.conf == 1).all())
    path = parsed / "annotations" / "Human36M_subject1_joint_3d.json"
    content = json.loads(path.read_text())
    del content["12"]["2"]["4"]
    path.write_text(json.dumps(content))
    truth = READER.takes(parsed, Selection(actions=("Photo",)))[0].ground_truth()
    assert truth.poses.conf.amax((1, 2)).tolist() == [1, 0, 1]
    np.testing.assert_allclose(truth.poses.xyz[2, 0], raw[8] / 1000, atol=1e-6)


def test_json_poses_without_images(tmp_path):
    write_json_layout(tmp_path, 11, {(2, 2): person(12, 1)[:, JOINTS]})
    take = READER.takes(tmp_path, Selection())[0]
    assert (take.name, take.frames, take.images) == ("S11_Directions_2", 12, (None,) * 4)
    np.testing.assert_allclose(take.ground_truth().poses.xyz[:, 0], person(12, 1)[:, JOINTS] / 1000, atol=1e-6)
    write_take(tmp_path, 11, 2, 2, range(1, 13))
    assert READER.takes(tmp_path, Selection())[0].images[0] is None  # the damaged video


def test_json_damage_shows_in_the_truth_and_in_the_check(parsed):
    path = parsed / "annotations" / "Human36M_subject1_joint_3d.json"
    whole = path.read_text()
    for text, words in (
        (whole[: len(whole) // 2], "cannot be read as JSON"),
        ('{"2": {"1": {"0": [1]}}}', "cannot be read as poses"),
        ("[]", "cannot be read as poses"),
    ):
        path.write_text(text)
        take = READER.takes(parsed, Selection())[0]
        with pytest.raises(EpiposeError, match=rf"subject1_joint_3d\.json.*{words}"):
            take.ground_truth()
        assert any("subject1_joint_3d" in result.message for result in READER.check(parsed) if not result.ok)
    path.write_text('{"3": {"1": {}}}')
    with pytest.raises(EpiposeError, match="cannot be read as poses"):
        READER.takes(parsed, Selection())[0].ground_truth()
    path.unlink()
    with pytest.raises(EpiposeError, match=r"no file .*subject1_joint_3d\.json"):
        READER.takes(parsed, Selection())[0].ground_truth()


def test_json_cameras_that_are_none_are_named(parsed):
    path = parsed / "annotations" / "Human36M_subject9_camera.json"
    for text in ('{"1": {"R": [1]}}', '{"7": {}}', "[]", "{}"):
        path.write_text(text)
        with pytest.raises(EpiposeError, match=r"subject9_camera\.json"):
            READER.takes(parsed, Selection())
    with pytest.raises(EpiposeError, match=r"neither .*camera\.json nor"):
        READER.takes(parsed / "images", Selection())


def test_json_check_counts(parsed):
    results = {result.message: result.ok for result in READER.check(parsed)}
    assert results["S9: cameras, poses and images fit together."]
    assert not results["S1_Photo_2: images from 3 of 4 cameras in " + str(parsed / "images") + "."]
    assert any("subject5_camera.json" in words for words in results)
    (parsed / "images" / folder_name(9, 5, 2, 3) / f"{folder_name(9, 5, 2, 3)}_000004.jpg").unlink()
    bad = [result.message for result in READER.check(parsed) if not result.ok]
    assert any(folder_name(9, 5, 2, 3) in words and "lacks images: it has 6 of 7" in words for words in bad)


@pytest.mark.parametrize(("subject", "size"), [(7, (1000, 1002)), (8, (1000, 1000))])
def test_images_of_s7_are_higher(tmp_path, subject, size):
    write_json_layout(tmp_path, subject, {(2, 1): person(3)[:, JOINTS]})
    write_take(tmp_path, subject, 2, 1, range(1, 4))
    (take,) = READER.takes(tmp_path, Selection())
    assert take.rig.camera.size[1].tolist() == [*size]
    import_take(take, tmp_path / "clip")
    assert not any("has images of" in result.message for result in READER.check(tmp_path))


def test_oracle_of_these_tests_is_the_published_rig():
    real = h36m_rig().camera
    for camera in range(4):
        np.testing.assert_allclose(rotation(camera), real.R[camera], atol=2e-6)
        np.testing.assert_allclose(LENSES[camera, [4, 5, 7, 8, 6]], real.distortion[camera, :5], atol=1e-6)
