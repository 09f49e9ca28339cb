"""Live triangulation: the geometry of `label` moment by moment, one person among several, images that are not there."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from epipose.errors import InputError
from epipose.geometry.observations import observe
from epipose.inference.rig_stream import RigStream
from epipose.poses import Poses2D
from epipose.reconstruction.label import triangulated
from epipose.skeletons import COCO17, H36M17
from tests.helpers.dot_videos import Dots
from tests.helpers.multi_person import Crowd, body
from tests.helpers.synthetic import detections, moving_skeleton, rig
from tests.helpers.table_detector import TableDetector, image_of, person

FPS = 25


def images(cameras, moment, views=range(4)):
    return [image_of(cameras, view, moment) if view in views else None for view in range(4)]


def stream_of(crowd, order=lambda view, moment: [0], **options):
    """A stream on a crowd's detections; ``order``: whom the detector finds in a view, in which order."""
    frames = range(crowd.xy.shape[1])
    people = {
        (view, k): [
            person(crowd.xy[view, k, one], crowd.conf[view, k, one])
            for one in order(view, k)
            if crowd.conf[view, k, one].any()
        ]
        for view in range(4)
        for k in frames
    }
    return RigStream(crowd.rig, TableDetector(people), **options)


def exact(xyz, cameras=None):
    """A crowd of one person whose keypoints have no errors, in the cameras of `rig` where no others are given."""
    crowd = Crowd(rig() if cameras is None else cameras, [xyz], pixels=0.0, outliers=0.0)
    crowd.conf[:] = 1.0
    crowd.xy = crowd.rig.camera.spread(3).project(xyz[:, None])
    return crowd


def test_exact_keypoints_give_the_true_joints():
    xyz = moving_skeleton(5)
    stream = stream_of(exact(xyz))
    for k in range(5):
        pose = stream(images(stream.rig, k), k / FPS)
        np.testing.assert_allclose(pose.xyz, xyz[k].numpy(), atol=1e-5)
        assert (pose.views, pose.t) == (4, k / FPS)
        assert (pose.joint_views == 4).all()
        np.testing.assert_allclose(pose.conf, 1.0, atol=1e-3)


def test_the_joints_are_those_of_label_without_smoothing_and_constant_bones():
    cameras, xyz = rig(), moving_skeleton(12)
    uv, conf = detections(cameras, xyz, 6.0, 0.05)
    crowd = Crowd(cameras, [xyz])
    crowd.xy, crowd.conf = uv[:, :, None], conf[:, :, None]
    crowd.hide(0, 5, 8, views=[2])
    stream = stream_of(crowd)
    for k in range(12):
        pose = stream(images(cameras, k), k / FPS)
        poses = Poses2D(crowd.xy[:, k : k + 1], crowd.conf[:, k : k + 1], H36M17, cameras.names)
        expected, sure = triangulated(observe(poses, cameras), cameras, H36M17, constant_bones=False)
        np.testing.assert_allclose(pose.xyz, expected[0].numpy(), atol=1e-6)
        np.testing.assert_allclose(pose.conf, sure[0].numpy(), atol=1e-4)
        assert pose.views == (3 if 5 <= k < 8 else 4)


def test_one_person_among_three_is_followed_whatever_the_order():
    people = [body(60, seed, at) for seed, at in ((1, (0.0, 0.0)), (2, (0.9, 0.5)), (3, (-0.8, 0.7)))]
    random = np.random.default_rng(0)
    orders = {(view, k): random.permutation(3).tolist() for view in range(4) for k in range(60)}
    crowd = Crowd(rig(), people, pixels=4.0, outliers=0.02)
    stream = stream_of(crowd, lambda view, k: orders[view, k])
    who, errors = [], []
    for k in range(60):
        pose = stream(images(stream.rig, k), k / FPS)
        known = pose.conf > 0
        apart = [float(np.linalg.norm(pose.xyz[known] - one[k].numpy()[known], axis=-1).mean()) for one in people]
        who.append(int(np.argmin(apart)))
        errors.append(min(apart))
    assert len(set(who)) == 1
    assert np.mean(errors) < 0.03


def test_who_is_away_for_long_is_given_up_for_somebody_else_and_not_before():
    people = [body(60, 1, (0.0, 0.0)), body(60, 2, (1.2, 0.6))]
    crowd = Crowd(rig(), people, pixels=2.0, outliers=0.0)
    crowd.hide(1, 0, 20)  # the second comes later
    crowd.hide(0, 25, 60)  # the first leaves
    stream = stream_of(crowd, lambda view, k: [0, 1])
    found = []
    for k in range(60):
        pose = stream(images(stream.rig, k), k / FPS)
        apart = [9.0, 9.0] if pose is None else [float(np.abs(pose.xyz - one[k].numpy()).mean()) for one in people]
        found.append(None if pose is None else int(np.argmin(apart)))
    assert set(found[:25]) == {0}
    gone = found.index(1)
    assert 25 < gone <= 25 + round(0.5 * FPS) + 1
    assert 0 not in found[25:]
    assert set(found[gone:]) == {1}


def test_a_view_with_its_sides_swapped_is_put_right():
    xyz = moving_skeleton(3)
    crowd = Crowd(rig(), [xyz], pixels=1.0, outliers=0.0)
    crowd.xy[2] = crowd.xy[2][:, :, list(H36M17.flip)]
    stream = stream_of(crowd)
    pose = stream(images(stream.rig, 0), 0.0)
    assert float(np.linalg.norm(pose.xyz - xyz[0].numpy(), axis=-1).max()) < 0.03
    assert (pose.joint_views == 4).mean() > 0.8


def test_images_that_are_not_there():
    crowd = Crowd(rig(), [moving_skeleton(3)], pixels=1.0, outliers=0.0)
    stream = stream_of(crowd)
    assert stream(images(stream.rig, 0, views=[1, 3]), 0.0).views == 2
    assert stream(images(stream.rig, 1, views=[1]), 0.1) is None
    assert stream([None] * 4, 0.2) is None
    crowd.hide(0, 0, 3)
    nobody = stream_of(crowd)
    assert nobody(images(nobody.rig, 0), 0.0) is None


def test_smaller_images_of_the_same_shape_are_taken():
    xyz = moving_skeleton(1)
    half = rig().camera.resized(*(rig().camera.size[0] // 2).tolist())
    crowd = exact(xyz)
    crowd.xy[1] = half[1].project(xyz[0])[None, None]
    stream = stream_of(crowd)
    given = images(stream.rig, 0)
    given[1] = given[1][: int(half.size[1, 1]), : int(half.size[1, 0])]
    np.testing.assert_allclose(stream(given, 0.0).xyz, xyz[0].numpy(), atol=1e-5)
    given[1] = given[1][:, :100]
    with pytest.raises(InputError, match="another shape"):
        stream(given, 0.1)


def test_joints_can_be_kept_or_mapped():
    xyz = moving_skeleton(1)
    crowd = exact(xyz)
    native, coco = stream_of(crowd, skeleton=None), stream_of(crowd, skeleton=COCO17)
    assert native.skeleton is H36M17
    pose = coco(images(coco.rig, 0), 0.0)
    wrist = COCO17.joints.index("left_wrist")
    np.testing.assert_allclose(pose.xyz[wrist], xyz[0, H36M17.joints.index("left_wrist")].numpy(), atol=1e-5)
    assert pose.joint_views[wrist] == 4
    nose = COCO17.joints.index("left_ear")  # which these keypoints do not have
    assert (pose.conf[nose], pose.joint_views[nose]) == (0, 0)


def test_lags_are_left_to_the_clocks():
    late = replace(rig(), lag=torch.tensor([0.0, 0.4, 0.0, 0.0]))
    xyz = moving_skeleton(1)
    np.testing.assert_allclose(stream_of(exact(xyz, late))(images(late, 0), 0.0).xyz, xyz[0].numpy(), atol=1e-5)


def test_what_cannot_be_done_says_so():
    with pytest.raises(InputError, match="two or more are needed"):
        RigStream(rig().select(rig().names[:1]), Dots())
    with pytest.raises(InputError, match="cannot follow people in 4 views at once"):
        RigStream(rig(), Dots())
    with pytest.raises(InputError, match="There is no detector 'nobody'"):
        RigStream(rig(), "nobody")


def test_a_stream_can_begin_anew():
    crowd = Crowd(rig(), [moving_skeleton(2)], pixels=1.0, outliers=0.0)
    stream = stream_of(crowd)
    stream(images(stream.rig, 0), 100.0)
    stream.reset()
    assert stream(images(stream.rig, 1), 0.0) is not None
    assert [detector.resets for detector in stream._detectors] == [2] * 4
    stream.close()
