"""Filling of gaps against SciPy's cubic Hermite spline, and what is left missing."""

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicHermiteSpline

from epipose.errors import EpiposeError
from epipose.poses import Poses3D
from epipose.reconstruction.fill import FILLED_CONFIDENCE, fill_gaps
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17
from tests.helpers.walker import walker

TWO = Skeleton("two", ("a", "b"), (-1, 0))


def noise(frames: int = 40, people: int = 2) -> Poses3D:
    xyz = torch.from_numpy(np.random.default_rng(2).standard_normal((frames, people, 2, 3)))
    return Poses3D(xyz, torch.ones(frames, people, 2), TWO)


def test_a_gap_is_the_cubic_with_the_slopes_of_lines_beside_it() -> None:
    poses = noise()
    poses.conf[10:14, 1, 0] = 0
    found, filled = fill_gaps(poses, 4)
    assert filled == 4
    path = poses.xyz[:, 1, 0].numpy()
    slopes = [np.polyfit(np.arange(5), path[run], 1)[0] for run in (slice(5, 10), slice(14, 19))]
    spline = CubicHermiteSpline([9, 14], path[[9, 14]], slopes)
    np.testing.assert_allclose(found.xyz[10:14, 1, 0], spline(np.arange(10, 14)), atol=1e-9)
    assert found.conf[10:14, 1, 0].tolist() == pytest.approx([FILLED_CONFIDENCE] * 4)
    others = torch.ones(40, 2, 2, dtype=torch.bool)
    others[10:14, 1, 0] = False
    assert torch.equal(found.xyz[others], poses.xyz[others])
    assert torch.equal(found.conf[others], poses.conf[others])
    assert float(poses.conf[10:14, 1, 0].sum()) == 0, "what was given stays"


def test_uniform_motion_is_filled_exactly() -> None:
    poses = noise()
    line = torch.arange(40.0).double()[:, None, None, None] * torch.tensor([0.1, -0.2, 0.3]).double()
    poses = Poses3D(line.expand(40, 2, 2, 3).clone(), poses.conf, TWO)
    truth = poses.xyz.clone()
    for frame, person, joint in ((5, 0, 0), (6, 0, 0), (8, 0, 0), (20, 1, 1), (21, 1, 1), (22, 1, 1), (24, 1, 1)):
        poses.conf[frame, person, joint], poses.xyz[frame, person, joint] = 0, 99
    found, filled = fill_gaps(poses, 3)
    assert filled == 7
    assert bool((found.conf > 0).all())
    torch.testing.assert_close(found.xyz, truth, msg="short runs between two gaps have the velocity beyond them")


def test_labels_without_others_near_them_are_joined_by_a_line() -> None:
    poses = noise(9, 1)
    poses.conf[:, 0, 0] = torch.tensor([1, 0, 0, 1, 0, 0, 0, 0, 0])
    found, filled = fill_gaps(poses, 2)
    assert filled == 2
    a, b = poses.xyz[0, 0, 0], poses.xyz[3, 0, 0]
    torch.testing.assert_close(found.xyz[1:3, 0, 0], torch.stack([a + (b - a) / 3, a + (b - a) * 2 / 3]))


def test_longer_gaps_and_the_ends_stay_missing() -> None:
    poses = noise()
    poses.conf[:3, 0, 0] = 0
    poses.conf[10:15, 0, 0] = 0
    poses.conf[38:, 0, 0] = 0
    poses.conf[:, 1, 1] = 0
    found, filled = fill_gaps(poses, 4)
    assert filled == 0
    assert torch.equal(found.conf, poses.conf)
    found, filled = fill_gaps(poses, 5)
    assert filled == 5
    assert (found.conf[:, 0, 0] > 0).nonzero().flatten().tolist() == list(range(3, 38))


def test_no_gap_reaches_from_one_joint_to_the_next() -> None:
    poses = noise(12, 1)
    poses.conf[6:, 0, 0] = 0
    poses.conf[:8, 0, 1] = 0
    assert fill_gaps(poses, 5)[1] == 0


def test_nothing_is_filled_with_0_and_less_is_refused() -> None:
    poses = noise()
    poses.conf[10, 0, 0] = 0
    assert fill_gaps(poses, 0)[1] == 0
    with pytest.raises(EpiposeError, match="Gaps of up to -1 frames"):
        fill_gaps(poses, -1)


def test_no_gap_is_filled_in_which_the_whole_body_jumps() -> None:
    xyz, conf = walker(60, H36M17)[0][:, None], torch.ones(60, 1, 17)
    xyz[30:] += 2.0
    conf[28:30], conf[40:42] = 0, 0
    found, filled = fill_gaps(Poses3D(xyz, conf, H36M17, metric=True), 5)
    assert filled == 2 * 17
    assert not (found.conf[28:30] > 0).any()
