"""Targets of a clip's crops: everybody labelled, and in 2D what only the detector saw."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.camera import Rig
from epipose.errors import InputError
from epipose.network.crops import crop_boxes, crop_from_pixels, pose_to_crop
from epipose.poses import Poses2D, Poses3D, shown_joints
from epipose.skeletons import H36M17
from epipose.training.clip_targets import Keypoints, crop_targets, subject_keypoints
from epipose.training.samples import clip_samples
from tests.helpers.drawn_clips import clip_folder
from tests.helpers.synthetic import moving_skeleton
from tests.helpers.synthetic import rig as synthetic_rig


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clip_folder(tmp_path / "clip", frames=3, views=2)


def _content(folder: Path) -> tuple[Poses3D, Rig]:
    return Poses3D.load(folder / "poses3d.npz"), Rig.load(folder / "rig.json")


def _keypoints(labels: Poses3D, rig: Rig) -> Keypoints:
    """The labels' own projections, two pixels to the right."""
    xy = rig.camera.to(torch.float32).spread(2).project(labels.xyz[:, 0]) + torch.tensor([2.0, 0.0])
    return Keypoints(xy, torch.full(xy.shape[:-1], 0.8))


def test_all_labelled_people_are_targets(folder: Path) -> None:
    labels, rig = _content(folder)
    camera = rig.camera.to(torch.float32)
    moved = labels.xyz + 0.1 * torch.tensor([1.0, -1.0, 0.5])
    two = replace(labels, xyz=torch.cat([labels.xyz, moved], 1), conf=labels.conf.repeat(1, 2, 1))
    targets = crop_targets(two, camera, "upright")
    one = crop_targets(labels, camera, "upright")
    np.testing.assert_array_equal(targets.uvd[:, :, :1], one.uvd)
    in_frame = camera.spread(2).into_frame(moved[:, 0])
    box = torch.from_numpy(targets.box[:, :, 1])
    expected = pose_to_crop(in_frame, camera.spread(1), box, H36M17.root)
    np.testing.assert_allclose(targets.uvd[:, :, 1], expected.numpy(), atol=1e-6)
    two.save(folder / "poses3d.npz")
    samples = clip_samples(folder, 64)
    assert len(samples) == 12
    assert samples.place is not None
    assert sorted(samples.place.moment.tolist()) == sorted(2 * list(range(6))), "no two people share a moment"
    lengths = [labels.skeleton.bone_lengths(labels.xyz).median(0).values.numpy()[0]] * 2
    np.testing.assert_allclose(samples.bone_lengths, np.mean(lengths, 0), rtol=1e-5)


def test_what_is_not_labelled_is_learned_in_2d(folder: Path) -> None:
    labels, rig = _content(folder)
    conf = labels.conf.clone()
    conf[0, 0, 5] = 0  # one joint of a labelled pose
    conf[1] = 0  # a whole frame
    xyz = torch.where(conf[..., None] > 0, labels.xyz, torch.zeros(()))
    partly = replace(labels, xyz=xyz, conf=conf)
    seen, camera = _keypoints(labels, rig), rig.camera.to(torch.float32)
    seen.conf[:, 2] = 0  # a frame that is labelled, and not detected
    plain, targets = (crop_targets(partly, camera, "roi", keypoints=k, distil=0.5) for k in (None, seen))
    assert not plain.weight[:, 1].any()
    labelled = plain.weight[..., 0] > 0
    np.testing.assert_array_equal(targets.uvd[labelled], plain.uvd[labelled])
    np.testing.assert_array_equal(targets.weight[labelled], plain.weight[labelled])
    for where in ((0, 0, 0, 5), (1, 1, 0, 9)):
        view, frame, person, joint = where
        assert targets.weight[where].tolist() == pytest.approx([0.4, 0.0])
        box = torch.from_numpy(targets.box[view, frame, person])
        expected = crop_from_pixels(seen.xy[view, frame], box)[joint]
        assert targets.uvd[where].tolist() == pytest.approx([*expected.tolist(), 0.0], abs=1e-6)
    assert (targets.weight[:, 1, 0, :, 0] > 0).all()
    around = crop_boxes("roi", seen.xy[:, 1], seen.conf[:, 1], H36M17)
    np.testing.assert_allclose(targets.box[:, 1, 0], around.numpy(), rtol=1e-6)
    np.testing.assert_array_equal(targets.weight[:, 2], plain.weight[:, 2])


def test_keypoints_are_those_of_the_image_that_is_shown() -> None:
    xy = torch.arange(2 * 4, dtype=torch.float32).view(2, 4, 1, 1, 1).expand(-1, -1, -1, 17, 2)
    conf = torch.tensor([0.9, 0.2, 0.9, 0.9]).view(1, 4, 1, 1).expand(2, -1, -1, 17)
    seen = subject_keypoints(Poses2D(xy, conf, H36M17, ("a", "b")), ("b", "a"), [1, 0], H36M17)
    assert seen.xy[:, :, 0, 0].tolist() == [[5, 6, 7, 7], [0, 1, 2, 3]]
    assert (seen.conf[0, :, 0] > 0).tolist() == [False, True, True, True]


def test_keypoints_of_another_clip_are_refused(folder: Path) -> None:
    labels, _ = _content(folder)
    Poses2D(torch.zeros(2, 5, 1, 17, 2), torch.ones(2, 5, 1, 17), H36M17, ("cam1", "cam2")).save(folder / "poses2d.npz")
    with pytest.raises(InputError, match=r"poses2d\.npz does not belong"):
        clip_samples(folder, 64, distil=0.5)
    assert len(clip_samples(folder, 64)) == 2 * len(labels.xyz)


_LOWER_BODY = [
    H36M17.index(name)
    for name in ("pelvis", *(f"{s}_{j}" for s in ("left", "right") for j in ("hip", "knee", "ankle")))
]


def test_joints_that_a_clip_never_shows_are_not_asked_for(folder: Path) -> None:
    """A desk hides legs and hips: the rest is learned, with depths relative to the likely root below the shoulders."""
    labels, rig = _content(folder)
    conf = labels.conf.clone()
    conf[..., _LOWER_BODY] = 0
    hidden = replace(labels, xyz=torch.where(conf[..., None] > 0, labels.xyz, torch.zeros(())), conf=conf)
    camera = rig.camera.to(torch.float32)
    whole, targets = (crop_targets(of, camera, "upright", upright=False) for of in (labels, hidden))
    assert (targets.weight[..., 0] > 0).any(-1).all()
    assert not targets.weight[..., _LOWER_BODY, :].any()
    rest = [joint for joint in range(17) if joint not in _LOWER_BODY]
    assert (targets.weight[..., rest, :] == whole.weight[..., rest, :]).all()
    hidden.save(folder / "poses3d.npz")
    samples = clip_samples(folder, 64)
    assert len(samples) == 6
    bones = [child for _, child in H36M17.bones]
    assert [length > 0 for length in samples.bone_lengths] == [c in rest and H36M17.parents[c] in rest for c in bones]


def test_the_likely_root_is_a_trunk_below_the_shoulders() -> None:
    standing = moving_skeleton(5, roam=0.3)[:, None].float()
    conf = torch.ones(standing.shape[:-1])
    conf[..., _LOWER_BODY] = 0
    labels = Poses3D(standing, conf, H36M17, "world", True)
    camera = synthetic_rig().camera.to(torch.float32)
    whole = crop_targets(replace(labels, conf=torch.ones_like(conf)), camera, "upright")
    targets = crop_targets(labels, camera, "upright")
    thorax = H36M17.index("thorax")
    depth = [of.uvd[..., thorax, 2] * of.box[..., 2] for of in (whole, targets)]  # of the shoulders over the root's
    assert np.abs(depth[1] - depth[0]).max() < 0.15 * 1145 / 4  # 15 cm at the focal length and distance of this rig


def test_a_stray_joint_is_none_that_the_clip_shows() -> None:
    conf = torch.zeros(100, 1, 17)
    conf[..., 7:] = 0.9
    conf[3, :, 2] = 0.4
    assert shown_joints(conf).tolist() == [joint >= 7 for joint in range(17)]
