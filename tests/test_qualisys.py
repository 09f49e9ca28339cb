import pytest
import torch

from epipose import EpiposeError
from epipose.qualisys import read_qualisys

# The first camera of a real calibration, numbers shortened; a point one metre above its origin lies in the picture.
CAMERA = """<camera active="1" serial="{name}">
  <fov_video bottom="1919" left="0" right="1087" top="0"/>
  <transform r11="0.5536380477" r12="0.8046719867" r13="0.2144479094" r21="-0.4345300744" r22="0.0594648935"
   r23="0.8986921279" r31="0.710400258" r32="-0.5907342212" r33="0.3825762058"
   x="1460.2323709" y="-1909.1590483" z="1896.5058524"/>
  <intrinsic centerPointU="34110.316406" centerPointV="60680.792969" focalLengthU="107599.671875"
   focalLengthV="107588.828125" radialDistortion1="-0.046183" radialDistortion2="0.139983" radialDistortion3="0.25"
   tangentalDistortion1="0.000608" tangentalDistortion2="0.00069"/>
</camera>"""


def qualisys_text(*names):
    return f"<calibration><cameras>{''.join(CAMERA.format(name=name) for name in names)}</cameras></calibration>"


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
    torch.testing.assert_close(camera.distortion, k1_k2_p1_p2_k3)
    assert camera.size.tolist() == [1088, 1920]
    center = torch.tensor([1.4602323709, -1.9091590483, 1.8965058524], dtype=torch.float64)
    torch.testing.assert_close(camera.center, center)
    assert torch.det(camera.R).item() == pytest.approx(1, abs=1e-6)
    point = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    assert camera.into_frame(point)[2] > 2
    assert ((camera.project(point) > 0) & (camera.project(point) < camera.size)).all()
    above = torch.tensor([0.0, 0.0, 1.5], dtype=torch.float64)
    assert camera.project(above)[1] < camera.project(point)[1]  # up in the world is up in the picture


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing of the kind", "not valid XML"),
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
