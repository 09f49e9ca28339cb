"""MPI-INF-3DHP, test set: files as the release has them, with OpenCV as judge."""

from dataclasses import replace
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch

from epipose.datasets.base import Selection
from epipose.datasets.mpi_inf_3dhp_testset import (
    ACTIVITIES,
    JOINTS,
    PCK_GROUPS,
    PCK_JOINTS,
    VALID_FRAMES,
    MpiInf3dhpTest,
    fitted_intrinsics,
    published_camera,
)
from epipose.datasets.registry import reader_named
from epipose.datasets.to_clip import import_take
from epipose.errors import EpiposeError
from epipose.skeletons import H36M17
from tests.helpers.mpi_inf_3dhp_files import FRAMES, THEIRS, camera_from_world, cloud, images

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


def annotations(folder: Path, camera, seed: int = 3) -> dict[str, np.ndarray]:
    """annot_data.mat as MATLAB 7.3 writes it: HDF5, axes reversed; the raw arrays."""
    folder.mkdir(parents=True)
    world = cloud(len(JOINTS), seed)
    xyz = world @ camera_from_world(1)[0].T + camera_from_world(1)[1]
    pixels, _ = cv2.projectPoints(
        xyz.reshape(-1, 3), np.zeros(3), np.zeros(3), camera.K.numpy(), camera.distortion.numpy()
    )
    pelvis = xyz[:, [JOINTS.index("pelvis")]]
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
    raw = {
        name: annotations(root / "mpi_inf_3dhp_test_set" / name, published_camera(root, name))
        for name in ("TS3", "TS5")
    }
    images(root / "mpi_inf_3dhp_test_set" / "TS3" / "imageSequence", FRAMES + 1, (32, 32), "img_{:06d}.jpg")
    return root, raw


def test_the_test_set_is_indexed_in_both_places(tests_made) -> None:
    root, _ = tests_made
    for place in (root, root / "mpi_inf_3dhp_test_set"):
        reader = reader_named("mpi-inf-3dhp-test")
        assert reader.recognises(place)
        third, fifth = reader.takes(place, Selection())
        assert (third.name, third.subject, third.action, third.frames) == ("TS3", "TS3", "", FRAMES)
        assert third.rig.camera.size.tolist() == [[32, 32]]
        assert fifth.rig.camera.size.tolist() == [[1920, 1080]]
        assert fifth.images == (None,)
    assert sum(VALID_FRAMES.values()) == 2929


def test_get_testset_leaves_one_folder_in_another_of_its_name(tests_made, tmp_path: Path) -> None:
    root, _ = tests_made
    (tmp_path / "mpi_inf_3dhp_test_set").mkdir()
    (tmp_path / "mpi_inf_3dhp_test_set" / "mpi_inf_3dhp_test_set").symlink_to(root / "mpi_inf_3dhp_test_set")
    reader = MpiInf3dhpTest()
    assert reader.recognises(tmp_path)
    assert [take.name for take in reader.takes(tmp_path, Selection())] == ["TS3", "TS5"]
    assert published_camera(tmp_path, "TS5").K[0, 0] == published_camera(root, "TS5").K[0, 0]


def test_images_that_were_not_all_extracted_are_missed(tmp_path: Path) -> None:
    """An extraction that was cut off once made a shorter take, without a word."""
    annotations(tmp_path / "TS3", published_camera(tmp_path, "TS3"))
    images(tmp_path / "TS3" / "imageSequence", 2, (32, 32), "img_{:06d}.jpg")
    (take,) = MpiInf3dhpTest().takes(tmp_path, Selection())
    assert take.frames == len(take.ground_truth().poses.xyz) == FRAMES
    with pytest.raises(EpiposeError, match=r"imageSequence has 2 frames; the take TS3 has 7\. Images are missing"):
        import_take(replace(take, fps=1.0), tmp_path / "clip")
    (tmp_path / "TS3" / "annot_data.mat").write_bytes(b"")
    (take,) = MpiInf3dhpTest().takes(tmp_path, Selection())
    with pytest.raises(EpiposeError, match="cannot be read as annot_data"):
        take.ground_truth()


def test_the_lenses_are_those_of_the_files(tests_made) -> None:
    root, _ = tests_made
    camera = published_camera(root, "TS5")
    assert camera.K[0, 0] == pytest.approx(8.77 * 192)
    assert camera.K[1, 1] == pytest.approx(8.77 * 192 * 0.9932)
    assert camera.K[:2, 2].tolist() == pytest.approx([960 - 0.105 * 192, 540 + 0.1049 * 192])
    assert camera.distortion[:5].tolist() == pytest.approx(
        [-0.276859611, 0.131125256, -0.000360494, -0.001149441, -0.049318332]
    )
    published = published_camera(root, "TS3")  # no file there: the numbers that are known of it
    assert published.K[:2].tolist() == [
        pytest.approx([1500.172, 0, 1017.387], abs=1e-3),
        pytest.approx([0, 1500.832, 1043.032], abs=1e-3),
    ]


@pytest.mark.parametrize(("name", "true_scale"), [("TS3", True), ("TS5", True), ("TS5", False)])
def test_test_joints_by_name_and_onto_the_pixels(tests_made, name: str, true_scale: bool) -> None:
    root, raw = tests_made
    (take,) = MpiInf3dhpTest().takes(root, Selection(subjects=(name,), true_scale=true_scale))
    poses, poses2d, _ = take.ground_truth()
    valid = raw[name]["valid_frame"] == 1
    assert poses.conf[:, 0, 3].tolist() == raw[name]["valid_frame"].tolist()
    assert poses2d.conf[0, :, 0, 8].tolist() == raw[name]["valid_frame"].tolist()
    assert bool(poses.xyz.isfinite().all())
    key = "annot3" if true_scale else "univ_annot3"
    for row, joint in enumerate(H36M17.joints):
        column = JOINTS.index(THEIRS.get(joint, joint))
        expected = torch.from_numpy(raw[name][key][valid, column] / 1000).float()
        torch.testing.assert_close(poses.xyz[valid, 0, row], expected)
    seen = take.rig.camera[0].project(poses.xyz[valid, 0].double())
    miss = (seen - poses2d.xy[0, valid, 0]).abs().max()
    assert miss < 1e-3 if true_scale else miss > 10
    assert take.rig.camera.R[0].tolist() == np.eye(3).tolist()
    assert take.rig.camera.t[0].tolist() == [0, 0, 0]


def test_activities_are_told_frame_by_frame(tests_made) -> None:
    root, _ = tests_made
    (take,) = MpiInf3dhpTest().takes(root, Selection(subjects=("TS3",)))
    expected = [ACTIVITIES[number] for number in [1, 1, 1, 2, 2, 7, 7]]
    assert list(take.ground_truth().actions) == expected[: take.frames]
    assert sorted(ACTIVITIES) == [1, 2, 3, 4, 5, 6, 7]


def test_the_official_joints_are_fourteen_of_human36m() -> None:
    assert len(PCK_JOINTS) == len(set(PCK_JOINTS)) == 14
    assert set(H36M17.joints) - set(PCK_JOINTS) == {"pelvis", "spine", "neck_nose"}
    official = [[0], [1], [2, 5], [3, 6], [4, 7], [8, 11], [9, 12], [10, 13]]  # mpii_get_pck_auc_joint_groups, from 0
    assert [[JOINTS.index(THEIRS.get(j, j)) for j in group] for group in PCK_GROUPS.values()] == official


def test_a_pinhole_is_recovered_from_what_it_shows() -> None:
    generator = torch.Generator().manual_seed(0)
    xyz = torch.rand(50, 3, generator=generator, dtype=torch.float64) + torch.tensor([0.0, 0.0, 2.0])
    K = torch.tensor([[1500.0, 0, 1010], [0, 1490, 1030], [0, 0, 1]], dtype=torch.float64)
    uv = (xyz @ K.T)[:, :2] / xyz[:, 2:]
    found, miss = fitted_intrinsics(xyz, uv)
    torch.testing.assert_close(found, K)
    assert miss < 1e-6


def test_check_of_the_test_set_measures_what_projects(tests_made, monkeypatch) -> None:
    root, _ = tests_made
    monkeypatch.setitem(VALID_FRAMES, "TS3", 5)
    results = MpiInf3dhpTest().check(root)
    good = " ".join(result.message for result in results if result.ok)
    bad = " ".join(result.message for result in results if not result.ok)
    assert "TS3/annot_data.mat marks 5 frames valid, 5 are published" in good
    assert "TS5/annot_data.mat marks 5 frames valid, 276 are published" in bad
    assert "TS3/annot_data.mat: by the published intrinsics annot3 falls 0.00 pixels from annot2" in good
    assert "has 8 images of 32 x 32 for 7 annotated frames" in good
    assert "TS1/annot_data.mat is missing" in bad


def test_damaged_test_files_are_named(tests_made, tmp_path: Path) -> None:
    root, _ = tests_made
    with pytest.raises(EpiposeError, match="holds no test sequence"):
        MpiInf3dhpTest().takes(tmp_path, Selection())
    with pytest.raises(EpiposeError, match="no action Sports; there are: TS3, TS5"):
        MpiInf3dhpTest().takes(root, Selection(actions=("Sports",)))
    with pytest.raises(EpiposeError, match="no view cam0; there are: camera"):
        MpiInf3dhpTest().takes(root, Selection(views=("cam0",)))
    with pytest.raises(EpiposeError, match="no subject TS1; there are: TS3, TS5"):
        MpiInf3dhpTest().takes(root, Selection(subjects=("TS1",)))
    annotations(tmp_path / "TS1", published_camera(tmp_path, "TS1"))
    path = tmp_path / "TS1" / "annot_data.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (take,) = MpiInf3dhpTest().takes(tmp_path, Selection())
    assert take.frames == 0
    with pytest.raises(EpiposeError, match=r"TS1/annot_data\.mat cannot be read .*download or extract it again"):
        take.ground_truth()
    assert not MpiInf3dhpTest().check(tmp_path)[0].ok
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        del file["annot2"]
        file["annot2"] = np.zeros((FRAMES, 1, 16, 2))
    (take,) = MpiInf3dhpTest().takes(tmp_path, Selection())
    with pytest.raises(EpiposeError, match=r"annot2 should have shape \(7, 1, 17, 2\), got \(7, 1, 16, 2\)"):
        take.ground_truth()
