"""Human3.6M as h36m-fetch leaves it: chosen frames and annot.h5."""

import json
import shutil

import h5py
import numpy as np
import pytest

from epipose.clip import Clip
from epipose.datasets.base import Selection
from epipose.datasets.h36m_processed import Human36MProcessed
from epipose.datasets.registry import reader_for
from epipose.datasets.to_clip import import_take
from epipose.errors import EpiposeError
from epipose.poses import Poses3D
from tests.helpers.h36m_files import CAMERAS, SIZES, by_opencv, person, write_annot, write_images, write_metadata

READER = Human36MProcessed()
JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]


@pytest.fixture
def fetched(tmp_path):
    """S9 and S11 as h36m-fetch leaves them, every 64th frame of 300."""
    write_metadata(tmp_path)
    frames = np.arange(0, 300, 64)
    for subject, folder, cameras in (
        (9, "TakingPhoto-1", range(4)), (9, "Waiting-1", range(4)), (11, "Directions-2", range(1, 4))
    ):  # fmt: skip
        place = tmp_path / "processed" / f"S{subject}" / folder
        write_annot(place, subject, person(300, subject), frames, tuple(cameras))
        for camera in cameras:
            images, size = place / "imageSequence" / CAMERAS[camera], SIZES[subject, CAMERAS[camera]]
            write_images(images, "img_{:06d}.jpg", [*(frames + 1)], size)
    return tmp_path / "processed"


def test_h5_rows_are_the_images(fetched):
    assert reader_for(fetched)[0] == "h36m-processed"
    takes = READER.takes(fetched, Selection())
    assert [(take.name, take.frames, take.fps, take.step) for take in takes] == [
        ("S9_Photo_1", 5, 50 / 64, 64), ("S9_Waiting_1", 5, 50 / 64, 64), ("S11_Directions_2", 5, 50 / 64, 64)
    ]  # fmt: skip
    assert [path is None for path in takes[2].images] == [True, False, False, False]
    assert [take.name for take in READER.takes(fetched, Selection(subjects=("S9",), known_bad=False))] == ["S9_Photo_1"]


def test_h5_check_compares_cameras_with_each_other(fetched):
    """Every row has its image, and yet one camera kept other frames than the rest."""
    frames, place = np.arange(0, 300, 64), fetched / "S9" / "TakingPhoto-1"
    write_annot(place, 9, person(300, 9), frames, (0, 1, 2, 3))
    with h5py.File(place / "annot.h5", "a") as file:
        file["frame"][5 + 2] = 130
    folder = place / "imageSequence" / CAMERAS[1]
    (folder / "img_000129.jpg").rename(folder / "img_000130.jpg")
    take = READER.takes(fetched, Selection())[0]
    assert take.frames == 0
    with pytest.raises(EpiposeError, match=r"do not show the same frames: image 3 is img_000130\.jpg in the one"):
        take.ground_truth()
    bad = [result.message for result in READER.check(fetched) if not result.ok and "TakingPhoto" in result.message]
    assert len(bad) == 1
    assert "do not show the same frames" in bad[0]
    shutil.rmtree(folder)
    assert READER.takes(fetched, Selection())[0].frames == 5


def test_every_counts_frames_of_the_recording(fetched):
    take = READER.takes(fetched, Selection(subjects=("S9",)))[0]

    def imported(every):
        out = import_take(take, fetched.parent / f"clip{every}", every=every)
        return Clip.load(out).frames, json.loads((out / "take.json").read_text())["options"]["every"]

    assert imported(64) == imported(1) == imported(10) == (5, 64)
    assert imported(128) == (3, 128)
    clip = Clip.load(fetched.parent / "clip128")
    assert (clip.fps, clip.views[0].stride) == (50 / 128, 2)
    poses = Poses3D.load(fetched.parent / "clip128" / "truth" / "poses3d.npz")
    np.testing.assert_allclose(poses.xyz[:, 0], person(300, 9)[[0, 128, 256]][:, JOINTS] / 1000, atol=1e-6)
    with pytest.raises(EpiposeError, match=r"every 64th frame .*--every is 100.* 128"):
        imported(100)


def test_h5_poses_are_known_in_views_without_rows(fetched):
    take = READER.takes(fetched, Selection(subjects=("S11",), views=CAMERAS[:1]))[0]
    truth = take.ground_truth()
    assert take.frames == 5
    assert truth.poses.conf.amin() == 1
    assert truth.poses2d.views == CAMERAS[:1]
    assert truth.poses2d.conf.amax() == 0


@pytest.mark.parametrize("which", [0, 2])
def test_h5_poses_go_from_camera_to_world(fetched, which):
    take = READER.takes(fetched, Selection())[which]
    subject = int(take.subject[1:])
    raw = person(300, subject)[::64, JOINTS]
    truth = take.ground_truth()
    np.testing.assert_allclose(truth.poses.xyz[:, 0], raw / 1000, atol=1e-6)
    assert truth.poses.space == "world"
    assert truth.poses2d.views == take.rig.names == CAMERAS
    pixels = take.rig.camera.spread(2).project(truth.poses.xyz[:, 0].double()[None])
    for view in range(which // 2, 4):
        np.testing.assert_allclose(pixels[view], by_opencv(raw, view, subject), atol=1e-3)
        np.testing.assert_allclose(truth.poses2d.xy[view, :, 0], pixels[view], atol=1e-3)
    assert truth.poses2d.conf.amax((1, 2, 3)).tolist() == [1 - which // 2, 1, 1, 1]


def test_h5_only_frames_with_images_count(fetched):
    place = fetched / "S9" / "TakingPhoto-1"
    for camera in CAMERAS:
        (place / "imageSequence" / camera / "img_000065.jpg").unlink()
    take = READER.takes(fetched, Selection(views=CAMERAS[2:]))[0]
    assert take.frames == 4
    assert take.ground_truth().poses2d.views == CAMERAS[2:]
    np.testing.assert_allclose(
        take.ground_truth().poses.xyz[:, 0], person(300, 9)[[0, 128, 192, 256]][:, JOINTS] / 1000, atol=1e-6
    )
    bad = [result.message for result in READER.check(fetched) if not result.ok]
    assert sum("img_000065.jpg is missing, and 0 more" in words for words in bad) == 4
    with h5py.File(place / "annot.h5", "a") as file:
        file["frame"][1] = 77
    assert (
        READER.takes(fetched, Selection())[0].ground_truth().poses.conf.amin() == 1
    )  # other cameras have frame 64 still
    write_images(place / "imageSequence" / CAMERAS[0], "img_{:06d}.jpg", [290])
    assert any("1 images of which" in result.message for result in READER.check(fetched) if not result.ok)


def test_h5_poses_without_images(tmp_path):
    write_metadata(tmp_path)
    write_annot(tmp_path / "S5" / "WalkingTogether-2", 5, person(20, 5), np.array([0, 3, 11]), (0, 1, 2, 3))
    take = READER.takes(tmp_path, Selection())[0]
    assert (take.name, take.frames, take.images) == ("S5_WalkTogether_2", 3, (None,) * 4)
    np.testing.assert_allclose(
        take.ground_truth().poses.xyz[:, 0], person(20, 5)[[0, 3, 11]][:, JOINTS] / 1000, atol=1e-6
    )


def test_h5_damage_shows_in_the_truth_and_in_the_check(fetched):
    path = fetched / "S9" / "TakingPhoto-1" / "annot.h5"
    whole = path.read_bytes()
    for kept in (0, 50, len(whole) // 2):
        path.write_bytes(whole[:kept])
        take = READER.takes(fetched, Selection())[0]
        with pytest.raises(EpiposeError, match=r"TakingPhoto-1/annot\.h5"):
            take.ground_truth()
        assert any("TakingPhoto-1/annot.h5" in result.message for result in READER.check(fetched) if not result.ok)
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        del file["pose/3d"]
    with pytest.raises(EpiposeError, match=r"annot\.h5 lacks pose/3d"):
        READER.takes(fetched, Selection())[0].ground_truth()
    with h5py.File(path, "a") as file:
        file["pose/3d"] = np.zeros((3, 32, 3))
    with pytest.raises(EpiposeError, match=r"pose/3d is \(3, 32, 3\), not \(20, 32, 3\)"):
        READER.takes(fetched, Selection())[0].ground_truth()
    (fetched.parent / "metadata.xml").unlink()
    with pytest.raises(EpiposeError, match=r"metadata\.xml"):
        READER.takes(fetched, Selection())
