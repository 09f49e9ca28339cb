import json

import cv2
import numpy as np
import pytest
import torch

from epipose.clip import Clip
from epipose.datasets.base import Selection, TakeReader
from epipose.datasets.panoptic import FPS, POSE_FOLDER, Panoptic
from epipose.datasets.to_clip import import_take
from epipose.errors import EpiposeError
from epipose.io.video import write_video
from epipose.skeletons import PANOPTIC19
from tests.helpers.panoptic_files import CENTERS, LENS, PUBLISHED, SIZE, K, panoptic


def _only(root, **selection):
    (take,) = Panoptic().takes(root, Selection(**selection))
    return take


def test_the_joints_are_those_that_the_toolbox_publishes():
    assert list(PANOPTIC19.joints) == PUBLISHED


def test_poses_fall_where_opencv_projects_the_raw_numbers(tmp_path):
    root = tmp_path / "160224_haggling1"
    raw = panoptic(root, [2, 3, 5])
    take = _only(root)
    poses = take.ground_truth().poses
    cameras = {
        entry["name"]: entry for entry in json.loads((root / f"calibration_{root.name}.json").read_text())["cameras"]
    }
    assert take.rig.names == tuple(CENTERS)
    for view, name in enumerate(take.rig.names):
        entry = cameras[name]
        rotation = cv2.Rodrigues(np.array(entry["R"]))[0]
        expected = cv2.projectPoints(raw[5][:, :3].copy(), rotation, np.array(entry["t"]), K, LENS)[0][:, 0]
        ours = take.rig.camera[view].project(poses.xyz[5, 0].double())
        np.testing.assert_allclose(ours.numpy(), expected, atol=1e-3)


def test_the_world_is_metres_with_z_up_and_nobody_is_mirrored(tmp_path):
    panoptic(tmp_path / "171204_pose1", [0, 1])
    take = _only(tmp_path / "171204_pose1")
    pose = take.ground_truth().poses.xyz[0, 0]
    at = {name: pose[PANOPTIC19.index(name)] for name in PUBLISHED}
    assert take.rig.upright
    assert take.rig.metric
    assert 0 < at["left_ankle"][2] < 0.3
    assert 1.3 < at["left_ear"][2] < 1.9
    ahead = at["nose"] - (at["left_ear"] + at["right_ear"]) / 2
    up = torch.tensor([0.0, 0.0, 1.0])
    assert torch.linalg.cross(up, ahead) @ (at["left_hip"] - at["right_hip"]) > 0
    centers = torch.tensor(list(CENTERS.values()), dtype=torch.float64)
    torch.testing.assert_close(take.rig.camera.center, centers)


def test_the_example_of_the_toolbox_stands_upright_with_left_on_the_left(tmp_path):
    # the joints19 that its README prints: neck, nose, hips' centre, ankles, eyes
    root = tmp_path / "171204_pose1_sample"
    panoptic(root, [0])
    published = {
        "neck": (-19.4528, -146.612, 1.46159), "nose": (-40.4564, -163.091, -0.521563),
        "left_shoulder": (-19.2473, -146.679, -16.1136), "right_shoulder": (-20.2358, -147.348, 19.1843),
        "left_ankle": (-10.8069, -8.31645, -4.20936), "right_ankle": (-13.1719, -7.60601, 13.4749),
    }  # fmt: skip
    joints = np.zeros((19, 4))
    for name, place in published.items():
        joints[PUBLISHED.index(name)] = (*place, 0.5)
    bodies = {"bodies": [{"id": 0, "joints19": joints.flatten().tolist()}]}
    (root / POSE_FOLDER / "body3DScene_00000000.json").write_text(json.dumps(bodies))
    pose = _only(root).ground_truth().poses.xyz[0, 0]
    at = {name: pose[PANOPTIC19.index(name)] for name in published}
    assert at["nose"][2] > at["neck"][2] > 1.4
    assert 0.07 < at["left_ankle"][2] < 0.09
    ahead = at["nose"] - at["neck"]
    left = torch.linalg.cross(torch.tensor([0.0, 0.0, 1.0]), ahead)
    assert left @ (at["left_shoulder"] - at["right_shoulder"]) > 0


def test_frames_go_by_the_numbers_in_the_names_and_missing_ones_have_confidence_zero(tmp_path):
    root = tmp_path / "s"
    raw = panoptic(root, [2, 3, 5])
    take = _only(root)
    poses = take.ground_truth().poses
    assert take.frames == len(poses.xyz) == 6
    assert take.fps == FPS
    present = (poses.conf[:, 0] > 0).any(-1)
    assert present.tolist() == [False, False, True, True, False, True]
    np.testing.assert_allclose(poses.xyz[3, 0, :, 2].numpy(), -raw[3][:, 1] / 100, atol=1e-5)
    assert poses.conf[2, 0, 4] == 0  # given as -1
    assert poses.conf[2, 0, 0] == pytest.approx(0.3)


def test_people_keep_their_place_and_who_is_seen_most_is_the_first(tmp_path):
    panoptic(tmp_path / "s", [0, 1, 2])
    poses = _only(tmp_path / "s").ground_truth().poses
    assert poses.xyz.shape[1] == 2  # ids 3 and 0; -1 is nobody
    assert (poses.conf[:, 0] > 0).any(-1).all()
    assert (poses.conf[:, 1] > 0).any(-1).tolist() == [True, False, False]


def test_images_of_every_third_frame_take_the_poses_of_every_third_frame(tmp_path):
    raw = panoptic(tmp_path / "s", list(range(7)), every=3)
    take = _only(tmp_path / "s")
    poses = take.ground_truth().poses
    assert take.frames == len(poses.xyz) == 3
    assert take.fps == pytest.approx(FPS / 3)
    np.testing.assert_allclose(poses.xyz[2, 0, 0, 2], -raw[6][0, 1] / 100, atol=1e-5)


def test_every_counts_frames_of_the_recording(tmp_path):
    panoptic(tmp_path / "s", list(range(13)), every=3)
    assert _only(tmp_path / "s").step == 3
    assert Clip.load(import_take(_only(tmp_path / "s"), tmp_path / "clip", every=6)).frames == 3
    with pytest.raises(EpiposeError, match="every 3th frame"):
        import_take(_only(tmp_path / "s"), tmp_path / "other", every=4)


def test_poses_may_lie_one_folder_deeper(tmp_path):
    raw = panoptic(tmp_path / "s", [0, 1, 4], images=False)
    place = tmp_path / "s" / POSE_FOLDER
    (place / "hd").mkdir()
    for path in place.glob("*.json"):
        path.rename(place / "hd" / path.name)
    take = _only(tmp_path / "s")
    assert take.frames == 5
    np.testing.assert_allclose(take.ground_truth().poses.xyz[4, 0, 0, 2], -raw[4][0, 1] / 100, atol=1e-5)
    assert "5 frames, 3 of them with 3D poses" in Panoptic().check(tmp_path / "s")[1].message
    for path in (place / "hd").iterdir():
        path.unlink()
    with pytest.raises(EpiposeError, match=r"hd holds no body3DScene.* Extract hdPose3d_stage1_coco19\.tar"):
        _only(tmp_path / "s")


def test_a_few_unreadable_frames_have_nobody_in_them_and_are_listed(tmp_path):
    root = tmp_path / "s"
    panoptic(root, list(range(200)), images=False)
    names = [root / POSE_FOLDER / f"body3DScene_{k:08d}.json" for k in (5, 7, 9)]
    names[0].write_text("")
    names[1].write_text('{"bodies": [{"id": 3}]}')
    present = (_only(root).ground_truth().poses.conf[:, 0] > 0).any(-1)
    assert (~present).nonzero()[:, 0].tolist() == [5, 7]
    bad = [result.message for result in Panoptic().check(root) if not result.ok]
    assert len(bad) == 3  # there are no images, either
    for name, words in zip(names, bad[1:], strict=False):
        assert name.name in words
        assert "counts as one without people" in words
    names[2].write_text("")
    with pytest.raises(EpiposeError, match=r"3 of 200 pose files cannot be read; the first: .*body3DScene_00000005"):
        _only(root).ground_truth()


def test_videos_that_are_known_to_be_broken_are_left_out_unless_named(tmp_path):
    root = tmp_path / "160422_haggling1"
    panoptic(root, [0, 1], images=False)
    calibration = root / f"calibration_{root.name}.json"
    calibration.write_text(calibration.read_text().replace('"00_12"', '"00_20"'))
    (root / "hdVideos").mkdir()
    for view in ("00_00", "00_20"):
        write_video(root / "hdVideos" / f"hd_{view}.mp4", (np.zeros((48, 64, 3), np.uint8) for _ in range(2)), 30.0)
    assert _only(root).rig.names == ("00_00",)
    assert _only(root, views=("00_00", "00_20")).images[1] == root / "hdVideos" / "hd_00_20.mp4"
    calibration.rename(root / "calibration_160422_other.json")
    assert _only(root).rig.names == ("00_00", "00_20")


def test_only_folders_of_images_hide_the_videos(tmp_path):
    root = tmp_path / "s"
    panoptic(root, [0, 1], images=False)
    video = root / "hdVideos" / "hd_00_01.mp4"
    video.parent.mkdir()
    write_video(video, (np.zeros((SIZE[1], SIZE[0], 3), np.uint8) for _ in range(2)), 30.0)
    (root / "hdImgs" / "00_00").mkdir(parents=True)
    (root / "hdImgs" / ".DS_Store").write_bytes(b"what macOS leaves")
    assert _only(root).images == (video,)


def test_whoever_passes_by_takes_no_room(tmp_path):
    root = tmp_path / "s"
    panoptic(root, list(range(250)), images=False)
    path = root / POSE_FOLDER / "body3DScene_00000100.json"
    content = json.loads(path.read_text())
    content["bodies"].append({**content["bodies"][0], "id": 8})
    path.write_text(json.dumps(content))
    poses = _only(root).ground_truth().poses
    assert poses.xyz.shape[1] == 1  # neither 8 nor 0, who are in one frame each
    assert bool((poses.conf[:, 0] > 0).any(-1).all())


def test_two_sequences_of_one_name_are_refused(tmp_path):
    panoptic(tmp_path / "s", [0], images=False)
    (tmp_path / "s").rename(tmp_path / "copy")
    panoptic(tmp_path / "s", [0], images=False)
    with pytest.raises(EpiposeError, match=r"copy and .*/s are both called s\. Rename one"):
        Panoptic().takes(tmp_path, Selection())
    assert any("are both called s" in result.message for result in Panoptic().check(tmp_path) if not result.ok)


def test_views_are_those_with_images_or_those_named(tmp_path):
    root = tmp_path / "s"
    panoptic(root, [0, 1], images=False)
    assert _only(root).rig.names == tuple(CENTERS)
    assert _only(root).images == (None, None, None)
    video = root / "hdVideos" / "hd_00_01.mp4"
    video.parent.mkdir()
    write_video(video, (np.zeros((SIZE[1], SIZE[0], 3), np.uint8) for _ in range(4)), 30.0)
    assert _only(root).rig.names == ("00_01",)
    assert _only(root).images == (video,)
    assert _only(root).frames == 2  # as long as the poses
    assert _only(root, views=("00_12", "00_01")).images == (None, video)
    with pytest.raises(EpiposeError, match="no HD camera 01_01; there are: 00_00"):
        _only(root, views=("01_01",))


def test_a_folder_of_sequences_and_a_choice_among_them(tmp_path):
    for name in ("160224_haggling1", "171204_pose1"):
        panoptic(tmp_path / name, [0], images=False)
    reader = Panoptic()
    assert isinstance(reader, TakeReader)
    assert reader.recognises(tmp_path)
    assert not reader.recognises(tmp_path / "171204_pose1" / POSE_FOLDER)
    assert [take.name for take in reader.takes(tmp_path, Selection())] == ["160224_haggling1", "171204_pose1"]
    assert [take.name for take in reader.takes(tmp_path, Selection(actions=("pose1",)))] == ["171204_pose1"]
    with pytest.raises(EpiposeError, match="no action dance1; there are: 160224_haggling1, 171204_pose1, haggling1"):
        reader.takes(tmp_path, Selection(actions=("dance1",)))


def test_a_damaged_frame_is_named_when_it_is_asked_for_and_not_before(tmp_path):
    root = tmp_path / "s"
    panoptic(root, [0, 1])
    path = root / POSE_FOLDER / "body3DScene_00000001.json"
    path.write_text(path.read_text()[:200])
    take = _only(root)
    with pytest.raises(EpiposeError, match=r"body3DScene_00000001.json"):
        take.ground_truth()
    results = Panoptic().check(root)
    assert [f.ok for f in results] == [True, False]
    path.write_text('{"bodies": [{"id": 0, "joints19": [1, 2]}]}')
    with pytest.raises(EpiposeError, match=r"body3DScene_00000001.json cannot be read as 3D poses .* 76 numbers"):
        take.ground_truth()


def test_what_is_missing_or_wrong_is_said(tmp_path):
    with pytest.raises(EpiposeError, match=r"holds no calibration_SEQUENCE.json. Expected:"):
        Panoptic().takes(tmp_path, Selection())
    root = tmp_path / "s"
    panoptic(root, [0, 1, 2])
    assert all(result.ok for result in Panoptic().check(root))
    (root / "hdImgs" / "00_01" / "00_01_00000001.jpg").unlink()
    with pytest.raises(EpiposeError, match=r"00_01 does not have the same frames as .*00_00"):
        _only(root).ground_truth()
    calibration = root / "calibration_s.json"
    content = json.loads(calibration.read_text())
    del content["cameras"][1]["distCoef"]
    calibration.write_text(json.dumps(content))
    with pytest.raises(EpiposeError, match=r"calibration_s.json cannot be read as the calibration .*distCoef"):
        _only(root)


def test_a_video_that_ends_before_the_poses_is_found(tmp_path):
    root = tmp_path / "s"
    panoptic(root, list(range(6)), images=False)
    (root / "hdVideos").mkdir()
    for name, frames in (("00_00", 6), ("00_01", 4)):
        video = root / "hdVideos" / f"hd_{name}.mp4"
        write_video(video, (np.zeros((SIZE[1], SIZE[0], 3), np.uint8) for _ in range(frames)), 30.0)
    (root / "hdVideos" / "hd_00_12.mp4").write_bytes((root / "hdVideos" / "hd_00_00.mp4").read_bytes()[:200])
    bad = [result.message for result in Panoptic().check(root) if not result.ok]
    assert len(bad) == 2
    assert "hd_00_01.mp4 has 4 frames; the poses go to frame 5" in bad[0]
    assert "hd_00_12.mp4 cannot be read as a video" in bad[1]


def test_no_poses_says_which_archive_to_extract(tmp_path):
    root = tmp_path / "s"
    panoptic(root, [0], images=False)
    (root / POSE_FOLDER / "body3DScene_00000000.json").unlink()
    with pytest.raises(EpiposeError, match=r"Extract hdPose3d_stage1_coco19.tar"):
        _only(root)
