from dataclasses import replace

import cv2
import pytest

from epipose import EpiposeError
from epipose.formats.cameras import read_cameras
from tests.helpers.camera_files import FIVE, lab_rig, reprojection_px


def write_files(folder, rig, factor=1.0, sizes=True, matrices=True):
    """``intri.yml`` and ``extri.yml`` as EasyMocap's writer makes them."""
    intrinsics = cv2.FileStorage(str(folder / "intri.yml"), cv2.FILE_STORAGE_WRITE)
    extrinsics = cv2.FileStorage(str(folder / "extri.yml"), cv2.FILE_STORAGE_WRITE)
    for storage in (intrinsics, extrinsics):
        storage.startWriteStruct("names", cv2.FileNode_SEQ)
        for name in rig.names:
            storage.write("", name)
        storage.endWriteStruct()
    for index, name in enumerate(rig.names):
        camera = rig.camera[index]
        intrinsics.write(f"K_{name}", camera.K.numpy())
        intrinsics.write(f"dist_{name}", camera.distortion[None, :5].numpy())
        if sizes:
            intrinsics.write(f"H_{name}", int(camera.size[1]))
            intrinsics.write(f"W_{name}", int(camera.size[0]))
        extrinsics.write(f"R_{name}", cv2.Rodrigues(camera.R.numpy())[0])
        if matrices:
            extrinsics.write(f"Rot_{name}", camera.R.numpy())
        extrinsics.write(f"T_{name}", factor * camera.t[:, None].numpy())
    intrinsics.release()
    extrinsics.release()


@pytest.mark.parametrize("given", ["", "intri.yml", "extri.yml"])
@pytest.mark.parametrize(("factor", "unit"), [(1.0, "metres"), (1000.0, "millimetres")])
@pytest.mark.parametrize("matrices", [True, False])
def test_both_files_by_either_or_by_the_folder(tmp_path, given, factor, unit, matrices):
    rig = lab_rig("five")
    write_files(tmp_path, rig, factor, matrices=matrices)
    file = read_cameras(tmp_path / given, poses=True)
    assert file.rig.names == rig.names
    assert file.rig.camera.distortion[0].tolist() == [*FIVE, 0, 0, 0]
    assert file.rig.camera.size.tolist() == rig.camera.size.tolist()
    assert reprojection_px(rig, file.rig) < 1e-9
    assert f"taken as {unit}: the farthest cameras stand 6.69 m apart" in file.notes[0]


def test_the_sizes_may_be_missing(tmp_path):
    write_files(tmp_path, lab_rig(), sizes=False)
    (tmp_path / "extri.yml").unlink()
    assert read_cameras(tmp_path / "intri.yml").rig.camera.size.tolist() == [[0, 0]] * 4
    with pytest.raises(EpiposeError, match=r"EasyMocap's poses are in extri.yml: put it beside"):
        read_cameras(tmp_path, poses=True)


def test_numbers_as_names(tmp_path):
    rig = replace(lab_rig(), names=("1", "2", "3", "04"))
    write_files(tmp_path, rig)
    assert read_cameras(tmp_path, poses=True).rig.names == rig.names


def test_a_file_without_the_other(tmp_path):
    write_files(tmp_path, lab_rig())
    (tmp_path / "intri.yml").unlink()
    with pytest.raises(EpiposeError, match=r"intri.yml is missing: put intri.yml beside extri.yml"):
        read_cameras(tmp_path / "extri.yml", poses=True)


def test_a_name_without_a_matrix(tmp_path):
    write_files(tmp_path, lab_rig())
    text = (tmp_path / "intri.yml").read_text()
    (tmp_path / "intri.yml").write_text(text.replace("K_cam03", "K_cam3"))
    with pytest.raises(EpiposeError, match=r"camera 'cam03': there is no K_cam03"):
        read_cameras(tmp_path)
