import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from epipose.clip import Clip
from epipose.datasets.base import Selection, TakeReader
from epipose.datasets.pose2sim import Pose2SimProject
from epipose.datasets.to_clip import import_take
from epipose.errors import EpiposeError
from epipose.formats.trc import read_trc
from epipose.io.video import write_video
from epipose.skeletons import BODY25
from tests.helpers.panoptic_files import (
    CENTERS,
    LENS,
    MARKERS,
    SIZE,
    K,
    calibration_toml,
    looking,
    pose2sim,
    trc,
    write_images,
)


def _only(root, **selection):
    (take,) = Pose2SimProject().takes(root, Selection(**selection))
    return take


def test_cameras_are_those_that_opencv_reads_from_the_file(tmp_path):
    take = _only(pose2sim(tmp_path / "trial"))
    points = np.random.default_rng(0).uniform((-1, -1, 0), (1, 1, 2), (20, 3))
    assert take.rig.names == ("cam01", "cam02", "cam03")
    assert take.rig.upright
    assert take.rig.metric
    for view, center in enumerate(CENTERS.values()):
        R, t = looking(center)
        lens = np.append(LENS[:4], 0.0)
        expected = cv2.projectPoints(points, cv2.Rodrigues(R)[0], t, K, lens)[0][:, 0]
        ours = take.rig.camera[view].project(torch.from_numpy(points)).numpy()
        np.testing.assert_allclose(ours, expected, atol=1e-3)
    assert take.rig.camera.size.tolist() == [list(SIZE)] * 3


def test_five_distortions_and_a_fisheye_are_taken(tmp_path):
    root = pose2sim(tmp_path / "trial")
    path = root / "calibration" / "Calib_scene.toml"
    path.write_text(calibration_toml(LENS))
    np.testing.assert_allclose(_only(root).rig.camera.distortion[:, :5].numpy(), np.tile(LENS, (3, 1)))
    path.write_text(calibration_toml().replace("fisheye = false", "fisheye = true", 1))
    assert _only(root).rig.camera.fisheye.tolist() == [True, False, False]
    path.write_text(calibration_toml(LENS).replace("fisheye = false", "fisheye = true", 1))
    with pytest.raises(EpiposeError, match=r"Calib_scene.toml: camera 'cam01', 'distortion' has 5 .*A fisheye has k1"):
        _only(root)
    path.write_text(calibration_toml(LENS[:3]))
    with pytest.raises(EpiposeError, match=r"'cam01', 'distortion' has 3 numbers"):
        _only(root)


@pytest.mark.parametrize("unit", ["m", "mm"])
def test_markers_go_to_joints_by_name_and_into_the_cameras_world(tmp_path, unit):
    root = pose2sim(tmp_path / "trial")
    xyz = trc(root / "pose-3d" / "trial_2-5.trc", range(2, 5), unit, missing=(3, "RKnee"))
    poses = _only(root).ground_truth().poses
    assert poses.skeleton == BODY25
    assert poses.metric
    assert len(poses.xyz) == 6
    assert (poses.conf[:, 0] > 0).any(-1).tolist() == [False, False, True, True, True, False]
    known = [BODY25.index(joint) for joint in MARKERS.values() if joint]
    assert poses.conf[2, 0].nonzero()[:, 0].tolist() == sorted(known)
    torch.testing.assert_close(poses.xyz[2:5, 0, known], xyz[2:5, known].float() * (poses.conf[2:5, 0, known, None]))
    assert poses.conf[3, 0, BODY25.index("right_knee")] == 0
    assert poses.conf[2, 0, BODY25.index("right_knee")] == 1


def test_a_filtered_result_counts_before_a_raw_one_and_people_are_told_apart(tmp_path):
    root = pose2sim(tmp_path / "trial")
    results = root / "pose-3d"
    for person in (0, 1):
        trc(results / f"trial_P{person}_2-6.trc", range(2, 6))
        trc(results / f"trial_P{person}_0-6_filt_butterworth.trc", range(person + 1, 6))
        trc(results / f"trial_P{person}_0-6_filt_butterworth_LSTM.trc", range(5, 6))
    conf = _only(root).ground_truth().poses.conf
    assert conf.shape[1] == 2
    assert [int((conf[:, person] > 0).any(-1).sum()) for person in (0, 1)] == [5, 4]


def test_without_a_result_there_are_cameras_only(tmp_path):
    root = pose2sim(tmp_path / "trial")
    assert not _only(root).ground_truth().poses.conf.any()
    results = Pose2SimProject().check(root)
    assert all(result.ok for result in results)
    assert "has no 3D result" in results[-1].message


def test_cameras_under_other_names_go_by_order(tmp_path):
    root = pose2sim(tmp_path / "trial")
    path = root / "calibration" / "Calib_scene.toml"
    path.write_text(calibration_toml(names=("int_a_img", "int_b_img", "int_c_img")))
    (root / "videos" / "cam02").rename(root / "videos" / "a10")  # after cam03, by its number
    take = _only(root)
    assert take.rig.names == ("cam01", "cam03", "a10")
    torch.testing.assert_close(take.rig.camera.center[1], torch.tensor(CENTERS["00_01"], dtype=torch.float64))
    write_images(root / "videos" / "cam04", ["a.png"])
    with pytest.raises(EpiposeError, match=r"has 4 videos .* its calibration 3 cameras"):
        _only(root)


def test_the_newest_calibration_counts_but_not_qualisys_copy(tmp_path):
    root = pose2sim(tmp_path / "trial")
    place = root / "calibration"
    (place / "Calib_board.toml").write_text(calibration_toml(np.zeros(4)))
    os.utime(place / "Calib_scene.toml", (1, 1))
    assert not _only(root).rig.camera.distortion.any()
    (place / "Calib_board.toml").rename(place / "Calib_qualisys.toml")
    (place / "Calib.qca.txt").write_text("<calibration/>")
    (place / "Calib_scene.toml").unlink()
    with pytest.raises(EpiposeError, match="is no Qualisys calibration"):  # it is what was read
        _only(root)


def test_a_session_has_trials_and_a_calibration_for_all(tmp_path):
    session = tmp_path / "session"
    for subject, trial in (("S00", "walk"), ("S00", "run"), ("S01", "walk")):
        pose2sim(session / subject / trial)
        (session / subject / trial / "calibration" / "Calib_scene.toml").unlink()
    (session / "Config.toml").write_text("")
    reader = Pose2SimProject()
    assert isinstance(reader, TakeReader)
    assert reader.recognises(session)
    assert not reader.recognises(session / "S00")
    with pytest.raises(EpiposeError, match=r"run has no calibration: expected calibration/Calib\*.toml"):
        reader.takes(session, Selection())
    (session / "calibration").mkdir()
    (session / "calibration" / "Calib_scene.toml").write_text(calibration_toml())
    takes = reader.takes(session, Selection(actions=("walk",)))
    assert [(take.name, take.subject, take.action) for take in takes] == [
        ("S00-walk", "S00", "walk"),
        ("S01-walk", "S01", "walk"),
    ]
    assert [take.name for take in reader.takes(session, Selection(subjects=("S00",)))] == ["S00-run", "S00-walk"]
    with pytest.raises(EpiposeError, match="no subject S9; there are: S00, S01"):
        reader.takes(session, Selection(subjects=("S9",)))


def _json(folder: Path, camera: str, numbers: range) -> None:
    place = folder / f"{camera}_json"
    place.mkdir(parents=True)
    for number in numbers:
        (place / f"{camera}_{number:06d}.json").write_text('{"people": []}')


def test_a_synchronised_project_is_refused_where_a_video_was_shifted(tmp_path):
    root = pose2sim(tmp_path / "trial")
    trc(root / "pose-3d" / "trial_0-6.trc", range(6))
    for camera in ("cam01", "cam02", "cam03"):
        _json(root / "pose", camera, range(6))
        _json(root / "pose-sync", camera, range(1, 6))  # number 0 is never copied
    assert _only(root).ground_truth().poses.conf.any()
    (root / "pose-sync" / "cam02_json" / "cam02_000005.json").unlink()
    with pytest.raises(EpiposeError, match="frames: cam02 by 1"):
        _only(root).ground_truth()
    assert [result.ok for result in Pose2SimProject().check(root)] == [True, False]


def test_videos_of_other_lengths_and_missing_2d_poses_are_found(tmp_path):
    root = pose2sim(tmp_path / "trial")
    for camera, frames in (("cam01", 6), ("cam02", 6), ("cam03", 5)):
        for path in (root / "videos" / camera).iterdir():
            path.unlink()
        (root / "videos" / camera).rmdir()
        black = (np.zeros((SIZE[1], SIZE[0], 3), np.uint8) for _ in range(frames))
        write_video(root / "videos" / f"{camera}.mp4", black, 30.0)
    _json(root / "pose", "cam03", range(4))
    take = _only(root)
    assert (take.frames, take.fps) == (5, 30.0)
    assert _only(root, views=("cam02", "cam01")).rig.names == ("cam02", "cam01")
    assert _only(root, views=("cam02", "cam01")).frames == 6
    bad = [result.message for result in Pose2SimProject().check(root) if not result.ok]
    assert any("cam03_json has 4 2D poses for 5 frames" in words for words in bad)
    assert any("cam01.mp4 has 6 frames; the shortest has 5" in words for words in bad)
    (root / "videos" / "cam01.mp4").write_bytes(b"ftyp")
    with pytest.raises(EpiposeError, match=r"cam01.mp4 cannot be read as a video"):
        _only(root)


def test_views_that_do_not_go_together_are_refused(tmp_path):
    """A folder whose extraction was cut off once made a short take, without a word."""
    root = pose2sim(tmp_path / "trial")
    (root / "Config.toml").write_text("[project]\nframe_rate = 2\n")
    folder = root / "videos" / "cam02"
    (folder / "cam02_0005.png").unlink()
    (folder / "cam02_0004.png").unlink()
    assert Clip.load(import_take(_only(root), tmp_path / "clip")).frames == 4  # the last second may lack
    (folder / "cam02_0003.png").unlink()
    with pytest.raises(EpiposeError, match=r"cam02 has 3 frames, .*cam01 has 6; frame k .* --views"):
        import_take(_only(root), tmp_path / "other")
    assert any("cam02 has 3 frames" in result.message for result in Pose2SimProject().check(root) if not result.ok)
    assert len(_only(root, views=("cam01", "cam03")).ground_truth().poses.xyz) == 6
    write_images(tmp_path / "again", [f"cam02_{k:04d}.png" for k in (10, 11, 13, 14, 15)])
    for path in folder.iterdir():
        path.unlink()
    for path in (tmp_path / "again").iterdir():
        path.rename(folder / path.name)
    with pytest.raises(EpiposeError, match=r"image 3 is cam02_0013\.png in the one, cam01_0002\.png in the other"):
        _only(root).ground_truth()


def test_two_trials_of_one_name_are_refused(tmp_path):
    for place in (("a-b", "c"), ("a", "b-c")):
        pose2sim(tmp_path.joinpath("session", *place))
    (tmp_path / "session" / "Config.toml").write_text("")
    with pytest.raises(EpiposeError, match=r"a/b-c and .*a-b/c are both called a-b-c\. Rename one"):
        Pose2SimProject().takes(tmp_path / "session", Selection())
    bad = [result.message for result in Pose2SimProject().check(tmp_path / "session") if not result.ok]
    assert any("both called a-b-c" in words for words in bad)


def test_the_rate_of_images_is_in_the_nearest_config(tmp_path):
    root = pose2sim(tmp_path / "session" / "trial")
    assert _only(root).fps == 60.0  # what Pose2Sim takes where nobody says
    (tmp_path / "session" / "Config.toml").write_text("[project]\nframe_rate = 100\n")
    assert _only(root).fps == 100.0
    (root / "Config.toml").write_text("[project]\nframe_rate = 25\n")
    assert _only(root).fps == 25.0
    (root / "Config.toml").write_text("[project\n")
    with pytest.raises(EpiposeError, match=r"Config.toml cannot be read as a configuration of Pose2Sim"):
        _only(root)


def test_a_damaged_result_is_named(tmp_path):
    root = pose2sim(tmp_path / "trial")
    path = root / "pose-3d" / "trial_0-6.trc"
    trc(path, range(6))
    text = path.read_text()
    take = _only(root)
    path.write_text(text.rpartition("\t")[0])
    with pytest.raises(EpiposeError, match=r"trial_0-6.trc cannot be read as marker trajectories .*expected 68"):
        take.ground_truth()
    path.write_text("\n".join(text.splitlines()[:-2]))  # a whole number of lines, but cut
    with pytest.raises(EpiposeError, match="breaks off after 4 of the 6 frames"):
        take.ground_truth()
    path.write_text(text.replace("\tm\t", "\tfeet\t"))
    with pytest.raises(EpiposeError, match="is in 'feet'"):
        take.ground_truth()
    path.write_text("")
    with pytest.raises(EpiposeError, match="cannot be read as marker trajectories"):
        take.ground_truth()
    path.write_text("\n".join(text.splitlines()[:-1]) + "\n")  # as Pose2Sim's filter leaves it
    assert len(read_trc(path).frames) == 5
