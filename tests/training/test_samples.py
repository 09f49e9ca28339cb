"""Training samples: the stored crops show the labelled joints, and what cannot be used is left out or said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.network.crops import pose_from_crop
from epipose.poses import Poses3D
from epipose.skeleton import Skeleton
from epipose.skeletons import COCO17, H36M17
from epipose.training.samples import WINDOW, clip_samples, concatenate_samples
from tests.helpers.drawn_clips import clip_folder, figure_image


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return clip_folder(tmp_path_factory.mktemp("samples") / "clip", frames=3, views=2)


def _relabel(folder: Path, tmp_path: Path, change) -> Path:
    """A copy of the clip folder (videos stay where they are) with other labels."""
    from epipose.clip import Clip

    Clip.load(folder).save(tmp_path)
    (tmp_path / "rig.json").write_bytes((folder / "rig.json").read_bytes())
    change(Poses3D.load(folder / "poses3d.npz")).save(tmp_path / "poses3d.npz")
    return tmp_path


def test_one_sample_per_view_and_frame_with_joints_where_they_are_drawn(folder: Path) -> None:
    samples = clip_samples(folder, 64)
    assert len(samples) == 6
    assert samples.uvd.shape == (6, 17, 3)
    assert np.abs(samples.uvd[..., :2]).max((1, 2)) == pytest.approx(0.4, abs=1e-5), "margin 1.25: longest side 0.8"
    for index in range(6):
        stored = samples.stored(index).astype(float)
        size = len(stored)
        assert size == 96
        redrawn = figure_image((samples.uvd[index, :, :2] / WINDOW + 0.5) * size - 0.5, size).astype(float)
        # the same figure drawn at the labels covers the same pixels
        overlap = np.corrcoef(stored.max(-1).ravel(), redrawn.max(-1).ravel())[0, 1]
        assert overlap > 0.75


def test_labels_lead_back_to_the_pose(folder: Path) -> None:
    """Sample 4 is view 1, frame 1; with box and camera its (u, v, d) is the labelled pose in that camera's frame."""
    samples, labels, rig = clip_samples(folder, 64), Poses3D.load(folder / "poses3d.npz"), Rig.load(folder / "rig.json")
    camera = rig.camera[1:2].to(torch.float32)
    truth = camera.spread(1).into_frame(labels.xyz[1])
    xy = camera.spread(1).project_in_frame(truth)[0]
    low, high = xy.amin(0), xy.amax(0)
    box = torch.cat([(low + high) / 2, 1.25 * (high - low).amax().view(1), low.new_zeros(1)])[None]
    lengths = torch.stack([(truth[0, c] - truth[0, p]).norm() for p, c in H36M17.bones])
    back = pose_from_crop(torch.from_numpy(samples.uvd[4:5]), camera, box, H36M17, lengths)
    torch.testing.assert_close(back, truth - truth[:, :1], atol=1e-4, rtol=0)


def test_labels_of_other_joints_are_mapped_by_name(folder: Path, tmp_path: Path) -> None:
    backwards = Skeleton("with_heel", ("left_heel", *H36M17.joints[::-1]), (15, *_backwards(H36M17.parents)))

    def with_heel(labels: Poses3D) -> Poses3D:
        xyz, conf = (torch.cat([part[:, :, :1] * 0, part.flip(2)], 2) for part in (labels.xyz, labels.conf))
        return replace(labels, xyz=xyz, conf=conf, skeleton=backwards)

    other, own = clip_samples(_relabel(folder, tmp_path, with_heel), 64), clip_samples(folder, 64)
    assert other.skeleton == H36M17
    np.testing.assert_allclose(other.uvd, own.uvd)
    np.testing.assert_array_equal(other.weight, own.weight)


def _backwards(parents: tuple[int, ...]) -> list[int]:
    """The parents of a skeleton whose joints are in reverse order, behind one more."""
    return [-1 if parent < 0 else len(parents) - parent for parent in parents[::-1]]


def test_selection_of_frames_and_views(folder: Path) -> None:
    everything = clip_samples(folder, 64)
    part = clip_samples(folder, 64, frames=(1, 2), views=["cam2"])
    np.testing.assert_array_equal(part.uvd, everything.uvd[[4, 5]])
    assert part.jpegs == everything.jpegs[4:6]
    with pytest.raises(EpiposeError, match="frames 0 to 2; 1 to 9"):
        clip_samples(folder, 64, frames=(1, 9))
    with pytest.raises(EpiposeError, match="cam9"):
        clip_samples(folder, 64, views=["cam9"])


def test_weights_are_the_labels_confidences_and_gaps_are_left_out(folder: Path, tmp_path: Path) -> None:
    def change(labels: Poses3D) -> Poses3D:
        conf = labels.conf.clone()
        conf[0, 0, 3] = 0.25
        conf[0, 0, 5] = 0
        conf[1, 0, H36M17.root] = 0  # no root: no relative pose
        conf[2, 0, 5:] = 0  # too few joints
        xyz = labels.xyz.clone()
        xyz[0, 0, 5] = 0
        return replace(labels, xyz=xyz, conf=conf)

    samples = clip_samples(_relabel(folder, tmp_path, change), 64)
    assert len(samples) == 2
    assert samples.weight[0, 3].tolist() == [0.25, 0.25]
    assert samples.weight[0, 5].tolist() == [0, 0]
    assert np.isfinite(samples.uvd).all()
    xyz = Poses3D.load(folder / "poses3d.npz").xyz[:, 0]
    for parent, child, frame in ((4, 5, 1), (0, 7, 0)):  # the only frame where both are labelled
        expected = float((xyz[frame, child] - xyz[frame, parent]).norm())
        assert samples.bone_lengths[H36M17.bones.index((parent, child))] == pytest.approx(expected, abs=1e-5)


def test_boxes_are_round_what_the_frame_shows(folder: Path, tmp_path: Path) -> None:
    """A camera turned aside loses an arm: the box is that of the rest, as a detector would give it; labels stay."""
    _relabel(folder, tmp_path, lambda labels: labels)
    rig = Rig.load(tmp_path / "rig.json")
    K = rig.camera.K.clone()
    K[:, 0, 2] -= 60
    aside = replace(rig, camera=replace(rig.camera, K=K))
    aside.save(tmp_path / "rig.json")
    samples = clip_samples(tmp_path, 64)
    xy = aside.camera.spread(2).project(Poses3D.load(folder / "poses3d.npz").xyz[:, 0].double())
    inside = ((xy >= 0) & (xy <= 159)).all(-1).flatten(0, 1).numpy()
    assert len(samples) == 6
    assert not inside.all(1)[:4].any()
    for uvd, shown in zip(samples.uvd, inside, strict=True):
        low, high = uvd[shown, :2].min(0), uvd[shown, :2].max(0)
        np.testing.assert_allclose(low + high, 0, atol=1e-5)
        assert (high - low).max() == pytest.approx(0.8, abs=1e-5)
    assert (samples.weight == 1).all()
    assert (samples.uvd[:, 1:] != 0).any(-1).all()


def test_bone_lengths_are_those_of_the_frames_trained_on(folder: Path, tmp_path: Path) -> None:
    def change(labels: Poses3D) -> Poses3D:
        xyz = labels.xyz.clone()
        xyz[2] *= 10
        return replace(labels, xyz=xyz)

    changed = clip_samples(_relabel(folder, tmp_path, change), 64, frames=(0, 1))
    np.testing.assert_array_equal(changed.bone_lengths, clip_samples(folder, 64, frames=(0, 1)).bone_lengths)


def test_nothing_to_train_on_says_so(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EpiposeError, match="labels for 3 frames"):
        clip_samples(_relabel(folder, tmp_path, lambda p: replace(p, xyz=p.xyz[:2], conf=p.conf[:2])), 64)
    with pytest.raises(EpiposeError, match="no frame from 0 to 2"):
        clip_samples(_relabel(folder, tmp_path, lambda p: replace(p, conf=torch.zeros_like(p.conf))), 64)


def test_clips_are_joined(folder: Path) -> None:
    one = clip_samples(folder, 64, frames=(0, 1))
    other = replace(clip_samples(folder, 64, frames=(2, 2)), bone_lengths=2 * one.bone_lengths)
    both = concatenate_samples([one, other])
    assert len(both) == 6
    np.testing.assert_array_equal(both.uvd[4:], other.uvd)
    np.testing.assert_allclose(both.bone_lengths, one.bone_lengths * (4 + 2 * 2) / 6, rtol=1e-6)
    unseen = one.bone_lengths.copy()
    unseen[3] = 0
    lengths = concatenate_samples([replace(one, bone_lengths=unseen), other]).bone_lengths
    assert lengths[3] == other.bone_lengths[3], "a clip that never saw a bone has no say in its length"
    assert lengths[4] == pytest.approx(both.bone_lengths[4])
    assert concatenate_samples([replace(part, bone_lengths=unseen) for part in (one, other)]).bone_lengths[3] == 0
    unscaled = concatenate_samples([one, replace(other, metric=False)])
    assert not unscaled.metric
    np.testing.assert_array_equal(unscaled.bone_lengths, one.bone_lengths)
    with pytest.raises(EpiposeError, match="different skeletons"):
        concatenate_samples([one, replace(other, skeleton=COCO17)])
