"""MPI-INF-3DHP: files as the release has them, made from a scene that is known, with OpenCV as judge."""

from pathlib import Path

import av
import cv2
import h5py
import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image

from epipose.datasets import reader_named
from epipose.datasets.base import Choice, Take, TakeReader
from epipose.datasets.mpi_inf_3dhp import CHEST_VIEWS, JOINTS, SEQUENCES, MpiInf3dhp, rows_of_h36m
from epipose.datasets.mpi_inf_3dhp_test import (
    ACTIVITIES,
    PCK_GROUPS,
    PCK_JOINTS,
    VALID,
    MpiInf3dhpTest,
    activities,
    fitted_lens,
    lens,
)
from epipose.datasets.mpi_inf_3dhp_test import JOINTS as TEST_JOINTS
from epipose.errors import EpiposeError
from epipose.skeletons import H36M17
from epipose.video import read_frames, read_image

FRAMES = 7
THEIRS = {"thorax": "neck", "neck_nose": "head", "head": "head_top"}  # the rest has Human3.6M's names
CAPTURY = """tc camera calibration v0.3
camera	0	made up
	frame	0
		sensorSize	10	5.625	# in mm
		focalLength	8.77	# in mm
		pixelAspect	0.9932
		centerOffset	-0.105	0.1049	# in mm (positive values move right and down)
		distortionModel	OpenCV
		distortion	-0.276859611	0.131125256	-0.000360494	-0.001149441	-0.049318332
		origin	-2104.3	1038.6	-4596.6
		up	0.025	0.995	0.096
		right	-0.939	-0.009	0.342
camera	1	another
	frame	0
		focalLength	99
"""


def cloud(joints: int, seed: int = 0) -> np.ndarray:
    """(frame, joint, 3): a person of sorts about the origin of a world with y up, millimetres."""
    generator = np.random.default_rng(seed)
    place = np.cumsum(generator.normal(0, 60, (FRAMES, 1, 3)), 0) + np.array([0, 900, 0])
    return place + generator.normal(0, [300, 500, 200], (FRAMES, joints, 3))


def camera_from_world(number: int) -> tuple[np.ndarray, np.ndarray]:
    """R and t (mm) of a camera on a circle round the origin, y up, looking at the person's hips."""
    angle, height = number * 0.45, 400 + 150 * number
    center = np.array([3800 * np.cos(angle), height, 3800 * np.sin(angle)])
    forward = np.array([0, 900, 0]) - center
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    return R, -R @ center


def cells(arrays: list[np.ndarray]) -> np.ndarray:
    """MATLAB's cell(n, 1)."""
    out = np.empty((len(arrays), 1), object)
    for k, array in enumerate(arrays):
        out[k, 0] = array
    return out


def sequence(folder: Path, order: range | list[int] = range(14), rows: int = FRAMES) -> dict[str, np.ndarray]:
    """annot.mat and camera.calibration as the release writes them; the raw arrays by camera."""
    folder.mkdir(parents=True)
    text, world = ["Skeletool Camera Calibration File V1.0"], cloud(len(JOINTS))[:rows]
    raw = {"world": world, "annot2": [], "annot3": [], "univ_annot3": []}
    for number in range(14):
        R, t = camera_from_world(number)
        K = np.array([[1497.7 + number, 0, 1024.7], [0, 1497.1, 1051.4 - number], [0, 0, 1]])
        intrinsic, extrinsic = np.eye(4), np.eye(4)
        intrinsic[:3, :3], extrinsic[:3, :3], extrinsic[:3, 3] = K, R, t
        in_camera = world @ R.T + t
        pixels, _ = cv2.projectPoints(world.reshape(-1, 3), cv2.Rodrigues(R)[0], t, K, np.zeros(5))
        pelvis = in_camera[:, [JOINTS.index("pelvis")]]
        raw["annot2"].append(pixels.reshape(rows, -1))
        raw["annot3"].append(in_camera.reshape(rows, -1))
        raw["univ_annot3"].append((pelvis + 0.91 * (in_camera - pelvis)).reshape(rows, -1))
        text += [f"name          {number}", "  sensor      10 10", "  size        2048 2048", "  animated    0"]
        for name, matrix in (("intrinsic", intrinsic), ("extrinsic", extrinsic)):
            text.append(f"  {name}   {' '.join(f'{value:.12g}' for value in matrix.ravel())} ")
        text.append("  radial      0")
    (folder / "camera.calibration").write_text("\n".join(text) + "\n")
    saved = {name: cells([raw[name][k] for k in order]) for name in ("annot2", "annot3", "univ_annot3")}
    numbers = {"cameras": np.array(list(order), np.uint8)[None], "frames": np.arange(rows)[:, None].astype(float)}
    scipy.io.savemat(folder / "annot.mat", saved | numbers, do_compression=True)
    return raw


def pictures(folder: Path, count: int, size: tuple[int, int] = (8, 8), name: str = "frame_{:06d}.jpg") -> None:
    folder.mkdir(parents=True)
    for k in range(count):
        Image.new("RGB", size, (k * 9, 0, 0)).save(folder / name.format(k + 1))


def video(path: Path, frames: int) -> None:
    """64 x 64, as AVI."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for level in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), level * 9, np.uint8))))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    """S1 Seq1 without pictures but for two views, 8 x 8 and 6 frames of them."""
    root = tmp_path_factory.mktemp("3dhp")
    raw = sequence(root / "S1" / "Seq1", order=list(range(13, -1, -1)))
    pictures(root / "S1" / "Seq1" / "imageSequence" / "video_0", 6)
    pictures(root / "S1" / "Seq1" / "imageFrames" / "video_7", 7, (16, 16))
    return root, raw


def single(root: Path, **choice) -> Take:
    (take,) = MpiInf3dhp().takes(root, Choice(**choice))
    return take


def test_a_sequence_is_indexed_by_names_alone(made) -> None:
    root, _ = made
    reader = reader_named("mpi-inf-3dhp")
    assert isinstance(reader, TakeReader)
    assert reader.recognises(root)
    assert not reader.recognises(root / "S1")
    take = single(root)
    assert (take.name, take.subject, take.action, take.fps, take.frames) == ("S1_Seq1", "S1", "Seq1", 25.0, 6)
    assert take.rig is not None
    assert take.rig.names == CHEST_VIEWS
    folder = root / "S1" / "Seq1"
    frames, late = folder / "imageSequence" / "video_0", folder / "imageFrames" / "video_7"
    assert take.pictures == (frames, None, None, late, None)
    assert take.rig.camera.size.tolist() == [[8, 8], [2048, 2048], [2048, 2048], [16, 16], [2048, 2048]]
    assert take.rig.metric
    assert take.rig.upright


def test_the_two_orders_of_joints_are_those_of_the_release() -> None:
    relevant = (8, 6, 15, 16, 17, 10, 11, 12, 24, 25, 26, 19, 20, 21, 5, 4, 7)  # mpii_get_joint_set, from 1
    assert tuple(JOINTS[number - 1] for number in relevant) == TEST_JOINTS
    assert len(set(JOINTS)) == 28
    as_published = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]  # Human3.6M's 17 out of these, from 0
    assert rows_of_h36m(TEST_JOINTS) == as_published


def test_a_video_is_measured_by_its_header(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "S1" / "Seq1"
    sequence(folder)
    (folder / "imageSequence").mkdir()
    for view, frames in ((0, 5), (2, 7)):
        video(folder / "imageSequence" / f"video_{view}.avi", frames)
    take = single(tmp_path)
    assert take.frames == 5
    assert take.pictures[:2] == tuple(folder / "imageSequence" / f"video_{k}.avi" for k in (0, 2))
    assert take.rig.camera.size[1].tolist() == [64, 64]
    assert len(take.truth().poses.xyz) == 5
    assert len(list(read_frames(take.pictures[0]))) == 5
    path = folder / "imageSequence" / "video_0.avi"
    path.write_bytes(path.read_bytes()[:100])
    monkeypatch.setitem(SEQUENCES, ("S1", "Seq1"), (FRAMES, 25.0))
    assert single(tmp_path).frames == 7, "what cannot be read says nothing of its length"
    words = " ".join(finding.words for finding in MpiInf3dhp().check(tmp_path) if not finding.good)
    assert "video_0.avi cannot be read" in words


def test_frame_rates_and_frames_are_those_published() -> None:
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
        poses, poses2d = take.truth()
        for row, joint in enumerate(H36M17.joints):
            column = JOINTS.index(THEIRS.get(joint, joint))
            x, y, z = raw["world"][:6, column].T / 1000  # y up
            torch.testing.assert_close(poses.xyz[:, 0, row], torch.from_numpy(np.stack([x, -z, y], -1)).float())
            for view, name in enumerate(take.rig.names):
                theirs = raw["annot2"][int(name[3:])].reshape(FRAMES, 28, 2)[:6, column]
                scale = take.rig.camera.size[view, 0].item() / 2048
                expected = torch.from_numpy((theirs + 0.5) * scale - 0.5).float()
                torch.testing.assert_close(poses2d.xy[view, :, 0, row], expected)
        assert (poses.space, poses.metric, poses2d.views) == ("world", True, take.rig.names)
        assert bool((poses.conf == 1).all())
        assert poses.xyz[..., 2].mean() == pytest.approx(raw["world"][:6, :, 1].mean() / 1000, abs=0.2)


def test_the_truth_projects_onto_the_pixels_and_where_opencv_says(made) -> None:
    root, _ = made
    take = single(root, views=tuple(f"cam{k}" for k in range(14)))
    poses, poses2d = take.truth()
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
        assert np.abs(oracle.reshape(6, 17, 2) - ours[view].numpy()).max() < 1e-3
        assert torch.linalg.det(camera.R) == pytest.approx(1)
    height = [400 + 150 * k for k in range(14)]
    torch.testing.assert_close(take.rig.camera.center[:, 2] * 1000, torch.tensor(height).double(), atol=1e-3, rtol=0)


def test_universal_poses_are_smaller_and_do_not_project(made) -> None:
    root, _ = made
    true, universal = single(root).truth(), single(root, true_scale=False).truth()
    offsets = [truth.poses.xyz - truth.poses.xyz[:, :, :1] for truth in (true, universal)]
    torch.testing.assert_close(offsets[1], 0.91 * offsets[0], atol=1e-5, rtol=1e-5)
    rig = single(root).rig
    seen = rig.camera.spread(2).project(universal.poses.xyz[:, 0].double())
    assert (seen[1] - universal.poses2d.xy[1, :, 0]).norm(dim=-1).max() > 10
    torch.testing.assert_close(universal.poses2d.xy, true.poses2d.xy)


def test_a_picture_is_the_row_of_its_number(made, tmp_path: Path) -> None:
    root, _ = made
    take = single(root)
    assert read_image(sorted(take.pictures[0].iterdir())[4])[0, 0, 0] == pytest.approx(36, abs=6)
    sequence(tmp_path / "S1" / "Seq1")
    folder = tmp_path / "S1" / "Seq1" / "imageSequence" / "video_0"
    pictures(folder, 6)
    assert single(tmp_path).truth().poses.xyz.shape == (6, 1, 17, 3)
    (folder / "frame_000003.jpg").unlink()
    with pytest.raises(
        EpiposeError, match=r"video_0: expected pictures numbered one by one .*frame_000004\.jpg out of turn"
    ):
        single(tmp_path).truth()
    assert any("out of turn" in finding.words for finding in MpiInf3dhp().check(tmp_path) if not finding.good)
    (folder / "frame_000001.jpg").unlink()
    (folder / "frame_000002.jpg").unlink()
    with pytest.raises(EpiposeError, match=r"found frame_000004\.jpg first"):
        single(tmp_path).truth()


def test_left_and_right_of_s4_can_be_left_out(made, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(SEQUENCES, ("S4", "Seq2"), (FRAMES, 25.0))
    monkeypatch.setattr("epipose.datasets.mpi_inf_3dhp.FLIPPED", {("S4", "Seq2"): slice(2, 5)})
    sequence(tmp_path / "S4" / "Seq2")
    assert bool((single(tmp_path).truth().poses.conf == 1).all())
    poses, poses2d = single(tmp_path, known_bad=False).truth()
    assert poses.conf[:, 0, 0].tolist() == [1, 1, 0, 0, 0, 1, 1]
    assert poses2d.conf[3, :, 0, 5].tolist() == [1, 1, 0, 0, 0, 1, 1]


def test_damage_stops_the_take_and_not_the_index(made, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(SEQUENCES, ("S2", "Seq1"), (FRAMES, 25.0))
    with pytest.raises(EpiposeError, match=r"holds no sequence of MPI-INF-3DHP .*get_dataset\.sh"):
        MpiInf3dhp().takes(tmp_path, Choice())
    folder = tmp_path / "S2" / "Seq1"
    sequence(folder)
    with pytest.raises(EpiposeError, match="has no S9; there are S2"):
        MpiInf3dhp().takes(tmp_path, Choice(subjects=("S9",)))
    with pytest.raises(EpiposeError, match="No camera called cam14"):
        MpiInf3dhp().takes(tmp_path, Choice(views=("cam14",)))
    whole = (folder / "annot.mat").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not a MATLAB file, and long enough for a header" * 9, b""):
        (folder / "annot.mat").write_bytes(damaged)
        take = single(tmp_path)
        with pytest.raises(EpiposeError, match=r"annot\.mat"):
            take.truth()
        assert not all(finding.good for finding in MpiInf3dhp().check(tmp_path))
    scipy.io.savemat(folder / "annot.mat", {"annot2": np.zeros(3)})
    with pytest.raises(EpiposeError, match="no variable annot3, cameras, frames"):
        single(tmp_path).truth()
    (folder / "annot.mat").write_bytes(whole)
    monkeypatch.setitem(SEQUENCES, ("S2", "Seq1"), (FRAMES + 1, 25.0))
    with pytest.raises(EpiposeError, match=r"annotates 7 frames, but S2 Seq1 has 8"):
        single(tmp_path).truth()


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


def test_check_says_what_is_right_and_what_is_missing(made, monkeypatch) -> None:
    root, _ = made
    monkeypatch.setitem(SEQUENCES, ("S1", "Seq1"), (FRAMES, 25.0))
    findings = MpiInf3dhp().check(root)
    good = " ".join(finding.words for finding in findings if finding.good)
    bad = " ".join(finding.words for finding in findings if not finding.good)
    assert "annotates 7 frames, 7 are published" in good
    assert "at most 0.00 mm apart in the world, and annot3 falls within 0.000 pixels of annot2" in good
    assert "video_7 has 7 frames of 16 x 16, 7 are published" in good
    assert "video_0 has 6 frames" in bad
    assert "video_2.avi nor a folder" in bad
    assert "S8/Seq2 is missing" in bad


# ---------------------------------------------------------------------------------------------------------- test set


def annotations(folder: Path, camera, seed: int = 3) -> dict[str, np.ndarray]:
    """annot_data.mat as MATLAB 7.3 writes it: HDF5, axes reversed; the raw arrays."""
    folder.mkdir(parents=True)
    world = cloud(len(TEST_JOINTS), seed)
    xyz = world @ camera_from_world(1)[0].T + camera_from_world(1)[1]
    pixels, _ = cv2.projectPoints(
        xyz.reshape(-1, 3), np.zeros(3), np.zeros(3), camera.K.numpy(), camera.distortion.numpy()
    )
    pelvis = xyz[:, [TEST_JOINTS.index("pelvis")]]
    raw = {"annot2": pixels.reshape(FRAMES, 17, 2), "annot3": xyz, "univ_annot3": pelvis + 0.93 * (xyz - pelvis)}
    raw |= {"valid_frame": np.array([1, 1, 0, 1, 0, 1, 1.0]), "activity_annotation": np.array([1, 1, 1, 2, 2, 7, 7.0])}
    raw["annot3"][2] = np.nan
    with h5py.File(folder / "annot_data.mat", "w", userblock_size=512) as file:
        for name, array in raw.items():
            file[name] = array[:, None]
        file["bb_crop"] = np.zeros((FRAMES, 34))
    return raw


@pytest.fixture(scope="module")
def tests_made(tmp_path_factory) -> tuple[Path, dict[str, dict[str, np.ndarray]]]:
    root = tmp_path_factory.mktemp("3dhp_test")
    calibrations = root / "mpi_inf_3dhp_test_set" / "test_util" / "camera_calibration"
    calibrations.mkdir(parents=True)
    (calibrations / "ts5-6cameras.calib").write_text(CAPTURY)
    raw = {name: annotations(root / "mpi_inf_3dhp_test_set" / name, lens(root, name)) for name in ("TS3", "TS5")}
    pictures(root / "mpi_inf_3dhp_test_set" / "TS3" / "imageSequence", FRAMES + 1, (32, 32), "img_{:06d}.jpg")
    return root, raw


def test_the_test_set_is_indexed_in_both_places(tests_made) -> None:
    root, _ = tests_made
    for place in (root, root / "mpi_inf_3dhp_test_set"):
        reader = reader_named("mpi-inf-3dhp-test")
        assert reader.recognises(place)
        third, fifth = reader.takes(place, Choice())
        assert (third.name, third.subject, third.action, third.frames) == ("TS3", "TS3", "", FRAMES)
        assert third.rig.camera.size.tolist() == [[32, 32]]
        assert fifth.rig.camera.size.tolist() == [[1920, 1080]]
        assert fifth.pictures == (None,)
    assert sum(VALID.values()) == 2929


def test_the_lenses_are_those_of_the_files(tests_made) -> None:
    root, _ = tests_made
    camera = lens(root, "TS5")
    assert camera.K[0, 0] == pytest.approx(8.77 * 192)
    assert camera.K[1, 1] == pytest.approx(8.77 * 192 * 0.9932)
    assert camera.K[:2, 2].tolist() == pytest.approx([960 - 0.105 * 192, 540 + 0.1049 * 192])
    assert camera.distortion.tolist() == pytest.approx(
        [-0.276859611, 0.131125256, -0.000360494, -0.001149441, -0.049318332]
    )
    published = lens(root, "TS3")  # no file there: the numbers that are known of it
    assert published.K[:2].tolist() == [
        pytest.approx([1500.172, 0, 1017.387], abs=1e-3),
        pytest.approx([0, 1500.832, 1043.032], abs=1e-3),
    ]


@pytest.mark.parametrize(("name", "true_scale"), [("TS3", True), ("TS5", True), ("TS5", False)])
def test_test_joints_by_name_and_onto_the_pixels(tests_made, name: str, true_scale: bool) -> None:
    root, raw = tests_made
    (take,) = MpiInf3dhpTest().takes(root, Choice(subjects=(name,), true_scale=true_scale))
    poses, poses2d = take.truth()
    valid = raw[name]["valid_frame"] == 1
    assert poses.conf[:, 0, 3].tolist() == raw[name]["valid_frame"].tolist()
    assert poses2d.conf[0, :, 0, 8].tolist() == raw[name]["valid_frame"].tolist()
    assert bool(poses.xyz.isfinite().all())
    key = "annot3" if true_scale else "univ_annot3"
    for row, joint in enumerate(H36M17.joints):
        column = TEST_JOINTS.index(THEIRS.get(joint, joint))
        expected = torch.from_numpy(raw[name][key][valid, column] / 1000).float()
        torch.testing.assert_close(poses.xyz[valid, 0, row], expected)
    seen = take.rig.camera[0].project(poses.xyz[valid, 0].double())
    miss = (seen - poses2d.xy[0, valid, 0]).abs().max()
    assert miss < 1e-3 if true_scale else miss > 10
    assert take.rig.camera.R[0].tolist() == np.eye(3).tolist()
    assert take.rig.camera.t[0].tolist() == [0, 0, 0]


def test_activities_are_told_frame_by_frame(tests_made) -> None:
    root, _ = tests_made
    assert activities(root, "TS3").tolist() == [1, 1, 1, 2, 2, 7, 7]
    assert sorted(ACTIVITIES) == [1, 2, 3, 4, 5, 6, 7]
    with pytest.raises(EpiposeError, match="TS1"):
        activities(root, "TS1")


def test_the_official_joints_are_fourteen_of_human36m() -> None:
    assert len(PCK_JOINTS) == len(set(PCK_JOINTS)) == 14
    assert set(H36M17.joints) - set(PCK_JOINTS) == {"pelvis", "spine", "neck_nose"}
    official = [[0], [1], [2, 5], [3, 6], [4, 7], [8, 11], [9, 12], [10, 13]]  # mpii_get_pck_auc_joint_groups, from 0
    assert [[TEST_JOINTS.index(THEIRS.get(j, j)) for j in group] for group in PCK_GROUPS.values()] == official


def test_a_pinhole_is_recovered_from_what_it_shows() -> None:
    generator = torch.Generator().manual_seed(0)
    xyz = torch.rand(50, 3, generator=generator, dtype=torch.float64) + torch.tensor([0.0, 0.0, 2.0])
    K = torch.tensor([[1500.0, 0, 1010], [0, 1490, 1030], [0, 0, 1]], dtype=torch.float64)
    uv = (xyz @ K.T)[:, :2] / xyz[:, 2:]
    found, miss = fitted_lens(xyz, uv)
    torch.testing.assert_close(found, K)
    assert miss < 1e-6


def test_check_of_the_test_set_measures_what_projects(tests_made, monkeypatch) -> None:
    root, _ = tests_made
    monkeypatch.setitem(VALID, "TS3", 5)
    findings = MpiInf3dhpTest().check(root)
    good = " ".join(finding.words for finding in findings if finding.good)
    bad = " ".join(finding.words for finding in findings if not finding.good)
    assert "TS3/annot_data.mat marks 5 frames valid, 5 are published" in good
    assert "TS5/annot_data.mat marks 5 frames valid, 276 are published" in bad
    assert "TS3/annot_data.mat: by the published lens annot3 falls 0.00 pixels from annot2" in good
    assert "has 8 pictures of 32 x 32 for 7 annotated frames" in good
    assert "TS1/annot_data.mat is missing" in bad


def test_damaged_test_files_are_named(tests_made, tmp_path: Path) -> None:
    root, _ = tests_made
    with pytest.raises(EpiposeError, match="holds no test sequence"):
        MpiInf3dhpTest().takes(tmp_path, Choice())
    with pytest.raises(EpiposeError, match="no action and one view"):
        MpiInf3dhpTest().takes(root, Choice(actions=("Sports",)))
    with pytest.raises(EpiposeError, match="has no TS1; there are TS3, TS5"):
        MpiInf3dhpTest().takes(root, Choice(subjects=("TS1",)))
    annotations(tmp_path / "TS1", lens(tmp_path, "TS1"))
    path = tmp_path / "TS1" / "annot_data.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (take,) = MpiInf3dhpTest().takes(tmp_path, Choice())
    assert take.frames == 0
    with pytest.raises(EpiposeError, match=r"TS1/annot_data\.mat cannot be read .*download or extract it again"):
        take.truth()
    assert not MpiInf3dhpTest().check(tmp_path)[0].good
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        del file["annot2"]
        file["annot2"] = np.zeros((FRAMES, 1, 16, 2))
    (take,) = MpiInf3dhpTest().takes(tmp_path, Choice())
    with pytest.raises(EpiposeError, match=r"annot2 should have shape \(7, 1, 17, 2\), got \(7, 1, 16, 2\)"):
        take.truth()
