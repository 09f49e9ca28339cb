from dataclasses import replace

import numpy as np
import pytest
import torch

from epipose import EpiposeError
from epipose.formats.cameras import read_cameras
from epipose.formats.colmap import MODELS, write_colmap
from tests.helpers.camera_files import LENSES, lab_rig, points, reprojection_px


@pytest.mark.parametrize("lens", list(LENSES))
def test_what_is_written_is_read_again(tmp_path, lens):
    rig = lab_rig(lens)
    write_colmap(rig, tmp_path / "colmap")
    assert sorted(path.name for path in (tmp_path / "colmap").iterdir()) == [
        "cameras.txt",
        "images.txt",
        "points3D.txt",
    ]
    file = read_cameras(tmp_path / "colmap", poses=True)
    assert file.rig.names == rig.names
    assert (file.rig.metric, file.rig.upright) == (True, True)
    torch.testing.assert_close(file.rig.camera.K, rig.camera.K, atol=1e-12, rtol=0)
    assert torch.equal(file.rig.camera.distortion, rig.camera.distortion)
    assert reprojection_px(rig, file.rig) < 1e-9


def test_the_first_pixels_centre_is_at_half_a_pixel(tmp_path):
    write_colmap(lab_rig("none"), tmp_path)
    words = (tmp_path / "cameras.txt").read_text().splitlines()[2].split()
    assert words[:4] == ["1", "PINHOLE", "1080", "1920"]
    np.testing.assert_allclose(
        [float(word) for word in words[4:]], [1668.8827783921, 1668.8175977071, 529.5510931537, 948.7202425042]
    )


@pytest.mark.parametrize("lens", list(LENSES))
def test_colmap_reads_it_and_projects_alike(tmp_path, lens):
    pycolmap = pytest.importorskip("pycolmap")
    rig = lab_rig(lens)
    write_colmap(rig, tmp_path)
    model = pycolmap.Reconstruction(str(tmp_path))
    images = {image.name: image for image in model.images.values()}
    for index, name in enumerate(rig.names):
        image = images[f"{name}.jpg"]
        in_frame = image.cam_from_world() * points().numpy()
        seen = np.array([image.camera.img_from_cam(point) for point in in_frame]) - 0.5
        assert np.abs(rig.camera[index].project(points()).numpy() - seen).max() < 1e-6


PARAMETERS = {
    "SIMPLE_PINHOLE": [600.0, 320.5, 240.5],
    "PINHOLE": [600.0, 610.0, 320.5, 240.5],
    "SIMPLE_RADIAL": [600.0, 320.5, 240.5, -0.1],
    "RADIAL": [600.0, 320.5, 240.5, -0.1, 0.05],
    "OPENCV": [600.0, 610.0, 320.5, 240.5, -0.1, 0.05, 0.001, -0.002],
    "FULL_OPENCV": [600.0, 610.0, 320.5, 240.5, 0.3, 0.1, 0.001, -0.002, 0.01, 0.35, 0.15, 0.02],
    "SIMPLE_FISHEYE": [600.0, 320.5, 240.5],
    "FISHEYE": [600.0, 610.0, 320.5, 240.5],
    "SIMPLE_RADIAL_FISHEYE": [600.0, 320.5, 240.5, -0.01],
    "RADIAL_FISHEYE": [600.0, 320.5, 240.5, -0.01, 0.02],
    "OPENCV_FISHEYE": [600.0, 610.0, 320.5, 240.5, -0.01, 0.02, -0.01, 0.003],
}
IMAGE = "1 0.9 0.1 -0.2 0.3 0.1 -0.5 3.0 7 some folder/{}\n1.0 2.0 -1 3.0 4.0 5\n"


def test_every_model_is_tried():
    assert set(PARAMETERS) == set(MODELS)


@pytest.mark.parametrize("model", list(PARAMETERS))
def test_every_model_projects_as_colmap_does(tmp_path, model):
    pycolmap = pytest.importorskip("pycolmap")
    parameters = PARAMETERS[model]
    (tmp_path / "cameras.txt").write_text(f"# a comment\n7 {model} 640 480 {' '.join(map(str, parameters))}\n")
    (tmp_path / "images.txt").write_text("# two lines each\n" + IMAGE.format("view 1.png"))
    file = read_cameras(tmp_path / "cameras.txt", poses=True)
    assert file.rig.names == ("view 1",)
    assert not file.rig.metric
    assert "one common factor" in file.notes[0]
    lens = pycolmap.Camera(model=model, width=640, height=480, params=parameters)
    camera = file.rig.camera[0]
    in_frame = camera.into_frame(points())
    seen = np.array([lens.img_from_cam(point) for point in in_frame.numpy()]) - 0.5
    assert np.abs(camera.project(points()).numpy() - seen).max() < 1e-6


def test_a_model_that_colmap_wrote(tmp_path):
    pycolmap = pytest.importorskip("pycolmap")
    rig = lab_rig("eight")
    write_colmap(rig, tmp_path / "ours")
    model = pycolmap.Reconstruction(str(tmp_path / "ours"))
    (tmp_path / "sparse" / "0").mkdir(parents=True)
    model.write_text(str(tmp_path / "sparse" / "0"))
    file = read_cameras(tmp_path, poses=True)
    assert set(file.rig.names) == set(rig.names)
    assert reprojection_px(rig, file.rig.select(rig.names)) < 1e-6
    assert not file.rig.metric  # COLMAP does not keep comments, and has no unit


def test_without_images_there_are_lenses_alone(tmp_path):
    write_colmap(lab_rig(), tmp_path)
    (tmp_path / "images.txt").unlink()
    assert read_cameras(tmp_path).rig.names == ("camera1", "camera2", "camera3", "camera4")
    with pytest.raises(EpiposeError, match=r"does not say where its cameras stand .*images.txt"):
        read_cameras(tmp_path, poses=True)


def test_lines_of_points_may_be_left_out(tmp_path):
    write_colmap(lab_rig(), tmp_path)
    lines = [line for line in (tmp_path / "images.txt").read_text().splitlines() if line]
    for text in ("\n".join(lines), "\n".join([*lines[:3], "1.5 2.5 -1 3e2 4 7", "", *lines[3:], ""])):
        (tmp_path / "images.txt").write_text(text)
        assert reprojection_px(lab_rig(), read_cameras(tmp_path, poses=True).rig) < 1e-9


def test_images_of_one_name_go_by_their_folders(tmp_path):
    write_colmap(lab_rig(), tmp_path)
    text = (tmp_path / "images.txt").read_text()
    for number in (1, 2, 3, 4):
        text = text.replace(f"cam0{number}.jpg", f"c{number}/000001.jpg")
    (tmp_path / "images.txt").write_text(text)
    assert read_cameras(tmp_path).rig.names == ("c1", "c2", "c3", "c4")
    (tmp_path / "images.txt").write_text(text.replace("c2/", "c1/"))
    with pytest.raises(EpiposeError, match=r"4 images .* are not one image per camera"):
        read_cameras(tmp_path)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (
            "cameras.txt",
            ("OPENCV", "THIN_PRISM_FISHEYE"),
            r"lens model is THIN_PRISM_FISHEYE; .*FULL_OPENCV.* are read",
        ),
        ("cameras.txt", ("OPENCV 1080 1920", "OPENCV 1080"), r"camera 1: OPENCV has 8 parameters, got 7"),
        ("cameras.txt", ("1080", "wide"), "expected numbers, got wide"),
        ("images.txt", (" cam02.jpg", ""), "expected lines in pairs"),
        ("images.txt", (" 2 cam02.jpg", " 9 cam02.jpg"), "is of camera 9, which is not there"),
    ],
)
def test_damage_is_named(tmp_path, file, change, message):
    write_colmap(lab_rig(), tmp_path)
    (tmp_path / file).write_text((tmp_path / file).read_text().replace(*change, 1))
    with pytest.raises(EpiposeError, match=message):
        read_cameras(tmp_path, poses=True)


def test_a_binary_model_is_named(tmp_path):
    (tmp_path / "cameras.bin").write_bytes(b"\0")
    with pytest.raises(EpiposeError, match=r"no camera file that is read \(COLMAP's binary .* --output_type TXT"):
        read_cameras(tmp_path)


def test_a_scale_that_is_not_known(tmp_path):
    write_colmap(replace(lab_rig(), metric=False, upright=False), tmp_path)
    file = read_cameras(tmp_path, poses=True)
    assert (file.rig.metric, file.rig.upright) == (False, False)
