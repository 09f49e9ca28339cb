import pytest
import torch

from epipose import EpiposeError
from epipose.formats.qualisys import read_qualisys, write_qualisys
from tests.helpers.camera_files import lab_rig, reprojection_px, wide_rig
from tests.helpers.qualisys_files import qualisys_text


def write(path, text):
    path.write_text(text)
    return path


def test_units_axes_and_order(tmp_path):
    rig = read_qualisys(write(tmp_path / "Calib.qca.txt", qualisys_text("a", "b")))
    assert rig.names == ("a", "b")
    assert rig.metric
    camera = rig.camera[0]
    expected = torch.tensor([[1681.2449, 0, 532.9737], [0, 1681.0754, 948.1374], [0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(camera.K, expected, atol=1e-3, rtol=0)
    k1_k2_p1_p2_k3 = torch.tensor([-0.046183, 0.139983, 0.000608, 0.00069, 0.25], dtype=torch.float64)
    torch.testing.assert_close(camera.distortion[:5], k1_k2_p1_p2_k3)
    assert camera.size.tolist() == [1088, 1920]
    center = torch.tensor([1.4602323709, -1.9091590483, 1.8965058524], dtype=torch.float64)
    torch.testing.assert_close(camera.center, center)
    assert torch.det(camera.R).item() == pytest.approx(1, abs=1e-6)
    point = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    assert camera.into_frame(point)[2] > 2
    assert ((camera.project(point) > 0) & (camera.project(point) < camera.size)).all()
    above = torch.tensor([0.0, 0.0, 1.5], dtype=torch.float64)
    assert camera.project(above)[1] < camera.project(point)[1]  # up in the world is up in the image


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing of the kind", "cannot be read as"),
        ("<calibration/>", "no <cameras>"),
        (qualisys_text("a").replace('x="1460.2323709"', 'x="left"'), "camera 'a': <transform>.*x=left"),
        (qualisys_text("a").replace("focalLengthU", "fu"), "focalLengthU=None"),
    ],
)
def test_what_is_no_calibration(tmp_path, text, message):
    with pytest.raises(EpiposeError, match=message):
        read_qualisys(write(tmp_path / "x.qca.txt", text))


def test_no_file(tmp_path):
    with pytest.raises(EpiposeError, match="no file"):
        read_qualisys(tmp_path / "absent.qca.txt")


@pytest.mark.parametrize("lens", ["none", "four", "five"])
def test_what_is_written_is_read_again(tmp_path, lens):
    rig = lab_rig(lens)
    assert write_qualisys(rig, tmp_path / "rig.qca.txt") == ()
    again = read_qualisys(tmp_path / "rig.qca.txt")
    assert again.names == rig.names
    assert again.metric
    torch.testing.assert_close(again.camera.K, rig.camera.K, atol=1e-11, rtol=0)
    assert torch.equal(again.camera.distortion, rig.camera.distortion)
    assert reprojection_px(rig, again) < 1e-9


def test_a_rational_lens_is_fitted_and_said(tmp_path):
    rig = lab_rig("eight")
    said = write_qualisys(rig, tmp_path / "rig.qca.txt")
    assert all("comes within 0." in sentence for sentence in said)
    assert reprojection_px(rig, read_qualisys(tmp_path / "rig.qca.txt")) < 0.1


def test_a_fisheye_is_refused(tmp_path):
    with pytest.raises(EpiposeError, match=r"camera 'cam01': Qualisys' lens model .* would miss this lens by .* px"):
        write_qualisys(wide_rig(), tmp_path / "rig.qca.txt")


def test_a_part_of_the_sensor(tmp_path):
    text = qualisys_text("a").replace('left="0" right="1087"', 'left="100" right="1087"').replace('top="0"', 'top="40"')
    camera = read_qualisys(write(tmp_path / "x.qca.txt", text)).camera[0]
    assert camera.size.tolist() == [988, 1880]
    assert camera.K[:2, 2].tolist() == pytest.approx([532.9737 - 100, 948.1374 - 40], abs=1e-3)
