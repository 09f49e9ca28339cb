"""MPI-INF-3DHP, training set: files as the release has them, with OpenCV as judge."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io
import torch

from epipose.clip import Clip
from epipose.datasets.base import Selection, Take, TakeReader
from epipose.datasets.mpi_inf_3dhp import CHEST_VIEWS, JOINTS, SEQUENCES, TRUNCATED_VIDEOS, MpiInf3dhp, rows_of_h36m
from epipose.datasets.mpi_inf_3dhp_testset import JOINTS as TEST_JOINTS
from epipose.datasets.registry import reader_named
from epipose.datasets.to_clip import import_take
from epipose.errors import EpiposeError
from epipose.io.images import read_image
from epipose.io.video import read_frames
from epipose.skeletons import H36M17
from tests.helpers.mpi_inf_3dhp_files import FRAMES, THEIRS, images, sequence, video


@pytest.fixture(autouse=True)
def short(monkeypatch) -> None:
    """As if seven frames were published."""
    for key in (("S1", "Seq1"), ("S2", "Seq1"), ("S4", "Seq2"), ("S6", "Seq2")):
        monkeypatch.setitem(SEQUENCES, key, (FRAMES, 25.0))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    """S1 Seq1 without images but for two views, 8 x 8 and 6 frames of them."""
    root = tmp_path_factory.mktemp("3dhp")
    raw = sequence(root / "S1" / "Seq1", order=list(range(13, -1, -1)))
    images(root / "S1" / "Seq1" / "imageSequence" / "video_0", 6)
    images(root / "S1" / "Seq1" / "imageFrames" / "video_7", 7, (16, 16))
    return root, raw


def single(root: Path, **selection) -> Take:
    (take,) = MpiInf3dhp().takes(root, Selection(**selection))
    return take


def test_a_sequence_is_indexed_by_names_alone(made) -> None:
    root, _ = made
    reader = reader_named("mpi-inf-3dhp")
    assert isinstance(reader, TakeReader)
    assert reader.recognises(root)
    assert not reader.recognises(root / "S1")
    take = single(root)
    assert (take.name, take.subject, take.action, take.fps, take.frames) == ("S1_Seq1", "S1", "Seq1", 25.0, 7)
    assert take.rig is not None
    assert take.rig.names == CHEST_VIEWS
    folder = root / "S1" / "Seq1"
    frames, late = folder / "imageSequence" / "video_0", folder / "imageFrames" / "video_7"
    assert take.images == (frames, None, None, late, None)
    assert take.rig.camera.size.tolist() == [[8, 8], [2048, 2048], [2048, 2048], [16, 16], [2048, 2048]]
    assert take.rig.metric
    assert take.rig.upright


def test_the_two_orders_of_joints_are_those_of_the_release() -> None:
    relevant = (8, 6, 15, 16, 17, 10, 11, 12, 24, 25, 26, 19, 20, 21, 5, 4, 7)  # mpii_get_joint_set, from 1
    assert tuple(JOINTS[number - 1] for number in relevant) == TEST_JOINTS
    assert len(set(JOINTS)) == 28
    as_published = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]  # Human3.6M's 17 out of these, from 0
    assert rows_of_h36m(TEST_JOINTS) == as_published


def test_a_video_is_measured_by_its_header(tmp_path: Path) -> None:
    folder = tmp_path / "S1" / "Seq1"
    sequence(folder)
    (folder / "imageSequence").mkdir()
    for view, frames in ((0, 5), (2, 7)):
        video(folder / "imageSequence" / f"video_{view}.avi", frames)
    take = single(tmp_path)
    assert take.frames == FRAMES
    assert take.images[:2] == tuple(folder / "imageSequence" / f"video_{k}.avi" for k in (0, 2))
    assert take.rig.camera.size[1].tolist() == [64, 64]
    assert len(take.ground_truth().poses.xyz) == FRAMES
    assert len(list(read_frames(take.images[0]))) == 5
    path = folder / "imageSequence" / "video_0.avi"
    path.write_bytes(path.read_bytes()[:100])
    assert single(tmp_path).frames == 7
    words = " ".join(result.message for result in MpiInf3dhp().check(tmp_path) if not result.ok)
    assert "video_0.avi cannot be read" in words


def test_images_that_were_not_all_extracted_are_missed(tmp_path: Path, monkeypatch) -> None:
    """An extraction that was cut off once made a take of two frames, without a word."""
    monkeypatch.setitem(SEQUENCES, ("S1", "Seq1"), (FRAMES, 2.0))
    folder = tmp_path / "S1" / "Seq1"
    sequence(folder)
    images(folder / "imageSequence" / "video_0", FRAMES)
    images(folder / "imageSequence" / "video_4", 2)
    with pytest.raises(EpiposeError, match=r"video_4 has 2 frames; the take S1_Seq1 has 7\. Images are missing"):
        import_take(single(tmp_path), tmp_path / "clip")
    images(folder / "imageSequence" / "video_2", FRAMES - 2)  # the last second may lack
    out = import_take(single(tmp_path, views=("cam0", "cam2")), tmp_path / "clip")
    assert Clip.load(out).frames == FRAMES - 2


def test_one_video_of_the_release_breaks_off_and_is_known(tmp_path: Path, monkeypatch) -> None:
    assert TRUNCATED_VIDEOS == {("S6", "Seq2", "cam2"): 3911}
    monkeypatch.setitem(TRUNCATED_VIDEOS, ("S6", "Seq2", "cam2"), 3)
    folder = tmp_path / "S6" / "Seq2"
    sequence(folder)
    images(folder / "imageSequence" / "video_0", FRAMES)
    assert single(tmp_path).frames == FRAMES
    images(folder / "imageSequence" / "video_2", 3)
    assert single(tmp_path).frames == len(single(tmp_path).ground_truth().poses.xyz) == 3
    assert single(tmp_path, views=("cam0", "cam4")).frames == FRAMES
    good = [result.message for result in MpiInf3dhp().check(tmp_path) if result.ok]
    assert any("video_2 has 3 frames" in words and "the release's own video is that short" in words for words in good)


def test_frame_rates_and_frames_are_those_published(monkeypatch) -> None:
    monkeypatch.undo()
    fast = {key for key, (_, fps) in SEQUENCES.items() if fps == 50}
    assert fast == {("S1", "Seq2"), ("S3", "Seq1"), ("S3", "Seq2"), ("S5", "Seq1"), ("S5", "Seq2")}
    assert len(SEQUENCES) == 16
    assert sum(frames for frames, _ in SEQUENCES.values()) == 131592
    assert SEQUENCES["S3", "Seq1"] == (12488, 50.0)


def test_joints_are_told_by_name_and_all_cameras_agree_on_the_world(made) -> None:
    root, raw = made
    views = tuple(f"cam{k}" for k in (3, 0, 11))
    for first in range(3):
        take = single(root, views=views[first:] + views[:first])
        poses, poses2d, _ = take.ground_truth()
        for row, joint in enumerate(H36M17.joints):
            column = JOINTS.index(THEIRS.get(joint, joint))
            x, y, z = raw["world"][:, column].T / 1000  # y up
            torch.testing.assert_close(poses.xyz[:, 0, row], torch.from_numpy(np.stack([x, -z, y], -1)).float())
            for view, name in enumerate(take.rig.names):
                theirs = raw["annot2"][int(name[3:])].reshape(FRAMES, 28, 2)[:, column]
                scale = take.rig.camera.size[view, 0].item() / 2048
                expected = torch.from_numpy((theirs + 0.5) * scale - 0.5).float()
                torch.testing.assert_close(poses2d.xy[view, :, 0, row], expected)
        assert (poses.space, poses.metric, poses2d.views) == ("world", True, take.rig.names)
        assert bool((poses.conf == 1).all())
        assert poses.xyz[..., 2].mean() == pytest.approx(raw["world"][:, :, 1].mean() / 1000, abs=0.2)


def test_the_truth_projects_onto_the_pixels_and_where_opencv_says(made) -> None:
    root, _ = made
    take = single(root, views=tuple(f"cam{k}" for k in range(14)))
    poses, poses2d, _ = take.ground_truth()
    xyz = poses.xyz[:, 0].double()
    ours = take.rig.camera.spread(2).project(xyz)
    assert (ours - poses2d.xy[:, :, 0]).abs().max() < 1e-3
    for view in range(14):
        camera = take.rig.camera[view]
        oracle, _ = cv2.projectPoints(
            xyz.numpy().reshape(-1, 3),
            cv2.Rodrigues(camera.R.numpy())[0],
            camera.t.numpy(),
            camera.K.numpy(),
            np.zeros(5),
        )
        assert np.abs(oracle.reshape(FRAMES, 17, 2) - ours[view].numpy()).max() < 1e-3
        assert torch.linalg.det(camera.R) == pytest.approx(1)
    height = [400 + 150 * k for k in range(14)]
    torch.testing.assert_close(take.rig.camera.center[:, 2] * 1000, torch.tensor(height).double(), atol=1e-3, rtol=0)


def test_universal_poses_are_smaller_and_do_not_project(made) -> None:
    root, _ = made
    true, universal = single(root).ground_truth(), single(root, true_scale=False).ground_truth()
    offsets = [truth.poses.xyz - truth.poses.xyz[:, :, :1] for truth in (true, universal)]
    torch.testing.assert_close(offsets[1], 0.91 * offsets[0], atol=1e-5, rtol=1e-5)
    rig = single(root).rig
    seen = rig.camera.spread(2).project(universal.poses.xyz[:, 0].double())
    assert (seen[1] - universal.poses2d.xy[1, :, 0]).norm(dim=-1).max() > 10
    torch.testing.assert_close(universal.poses2d.xy, true.poses2d.xy)


def test_a_image_is_the_row_of_its_number(made, tmp_path: Path) -> None:
    root, _ = made
    take = single(root)
    assert read_image(sorted(take.images[0].iterdir())[4])[0, 0, 0] == pytest.approx(36, abs=6)
    sequence(tmp_path / "S1" / "Seq1")
    folder = tmp_path / "S1" / "Seq1" / "imageSequence" / "video_0"
    images(folder, 6)
    assert single(tmp_path).ground_truth().poses.xyz.shape == (FRAMES, 1, 17, 3)
    (folder / "frame_000003.jpg").unlink()
    with pytest.raises(
        EpiposeError, match=r"video_0: expected images numbered one by one .*frame_000004\.jpg out of turn"
    ):
        single(tmp_path).ground_truth()
    assert any("out of turn" in result.message for result in MpiInf3dhp().check(tmp_path) if not result.ok)
    (folder / "frame_000001.jpg").unlink()
    (folder / "frame_000002.jpg").unlink()
    with pytest.raises(EpiposeError, match=r"found frame_000004\.jpg first"):
        single(tmp_path).ground_truth()


def test_left_and_right_of_s4_can_be_left_out(made, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("epipose.datasets.mpi_inf_3dhp.SWAPPED_FRAMES", {("S4", "Seq2"): slice(2, 5)})
    sequence(tmp_path / "S4" / "Seq2")
    assert bool((single(tmp_path).ground_truth().poses.conf == 1).all())
    poses, poses2d, _ = single(tmp_path, known_bad=False).ground_truth()
    assert poses.conf[:, 0, 0].tolist() == [1, 1, 0, 0, 0, 1, 1]
    assert poses2d.conf[3, :, 0, 5].tolist() == [1, 1, 0, 0, 0, 1, 1]


def test_damage_stops_the_take_and_not_the_index(made, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(EpiposeError, match=r"holds no sequence of MPI-INF-3DHP .*get_dataset\.sh"):
        MpiInf3dhp().takes(tmp_path, Selection())
    folder = tmp_path / "S2" / "Seq1"
    sequence(folder)
    with pytest.raises(EpiposeError, match="no subject S9; there are: S2"):
        MpiInf3dhp().takes(tmp_path, Selection(subjects=("S9",)))
    with pytest.raises(EpiposeError, match="No camera called cam14"):
        MpiInf3dhp().takes(tmp_path, Selection(views=("cam14",)))
    whole = (folder / "annot.mat").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not a MATLAB file, and long enough for a header" * 9, b""):
        (folder / "annot.mat").write_bytes(damaged)
        take = single(tmp_path)
        with pytest.raises(EpiposeError, match=r"annot\.mat"):
            take.ground_truth()
        assert not all(result.ok for result in MpiInf3dhp().check(tmp_path))
    scipy.io.savemat(folder / "annot.mat", {"annot2": np.zeros(3)})
    with pytest.raises(EpiposeError, match="no variable annot3, cameras, frames"):
        single(tmp_path).ground_truth()
    (folder / "annot.mat").write_bytes(whole)
    monkeypatch.setitem(SEQUENCES, ("S2", "Seq1"), (FRAMES + 1, 25.0))
    with pytest.raises(EpiposeError, match=r"annotates 7 frames, but S2_Seq1 has 8"):
        single(tmp_path).ground_truth()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("radial      0", "radial      0.1", r"radial is 0\.1"),
        ("Skeletool Camera", "Some other", "should begin with"),
        ("size        2048 2048", "size        2048", "camera 0: size should be 2 finite numbers"),
        ("extrinsic   ", "extrinsic   9", "no camera matrix"),
        ("sensor      10 10\n  size        2048 2048", "sensor", "camera 0: size should be .* got nothing"),
        ("intrinsic   1497.7", "intrinsic   wide", "intrinsic should be numbers"),
    ],
)
def test_a_calibration_that_is_none_is_named(made, tmp_path: Path, old: str, new: str, message: str) -> None:
    sequence(tmp_path / "S1" / "Seq1")
    path = tmp_path / "S1" / "Seq1" / "camera.calibration"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(EpiposeError, match=rf"camera\.calibration.*{message}"):
        single(tmp_path)


def test_a_sequence_that_is_not_asked_for_need_not_be_whole(tmp_path: Path) -> None:
    for subject in ("S1", "S2"):
        sequence(tmp_path / subject / "Seq1")
    (tmp_path / "S2" / "Seq1" / "camera.calibration").write_text("damaged")
    assert single(tmp_path, subjects=("S1",)).name == "S1_Seq1"
    assert single(tmp_path, actions=("S1_Seq1",)).name == "S1_Seq1"
    with pytest.raises(EpiposeError, match=r"S2/Seq1/camera\.calibration"):
        MpiInf3dhp().takes(tmp_path, Selection())


def test_check_says_what_is_right_and_what_is_missing(made) -> None:
    root, _ = made
    results = MpiInf3dhp().check(root)
    good = " ".join(result.message for result in results if result.ok)
    bad = " ".join(result.message for result in results if not result.ok)
    assert "annotates 7 frames, 7 are published" in good
    assert (
        "at most 0.00 mm apart in the world, and annot3 has a reprojection error of 0.000 pixels against annot2" in good
    )
    assert "video_7 has 7 frames of 16 x 16, 7 are published" in good
    assert "video_0 has 6 frames" in bad
    assert "video_2.avi nor a folder" in bad
    assert "S8/Seq2 is missing" in bad
