"""Frames to train on: rare poses are not lost among thousands alike, and the choice follows from the seed."""

import numpy as np
import torch

from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from epipose.training.varied_frames import varied_frames


def labels_of(kinds: list[int], seed: int = 0) -> Poses3D:
    """One person who takes a pose of each kind, with a little noise, somewhere in the room."""
    random = torch.Generator().manual_seed(seed)
    poses = torch.randn(max(kinds) + 1, 17, 3, generator=random)
    xyz = poses[torch.tensor(kinds)] + 0.01 * torch.randn(len(kinds), 17, 3, generator=random)
    xyz = xyz + 5 * torch.randn(len(kinds), 1, 3, generator=random)
    return Poses3D(xyz[:, None], torch.ones(len(kinds), 1, 17), H36M17, "world", True)


def test_rare_poses_are_kept() -> None:
    kinds = [0] * 900 + [1] * 60 + [2] * 30 + [3] * 10
    chosen = varied_frames(labels_of(kinds), np.ones((2, 1000), bool), 120, 0)
    assert chosen.sum() == 120
    counts = np.bincount(np.array(kinds)[chosen.nonzero()[1]], minlength=4)
    assert counts[3] >= 15  # of 20 images
    assert counts[2] >= 20
    assert counts[0] <= 80
    random = 120 * 10 / 1000
    assert counts[3] > 10 * random


def test_other_moments_come_before_other_views() -> None:
    chosen = varied_frames(labels_of([0] * 50 + [1] * 50), np.ones((4, 100), bool), 100, 0)
    assert (chosen.sum(0) == 1).all()  # every moment, each from one view
    assert (chosen.sum(1) > 10).all()  # from all views alike
    more = varied_frames(labels_of([0] * 50 + [1] * 50), np.ones((4, 100), bool), 200, 0)
    assert (more.sum(0) == 2).all()


def test_only_usable_images_and_all_where_there_are_few() -> None:
    usable = np.zeros((2, 40), bool)
    usable[0, 10:30] = usable[1, 15:20] = True
    labels = labels_of([0, 1] * 20)
    assert np.array_equal(varied_frames(labels, usable, 25, 0), usable)
    chosen = varied_frames(labels, usable, 10, 0)
    assert chosen.sum() == 10
    assert not (chosen & ~usable).any()


def test_the_choice_follows_from_the_seed() -> None:
    labels, usable = labels_of(list(range(8)) * 30), np.ones((2, 240), bool)
    first = varied_frames(labels, usable, 50, 3)
    assert np.array_equal(first, varied_frames(labels, usable, 50, 3))
    assert not np.array_equal(first, varied_frames(labels, usable, 50, 4))


def test_missing_joints_and_people_do_not_count() -> None:
    labels = labels_of([0] * 20 + [1] * 20)
    conf = labels.conf.clone()
    conf[::2, :, 5:] = 0
    xyz = torch.where(conf[..., None] > 0, labels.xyz, torch.zeros(()))
    sparse = Poses3D(xyz, conf, H36M17, "world", True)
    assert varied_frames(sparse, np.ones((1, 40), bool), 10, 0).sum() == 10
