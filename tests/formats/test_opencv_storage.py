import cv2
import numpy as np
import pytest
import torch

from epipose import EpiposeError
from epipose.formats.cameras import read_cameras
from epipose.formats.opencv_storage import read_opencv, write_opencv
from tests.helpers.camera_files import EIGHT, FIVE, LENSES, lab_rig, opencv_px, reprojection_px


@pytest.mark.parametrize("unit", ["m", "mm"])
@pytest.mark.parametrize("lens", list(LENSES))
def test_what_is_written_is_read_again(tmp_path, unit, lens):
    rig = lab_rig(lens)
    paths = write_opencv(rig, tmp_path / "rig.yml", unit)
    assert [path.name for path in paths] == [f"rig_cam0{number}.yml" for number in (1, 2, 3, 4)]
    file = read_cameras(tmp_path, poses=True)
    assert file.rig.names == rig.names
    assert (file.rig.metric, file.rig.upright) == (True, True)
    assert torch.equal(file.rig.camera.distortion, rig.camera.distortion)
    assert file.rig.camera.fisheye.tolist() == rig.camera.fisheye.tolist()
    assert reprojection_px(rig, file.rig) < 1e-9


@pytest.mark.parametrize("lens", list(LENSES))
def test_opencv_reads_it_and_projects_alike(tmp_path, lens):
    rig = lab_rig(lens)
    columns = [[], [], [], []]
    for path in write_opencv(rig, tmp_path / "rig.yml"):
        storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
        for column, key in zip(columns, ("camera_matrix", "distortion_coefficients", "R", "T"), strict=True):
            column.append(storage.getNode(key).mat())
        assert storage.getNode("fisheye_model").real() == (lens == "fisheye")
    assert [int(storage.getNode(f"image_{side}").real()) for side in ("width", "height")] == [1088, 1920]
    assert opencv_px(rig, *columns, fisheye=lens == "fisheye") < 1e-6


def written_by_opencv(path, **entries):
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for key, value in entries.items():
        storage.write(key, value)
    storage.release()


K = np.array([[1668.88, 0, 529.05], [0, 1668.81, 948.22], [0, 0, 1]])


@pytest.mark.parametrize("ending", ["yml", "yaml", "xml", "json"])
@pytest.mark.parametrize(
    ("names", "size"),
    [
        (("camera_matrix", "distortion_coefficients", "rvec", "tvec"), {"image_width": 1080, "image_height": 1920}),
        (("K", "D", "R", "T"), {"image_size": np.array([1080.0, 1920.0])}),
        (("M", "D", "R", "T"), {}),
        (("mtx", "dist", "rotation_matrix", "translation_vector"), {"imageSize": np.array([[1080.0], [1920.0]])}),
    ],
)
def test_files_that_opencv_wrote(tmp_path, ending, names, size):
    rvec, t = np.array([[0.3], [-0.2], [0.1]]), np.array([[0.5], [0.6], [3.0]])
    rotation = cv2.Rodrigues(rvec)[0] if names[2] in ("R", "rotation_matrix") else rvec
    values = dict(zip(names, (K, np.array([EIGHT]), rotation, t), strict=True))
    for name in ("left", "right"):
        written_by_opencv(tmp_path / f"{name}.{ending}", **values, **size)
    file = read_cameras(tmp_path / f"left.{ending}")
    assert file.rig.names == ("left",)
    assert file.rig.camera.size[0].tolist() == ([1080, 1920] if size else [0, 0])
    both = read_cameras(tmp_path, poses=True).rig
    assert both.names == ("left", "right")
    assert not both.metric  # two cameras in one place say nothing on the unit
    assert opencv_px(both, [K] * 2, [EIGHT] * 2, [rvec] * 2, [t] * 2) < 1e-6


@pytest.mark.parametrize(
    ("entries", "fisheye"),
    [
        ({"fisheye_model": 1}, True),
        ({"fisheye_model": 0}, False),
        ({"distortion_model": "equidistant"}, True),
        ({}, False),
    ],
)
def test_fisheyes_where_the_file_says_so(tmp_path, entries, fisheye):
    written_by_opencv(tmp_path / "a.yml", camera_matrix=K, distortion_coefficients=np.array([FIVE[:4]]), **entries)
    assert read_opencv([tmp_path / "a.yml"]).rig.camera.fisheye.tolist() == [fisheye]


ROS = """image_width: 640
image_height: 480
camera_name: head_left
camera_matrix:
  rows: 3
  cols: 3
  data: [600.5, 0.0, 320.0, 0.0, 601.0, 240.0, 0.0, 0.0, 1.0]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [0.1, 0.2, 0.001, 0.002, 0.0]
"""


def test_a_camera_info_of_ros(tmp_path):
    (tmp_path / "ost.yaml").write_text(ROS)
    rig = read_cameras(tmp_path / "ost.yaml").rig
    assert rig.names == ("head_left",)
    assert rig.camera.K[0].tolist() == [[600.5, 0, 320], [0, 601, 240], [0, 0, 1]]
    assert rig.camera.distortion[0, :4].tolist() == [0.1, 0.2, 0.001, 0.002]
    assert rig.camera.size[0].tolist() == [640, 480]


def test_what_is_missing_or_broken_is_named(tmp_path):
    written_by_opencv(tmp_path / "a.yml", camera_matrix=K, distortion_coefficients=np.zeros((1, 14)) + 0.01)
    with pytest.raises(EpiposeError, match=r"a.yml, distortion has 14 numbers.*thin-prism"):
        read_opencv([tmp_path / "a.yml"])
    written_by_opencv(tmp_path / "b.yml", something=K)
    with pytest.raises(EpiposeError, match=r"no camera matrix; expected one of camera_matrix.*got something"):
        read_opencv([tmp_path / "b.yml"])
    (tmp_path / "c.yml").write_text("%YAML:1.0\n---\ncamera_matrix: [1,")
    with pytest.raises(EpiposeError, match="cannot be read as a file of OpenCV's FileStorage"):
        read_opencv([tmp_path / "c.yml"])
    written_by_opencv(tmp_path / "d.yml", camera_matrix=K)
    with pytest.raises(EpiposeError, match=r"does not say where its cameras stand \(d: "):
        read_opencv([tmp_path / "d.yml"], poses=True)
