import re
import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest
import torch

from epipose import EpiposeError
from epipose.formats.cameras import read_cameras
from epipose.formats.vicon import read_vicon, undistorted_by, write_vicon
from tests.helpers.camera_files import lab_rig, points, reprojection_px, wide_rig


def test_what_is_written_is_read_again(tmp_path):
    rig = lab_rig("none")
    lost = write_vicon(rig, tmp_path / "rig.xcp")
    assert lost == ("Vicon knows its cameras by number: cam01 = 1, cam02 = 2, cam03 = 3, cam04 = 4.",)
    file = read_cameras(tmp_path / "rig.xcp", poses=True)
    assert file.rig.names == rig.names
    assert (file.rig.metric, file.rig.upright) == (True, True)
    torch.testing.assert_close(file.rig.camera.K, rig.camera.K, atol=1e-9, rtol=0)
    assert reprojection_px(rig, file.rig) < 1e-6
    assert file.notes == ("The file's lengths are millimetres: the farthest cameras stand 6.69 m apart.",)


@pytest.mark.parametrize(
    ("lens", "limit", "said"),
    [("four", 1.2, True), ("five", 1.6, True), ("eight", 0.05, True), ("fisheye", 0.05, False)],
)
def test_lenses_come_as_close_as_the_models_are(tmp_path, lens, limit, said):
    rig = lab_rig(lens)
    lost = write_vicon(rig, tmp_path / "rig.xcp")
    assert reprojection_px(rig, read_vicon(tmp_path / "rig.xcp", poses=True).rig) < limit
    if said:  # the largest error of all the image is said, which is at its corners
        stated = re.search(r"comes within (\S+) px of that of 'cam01'", lost[0])
        assert float(stated.group(1)) < 1.25


def test_tangential_terms_move_the_centre_of_the_lens(tmp_path):
    rig = lab_rig("four")
    write_vicon(rig, tmp_path / "rig.xcp")
    node = ElementTree.parse(tmp_path / "rig.xcp").getroot().find("Camera/KeyFrames/KeyFrame")
    about = [float(word) for word in node.get("VICON_RADIAL2").split()[1:3]]
    assert 1 < np.hypot(about[0] - 529.0510931537, about[1] - 948.2202425042) < 100


def test_a_lens_that_vicon_does_not_have_is_refused(tmp_path):
    with pytest.raises(EpiposeError, match=r"camera 'cam01': Vicon's lens model would miss this lens by .* px"):
        write_vicon(wide_rig(), tmp_path / "rig.xcp")
    assert not list(tmp_path.iterdir())


XCP = """<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<Cameras NAME="" VERSION="1.0">
  <Camera DEVICEID="2119571" DISPLAY_TYPE="Vue" ISDV="2" NAME="Vue_1" PIXEL_ASPECT_RATIO="1" SENSOR="IMX174"
   SENSOR_SIZE="1920 1080" SKEW="0" SYSTEM="" TYPE="VUE_VIDEO" USERID="1">
    <KeyFrames>
      <KeyFrame FOCAL_LENGTH="1650.5" FRAME="0" IMAGE_ERROR="0.2" ORIENTATION="{orientation}"
       POSITION="-3000.5 2100 1500" PRINCIPAL_POINT="957.5 541.25" {radial} WORLD_ERROR="0.3"/>
    </KeyFrames>
  </Camera>
  <Camera DEVICEID="2119600" DISPLAY_TYPE="Vantage" NAME="" PIXEL_ASPECT_RATIO="1" SENSOR_SIZE="2432 2048" TYPE="VA">
    <KeyFrames>
      <KeyFrame FOCAL_LENGTH="2000" ORIENTATION="0 0 0 1" POSITION="0 0 0" PRINCIPAL_POINT="1216 1024"/>
    </KeyFrames>
  </Camera>
  <Camera DEVICEID="2119572" DISPLAY_TYPE="Vue" NAME="" SENSOR_SIZE="1920 1080" TYPE="VUE_VIDEO"><KeyFrames/></Camera>
</Cameras>
"""
RADIAL = 'VICON_RADIAL2="Vicon3Parameter 955.0 538.5 2.5e-08 -3e-15 1e-21"'


def looking_at_the_origin(center):
    """R of an upright camera with z forward and y down."""
    forward = -np.array(center) / np.linalg.norm(center)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def xcp(path, radial=RADIAL):
    R = looking_at_the_origin([-3000.5, 2100, 1500])
    vector = cv2.Rodrigues(R)[0][:, 0]
    half = np.linalg.norm(vector) / 2
    x, y, z = np.sin(half) * vector / (2 * half)
    path.write_text(XCP.format(orientation=f"{x} {y} {z} {np.cos(half)}", radial=radial))
    return R


def test_a_file_of_nexus_has_its_video_cameras(tmp_path):
    R = xcp(tmp_path / "a.xcp")
    rig = read_cameras(tmp_path / "a.xcp", poses=True).rig
    assert rig.names == ("2119571",)
    assert rig.metric
    assert rig.camera.size[0].tolist() == [1920, 1080]
    np.testing.assert_allclose(rig.camera.R[0].numpy(), R, atol=1e-12)
    np.testing.assert_allclose(rig.camera.center[0].numpy(), [-3.0005, 2.1, 1.5], atol=1e-12)
    middle = rig.camera[0].project(torch.zeros(3, dtype=torch.float64))
    assert (middle - torch.tensor([957.5, 541.25])).norm() < 0.1


def test_the_lens_takes_distorted_pixels_to_undistorted_ones(tmp_path):
    xcp(tmp_path / "a.xcp")
    file = read_vicon(tmp_path / "a.xcp", poses=True)
    camera, xyz = file.rig.camera[0], points()
    ideal = (camera.K @ camera.into_frame(xyz)[..., None])[..., 0]
    ideal = ideal[:, :2] / ideal[:, 2:]
    center, k = torch.tensor([955.0, 538.5]).double(), torch.tensor([2.5e-08, -3e-15, 1e-21]).double()
    seen = camera.project(xyz)
    inside = camera.inside(seen)
    assert inside.sum() > 300
    assert (undistorted_by(seen, center, k) - ideal)[inside].norm(dim=-1).max() < 0.01
    assert (seen - ideal)[inside].norm(dim=-1).max() > 3
    assert len(file.notes) == 1  # nothing to say on the lens


def test_the_older_lens_is_about_the_principal_point(tmp_path):
    xcp(tmp_path / "a.xcp", 'VICON_RADIAL="2.5e-08 -3e-15"')
    camera = read_vicon(tmp_path / "a.xcp").rig.camera[0]
    seen = torch.tensor([[100.0, 100], [1800, 900]], dtype=torch.float64)
    expected = undistorted_by(seen, camera.K[:2, 2], torch.tensor([2.5e-08, -3e-15, 0]).double())
    assert (camera.undistort(seen) - expected).norm(dim=-1).max() < 0.02
    xcp(tmp_path / "b.xcp", "")
    assert not read_vicon(tmp_path / "b.xcp").rig.camera.distortion.any()


def test_what_other_readers_of_xcp_need_is_there(tmp_path):
    write_vicon(lab_rig("none"), tmp_path / "rig.xcp")
    for number, node in enumerate(ElementTree.parse(tmp_path / "rig.xcp").getroot().findall("Camera"), start=1):
        frame = node.find("KeyFrames/KeyFrame")
        assert int(node.get("DEVICEID")) == number
        assert "video" in node.get("TYPE").lower()
        assert float(frame.get("WORLD_ERROR")) == 0
        assert len(frame.get("VICON_RADIAL2").split()) == 6
        assert float(node.get("PIXEL_ASPECT_RATIO")) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("</Cameras>", ""), "cannot be read as"),
        (("<KeyFrame ", "<Frame "), "no calibrated <Camera>"),
        (('FOCAL_LENGTH="1650.5"', ""), "camera '2119571': FOCAL_LENGTH must be 1 numbers, got 'None'"),
        (("Vicon3Parameter", "Vicon3Parameter x"), "VICON_RADIAL2 must be a name, two numbers"),
    ],
)
def test_damage_is_named(tmp_path, change, message):
    xcp(tmp_path / "a.xcp")
    text = (tmp_path / "a.xcp").read_text()
    (tmp_path / "a.xcp").write_text(text.replace(*change))
    with pytest.raises(EpiposeError, match=message):
        read_cameras(tmp_path / "a.xcp", poses=True)
