import cv2
import numpy as np
import pytest
import torch

from epipose.camera import Camera, Rig, assumed_camera, distort, undistort
from epipose.errors import EpiposeError
from epipose.io.files import read_json, write_json
from tests.helpers.synthetic import moving_skeleton, rig


def test_projection_agrees_with_opencv():
    cameras, xyz = rig().camera, moving_skeleton(20)
    uv = cameras.spread(2).project(xyz)
    for view in range(4):
        rotation, _ = cv2.Rodrigues(cameras.R[view].numpy())
        expected, _ = cv2.projectPoints(
            xyz.reshape(-1, 3).numpy(),
            rotation,
            cameras.t[view].numpy(),
            cameras.K[view].numpy(),
            cameras.distortion[view].numpy(),
        )
        assert np.abs(uv[view].reshape(-1, 2).numpy() - expected[:, 0]).max() < 1e-9


def test_undistortion_undoes_projection():
    cameras, xyz = rig().camera.spread(2), moving_skeleton(20)
    in_frame = cameras.into_frame(xyz)
    assert torch.allclose(cameras.to_normalized(cameras.project(xyz)), in_frame[..., :2] / in_frame[..., 2:], atol=1e-9)


def test_center_is_where_the_camera_sees_the_origin_of_its_frame():
    cameras = rig().camera
    assert float(cameras.into_frame(cameras.center).abs().max()) < 1e-12


def test_cropping_and_resizing_move_pixels_as_they_move_the_image():
    camera, xyz = rig().camera[0], moving_skeleton(5)
    uv = camera.project(xyz)
    cropped = camera.cropped(100, -7, 500, 600)
    assert torch.allclose(cropped.project(xyz), uv - torch.tensor([100.0, -7.0], dtype=torch.float64))
    assert cropped.size.tolist() == [500, 600]
    # Halving an image: the centres of pixels 0 and 1 (at 0 and 1) become the centre of pixel 0.
    half = camera.resized(500, 501)
    assert torch.allclose(half.project(xyz), (uv + 0.5) / 2 - 0.5)


def test_a_rig_survives_the_file(tmp_path):
    before = rig()
    before.save(tmp_path / "rig.json")
    after = Rig.load(tmp_path / "rig.json")
    assert after.names == before.names
    assert after.metric
    assert torch.equal(after.camera.R, before.camera.R)
    assert torch.equal(after.camera.size, before.camera.size)


def test_selecting_cameras_by_name_reorders_them():
    names = rig().names
    chosen = rig().select((names[2], names[0]))
    assert torch.equal(chosen.camera.t, rig().camera.t[[2, 0]])
    with pytest.raises(EpiposeError, match="No camera called nobody"):
        rig().select(("nobody",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"cameras": {}}, "holds no cameras"),
        ([1, 2], "cannot be read as a camera file"),
        ({"cameras": {"a": {"size": [10, 10]}}}, "has no 'K'"),
        ({"cameras": {"a": {"K": [[1, 2], [3, 4]], "size": [10, 10]}}}, "must be finite of shape"),
        ({"cameras": {"a": {"K": "wide", "size": [10, 10]}}}, "'K'"),
        ({"cameras": {"a": {"K": [[-5, 0, 1], [0, 5, 1], [0, 0, 1]], "size": [10, 10]}}}, "positive focal lengths"),
    ],
)
def test_bad_camera_files_say_what_is_wrong(tmp_path, content, message):
    write_json(tmp_path / "cameras.json", content)
    with pytest.raises(EpiposeError, match=message):
        Rig.load(tmp_path / "cameras.json", intrinsics_only=True)


def test_intrinsics_alone_are_no_rig(tmp_path):
    write_json(tmp_path / "k.json", {"cameras": {"a": {"K": torch.eye(3).tolist(), "size": [10, 10]}}})
    assert Rig.load(tmp_path / "k.json", intrinsics_only=True).names == ("a",)
    with pytest.raises(EpiposeError, match="has no 'R'"):
        Rig.load(tmp_path / "k.json")


def test_an_assumed_camera_sees_ninety_degrees_less_than_a_fisheye():
    camera = assumed_camera(1920, 1080)
    half_width = float(camera.to_normalized(torch.tensor([[1919.0, 539.5]], dtype=torch.float64))[0, 0])
    assert half_width == pytest.approx(0.5 / 0.8, rel=1e-3)


def test_a_moved_rig_sees_the_moved_scene_as_before():
    xyz, turn = moving_skeleton(5), rig().camera.R[1]
    offset = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    moved = rig().moved(0.3, turn, offset)
    assert torch.allclose(
        moved.camera.spread(2).project(0.3 * xyz @ turn.mT + offset), rig().camera.spread(2).project(xyz)
    )


def test_undistortion_is_exact_for_strong_lenses_and_finite_beyond_them():
    grid = torch.linspace(-0.9, 0.9, 13, dtype=torch.float64)
    xy = torch.cartesian_prod(grid, grid)
    for k1 in (0.7, 0.3, -0.2):
        lens = torch.tensor([k1, 0.02, 0.001, -0.002, 0.0], dtype=torch.float64)
        assert torch.allclose(undistort(distort(xy, lens), lens), xy, atol=1e-9)
    folded = undistort(torch.tensor([[5.0, -7.0]], dtype=torch.float64), torch.tensor([-0.4, 0, 0, 0, 0]).double())
    assert bool(folded.isfinite().all())


def test_a_matrix_that_is_no_rotation_is_refused(tmp_path):
    entry = {"K": torch.eye(3).tolist(), "size": [10, 10], "R": (2 * torch.eye(3)).tolist(), "t": [0, 0, 0]}
    write_json(tmp_path / "rig.json", {"cameras": {"a": entry}})
    with pytest.raises(EpiposeError, match="no rotation matrix"):
        Rig.load(tmp_path / "rig.json")


def test_what_lies_in_the_image_goes_to_the_centres_of_the_last_pixels():
    sizes = torch.tensor([[10, 20], [30, 5]])
    cameras = Camera.from_intrinsics(torch.eye(3).expand(2, 3, 3), torch.zeros(2, 5), sizes)
    uv = torch.tensor([[0.0, 0.0], [9.0, 19.0], [9.5, 3.0], [-0.1, 3.0], [20.0, 4.0]])
    assert cameras.spread(1).inside(uv).tolist() == [
        [True, True, False, False, False],
        [True, False, True, False, True],
    ]


@pytest.mark.parametrize(("numbers", "model"), [(4, None), (5, None), (8, None), (5, "brown-conrady"), (4, "fisheye")])
def test_every_lens_survives_the_file(tmp_path, numbers, model):
    lens = [0.1, 0.02, 0.003, 0.004, 0.05, 0.06, 0.007, 0.008][:numbers]
    entry = {"K": torch.eye(3).tolist(), "size": [10, 10], "distortion": lens}
    write_json(tmp_path / "k.json", {"cameras": {"a": entry if model is None else {**entry, "model": model}}})
    before = Rig.load(tmp_path / "k.json", intrinsics_only=True)
    assert before.camera.distortion.tolist() == [lens + [0.0] * (8 - numbers)]
    assert before.camera.fisheye.tolist() == [model == "fisheye"]
    before.save(tmp_path / "again.json")
    after = Rig.load(tmp_path / "again.json")
    assert torch.equal(after.camera.distortion, before.camera.distortion)
    assert torch.equal(after.camera.fisheye, before.camera.fisheye)
    written = read_json(tmp_path / "again.json")["cameras"]["a"]
    assert len(written["distortion"]) == {4: 4 if model else 5, 5: 5, 8: 8}[numbers]
    assert ("model" in written) == (model == "fisheye")


@pytest.mark.parametrize(
    ("lens", "message"),
    [
        ({"distortion": [0.0] * 11 + [1e-3]}, r"camera 'a', 'distortion' has 12 numbers.*thin-prism and tilt"),
        ({"distortion": [0.0] * 13 + [1e-3]}, r"has 14 numbers.*calibrate again without CALIB_THIN_PRISM_MODEL"),
        ({"distortion": [0.1, 0.2]}, r"has 2 numbers\. Expected k1, k2, p1, p2 .*fill up with zeros"),
        ({"distortion": [0.1] * 5, "model": "fisheye"}, r"has 5 numbers\. A fisheye has k1, k2, k3, k4"),
        ({"distortion": [0.1] * 4, "model": "omni"}, r"'model' is 'omni'\. Expected .*undistort the video first"),
        ({"distortion": [0.1, "b", 0, 0]}, r"'distortion'"),
        ({"distortion": 0.1}, r"'distortion' must be finite of shape \(5,\)"),
    ],
)
def test_lenses_that_are_not_supported_say_what_to_do(tmp_path, lens, message):
    entry = {"K": torch.eye(3).tolist(), "size": [10, 10], **lens}
    write_json(tmp_path / "k.json", {"cameras": {"a": entry}})
    with pytest.raises(EpiposeError, match=message):
        Rig.load(tmp_path / "k.json", intrinsics_only=True)
