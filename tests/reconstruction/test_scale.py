"""Metres from a height, a bone or a distance between cameras."""

import math
import re
from dataclasses import replace

import pytest
import torch

from epipose.calibration.calibrate import calibrate_rig
from epipose.errors import EpiposeError
from epipose.poses import Poses2D
from epipose.reconstruction.scale import check_height, metric_scale, parse_bone, parse_camera_distance, scale_estimator
from epipose.reconstruction.world_frame import stature
from epipose.skeletons import H36M17
from tests.helpers import synthetic

SMALL = 0.4  # the world of these tests is this many metres to the metre
XYZ, CONF = SMALL * synthetic.moving_skeleton(40), torch.ones(40, 17, dtype=torch.float64)
RIG = synthetic.rig().moved(SMALL, torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))


def scale(**given):
    found = metric_scale(XYZ, CONF, H36M17, RIG, **given)
    assert found is not None
    return found


def test_a_height():
    height = stature(XYZ, CONF, H36M17) / SMALL
    found = scale(height=height)
    assert found.factor == pytest.approx(1 / SMALL)
    assert 0.02 < found.sigma < 0.06
    assert not found.warnings


def test_a_height_by_the_arms_where_nothing_else_is_seen():
    conf = CONF.clone()
    conf[:, :7] = 0
    found = metric_scale(XYZ, conf, H36M17, RIG, height=1.75)
    assert found is not None
    assert found.factor == pytest.approx(1 / SMALL, rel=0.12)
    assert found.sigma == pytest.approx(0.08)
    assert "measured by upper arms and forearms alone" in found.words[0]


def test_a_height_of_somebody_without_limbs_is_refused():
    with pytest.raises(EpiposeError, match="no limb of the subject is ever seen"):
        metric_scale(XYZ, 0 * CONF, H36M17, RIG, height=1.75)


@pytest.mark.parametrize(
    ("name", "metres"),
    [
        ("thigh", 0.44),
        ("shank", 0.42),
        ("upper_arm", 0.28),
        ("forearm", 0.25),
        ("left_knee-left_ankle", 0.42),
        ("hips", 0.26),
    ],
)
def test_a_bone(name, metres):
    found = scale(bones=[(name, metres)])
    # the hips are two bones from the pelvis here, which swing: their width is not the sum
    assert found.factor == pytest.approx(1 / SMALL, rel=1e-6 if name != "hips" else 0.1)
    assert found.sigma >= 0.015 / metres - 1e-9
    assert name in found.words[0]


def test_a_distance_between_cameras():
    center = synthetic.rig().camera.center
    a, b = RIG.names[0], RIG.names[2]
    found = scale(camera_distances=[(a, b, float((center[0] - center[2]).norm()))])
    assert found.factor == pytest.approx(1 / SMALL)
    assert found.sigma < 0.02


def test_several_lengths_are_weighed_by_their_errors():
    center = synthetic.rig().camera.center
    distance = (RIG.names[0], RIG.names[2], float((center[0] - center[2]).norm()))
    found = scale(height=1.72, bones=[("thigh", 0.45)], camera_distances=[distance])
    assert found.factor == pytest.approx(1 / SMALL, rel=0.005)  # the distance is the surest
    assert found.sigma < 0.01
    assert len(found.words) == 3
    assert not found.warnings


def test_lengths_that_contradict_each_other_are_named():
    found = scale(bones=[("thigh", 0.44), ("shank", 0.84)])
    assert any("bone shank of 0.84 m makes the world" in warning for warning in found.warnings)
    assert found.sigma > 0.1


def test_nothing_given_is_no_scale():
    assert metric_scale(XYZ, CONF, H36M17, RIG) is None


@pytest.mark.parametrize("height", [175.0, 0.2, 3.0, math.nan, -1.7])
def test_heights_that_nobody_has(height):
    with pytest.raises(EpiposeError, match=r"--height is .* m; expected metres between 0.5 and 2.5"):
        check_height(height)
    with pytest.raises(EpiposeError, match="--height"):
        scale(height=height)


def test_centimetres_are_recognised():
    with pytest.raises(EpiposeError, match=r"Were centimetres meant\? Then write 1.75"):
        check_height(175.0)
    with pytest.raises(EpiposeError, match=r"write 0.42"):
        parse_bone("thigh=42")


def test_bones_are_read():
    assert parse_bone("thigh=0.42") == ("thigh", 0.42)
    assert parse_bone("left_knee-left_ankle = 0.4") == ("left_knee-left_ankle", 0.4)


@pytest.mark.parametrize("text", ["thigh", "=0.4", "thigh=", "thigh=long", "thigh=nan", ""])
def test_bones_that_cannot_be_read(text):
    with pytest.raises(EpiposeError, match=re.escape(f"--bone {text}: expected a name, '='")):
        parse_bone(text)


@pytest.mark.parametrize("name", ["tail", "left_knee", "left_knee-", "left_knee-left_knee", "left_knee-nose"])
def test_bones_that_do_not_exist(name):
    with pytest.raises(EpiposeError, match=rf"--bone {name}: no such bone. Name one of thigh, .*left_ankle"):
        scale(bones=[(name, 0.4)])


def test_a_bone_that_was_never_seen():
    conf = CONF.clone()
    conf[:, [H36M17.index("left_wrist"), H36M17.index("right_wrist")]] = 0
    with pytest.raises(EpiposeError, match="forearm: its joints were never seen"):
        metric_scale(XYZ, conf, H36M17, RIG, bones=[("forearm", 0.25)])


def test_camera_names_may_have_hyphens():
    names = ("cam-1", "cam-2", "cam")
    assert parse_camera_distance("cam-1-cam-2=3.5", names) == ("cam-1", "cam-2", 3.5)
    assert parse_camera_distance("cam-cam-1=1", names) == ("cam", "cam-1", 1.0)
    for text, words in (("cam-1=3", "no pair"), ("a-b=3", "cam-1, cam-2, cam"), ("cam-1-cam-2=x", "expected a name")):
        with pytest.raises(EpiposeError, match=words):
            parse_camera_distance(text, names)
    with pytest.raises(EpiposeError, match=r"between 0\.05 and 200"):
        parse_camera_distance("cam-1-cam-2=0", names)


def test_cameras_at_one_place_measure_nothing():
    t = torch.zeros(4, 3, dtype=torch.float64)
    rig = replace(RIG, camera=RIG.camera.with_pose(RIG.camera.R, t))
    with pytest.raises(EpiposeError, match="both cameras were estimated at one place"):
        metric_scale(XYZ, CONF, H36M17, rig, camera_distances=[(RIG.names[0], RIG.names[1], 3.0)])


@pytest.mark.slow
def test_known_lengths_make_a_calibrated_rig_metric():
    true, walk = synthetic.rig(), synthetic.moving_skeleton(30)
    uv, conf = synthetic.detections(true, walk, pixels=1.0)
    center = true.camera.center
    height = stature(walk, conf[0], H36M17)
    apart = f"{true.names[0]}-{true.names[3]}={float((center[0] - center[3]).norm())}"
    measure = scale_estimator(H36M17, true.names, height, ["thigh=0.44"], [apart])
    found = calibrate_rig(Poses2D(uv[:, :, None], conf[:, :, None], H36M17, true.names), true, measure=measure)
    assert found.rig.metric
    assert found.scale is not None
    assert len(found.notes()) == 3  # one for each length, and no contradiction between them
    distances = [torch.cdist(of, of) for of in (found.rig.camera.center, center)]
    assert torch.allclose(*distances, rtol=0.02)
