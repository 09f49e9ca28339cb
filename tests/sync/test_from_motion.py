"""Time offsets from motion: a simulated walk filmed by the real rig, cut by known offsets; only keypoints are given."""

import numpy as np
import pytest
import torch

from epipose import Poses2D
from epipose.geometry.time_offset import epipolar_scan, robust_costs
from epipose.skeletons import H36M17
from epipose.sync.from_motion import _descend, offsets_from_motion
from epipose.sync.result import TimeOffsets, combine_offsets
from tests.helpers.synthetic import detections, moving_skeleton, rig

FPS = 50.0


def cut(people, starts, lengths):
    """Poses2D of (view, frame, joint, 2) per person, view v cut to ``lengths[v]`` frames from ``starts[v]`` on."""
    shape = (len(starts), max(lengths), len(people), 17)
    xy, conf = torch.zeros(*shape, 2), torch.zeros(shape)
    for row, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        for number, uv in enumerate(people):
            xy[row, :length, number], conf[row, :length, number] = uv[row, start : start + length].float(), 1
    return Poses2D(xy, conf, H36M17, tuple(f"cam{row}" for row in range(len(starts))))


def clocks(lengths, fps=FPS):
    return [np.arange(length) / fps for length in lengths]


def walk(frames, seed=0, roam=1.2, pixels=6.0, outliers=0.03):
    return detections(rig(), moving_skeleton(frames, seed, roam), pixels, outliers, seed)[0]


@pytest.mark.parametrize("seed", range(2))
def test_whole_clip_offsets_are_found_to_the_frame(seed):
    starts = np.random.default_rng(seed).integers(0, 400, 4)
    lengths = [500 + int(starts.max() - start) - 20 * row for row, start in enumerate(starts)]
    found = offsets_from_motion(cut([walk(1000, seed)], starts, lengths), clocks(lengths))
    assert (np.round(np.array(found.starts) * FPS) == starts - starts.min()).all()
    assert found.sure
    assert found.warnings == ()
    assert min(found.support) > 1


@pytest.mark.slow
def test_a_view_that_tells_nothing_does_not_tear_the_clip_apart():
    """Who crosses an image in half a second fits at no start; the view then starts as the others do."""
    starts = [0, 40, 90, 0]
    poses = cut([walk(500)], starts, [400] * 4)
    poses.conf[3, :200], poses.conf[3, 225:] = 0, 0
    found = offsets_from_motion(poses, clocks([400] * 4))
    assert (np.round(np.array(found.starts[:3]) * FPS) == starts[:3]).all()
    assert 0 <= found.starts[3] <= 90 / FPS
    assert found.support[3] == 0
    assert not found.sure


@pytest.mark.parametrize("seed", range(3))
def test_videos_that_start_together_stay_so(seed):
    """Little motion and much noise: the best fit is a frame off, but not clearly better."""
    found = offsets_from_motion(cut([walk(80, seed, 0.1, 12.0, 0.05)], [0] * 4, [80] * 4), clocks([80] * 4))
    assert found.starts == (0.0,) * 4
    assert found.sure


def test_who_moves_is_found_among_others():
    """A bystander stands in every view, first in the list of two of them; he fits at any shift and so at none."""
    still = detections(rig(), moving_skeleton(1, 9).expand(500, -1, -1) + torch.tensor([1.0, 0.5, 0.0]), 6.0, 0.03, 1)[
        0
    ]
    starts, lengths = [0, 37, 120, 5], [300] * 4
    poses = cut([walk(500, 3), still], starts, lengths)
    order = torch.tensor([1, 0])
    mixed = Poses2D(poses.xy.clone(), poses.conf, H36M17, poses.views)
    mixed.xy[:2] = poses.xy[:2][:, :, order]
    found = offsets_from_motion(mixed, clocks(lengths))
    assert (np.round(np.array(found.starts) * FPS) == starts).all()


def test_livelier_people_whom_only_one_view_sees_do_not_mislead():
    starts, lengths = [0, 37, 120, 5], [300] * 4
    others = torch.stack([detections(rig(), 1.3 * moving_skeleton(500, 60 + v), 6.0, 0.03)[0][v] for v in range(4)])
    found = offsets_from_motion(cut([others, walk(500, 3, roam=0.6)], starts, lengths), clocks(lengths))
    assert (np.round(np.array(found.starts) * FPS) == starts).all()
    assert found.sure


def test_other_frame_rates_and_dropped_frames():
    uv = walk(700, 4)
    whole = cut([uv], [0, 0], [600, 600])
    times = [np.arange(600) / FPS, np.arange(600) / FPS]
    halved = np.delete(np.arange(50, 600, 2), range(60, 75))  # 25 frames a second, and 15 of them lost
    xy, conf = whole.xy[:2].clone(), whole.conf[:2].clone()
    xy[1, : len(halved)], conf[1, len(halved) :] = whole.xy[1, halved], 0
    found = offsets_from_motion(Poses2D(xy, conf, H36M17, whole.views), [times[0], (halved - 50) / FPS])
    assert found.starts == pytest.approx((0.0, 1.0), abs=0.021)


def test_where_nobody_moves_nothing_is_moved_and_it_is_said():
    still = detections(rig(), moving_skeleton(1).expand(200, -1, -1), 6.0, 0.03)[0]
    found = offsets_from_motion(cut([still], [0, 20, 40, 10], [150] * 4), clocks([150] * 4))
    assert found.starts == (0.0,) * 4
    assert not found.sure
    assert "time offsets cannot be estimated from the motion" in found.warnings[0]


def test_where_every_view_sees_another_person_nothing_is_moved():
    uv = torch.stack([walk(200, 30 + v)[v] for v in range(4)])
    found = offsets_from_motion(cut([uv], [0, 20, 40, 10], [150] * 4), clocks([150] * 4))
    assert found.starts == (0.0,) * 4
    assert not found.sure


def test_a_view_of_something_else_is_named_and_the_others_are_right():
    uv = walk(500, 5)
    uv[3] = walk(500, 77)[3]
    found = offsets_from_motion(cut([uv], [0, 30, 60, 10], [350] * 4), clocks([350] * 4))
    moved = np.round(np.array(found.starts) * FPS)
    assert (moved[:3] - moved[0]).tolist() == [0, 30, 60]
    assert not found.sure
    assert any("cam3" in warning for warning in found.warnings)


def test_the_scan_is_the_eight_point_residual_at_every_shift():
    """Against the moments summed one shift at a time."""
    exact = walk(60, 1, pixels=0.0, outliers=0.0)
    a, b = exact[0], exact[1, 10:50]
    conf_a, conf_b = torch.rand(60, 17).double(), torch.rand(40, 17).double()
    residual, frames = epipolar_scan(a, conf_a, b, conf_b, 30, poses_per_frame=1e9)

    def normalised(xy, conf):
        mean = (conf[..., None] * xy).sum((0, 1)) / conf.sum()
        return (xy - mean) / ((conf[..., None] * (xy - mean) ** 2).sum() / (2 * conf.sum())).sqrt()

    x, y = normalised(a, conf_a), normalised(b, conf_b)
    for lag in (-30, -3, 0, 10, 30):
        k = torch.arange(max(0, -lag), min(40, 60 - lag))
        p = torch.nn.functional.pad(x[k + lag], (0, 1), value=1.0).flatten(0, 1)
        q = torch.nn.functional.pad(y[k], (0, 1), value=1.0).flatten(0, 1)
        weight = (conf_a[k + lag] * conf_b[k]).flatten()
        design = (p[:, :, None] * q[:, None, :]).flatten(1)
        moments = (design * weight[:, None]).T @ design / weight.sum()
        assert float(residual[lag + 30]) == pytest.approx(float(torch.linalg.eigvalsh(moments)[0]), rel=1e-6)
        assert float(frames[lag + 30]) == pytest.approx(len(k), rel=0.2)
    assert int(residual.argmin()) - 30 == 10
    fewer, _ = epipolar_scan(a, conf_a, b, conf_b, 30, poses_per_frame=0.1)
    share = 1 - 8 / (6 * 0.1 * frames)  # of the freedom that is left
    torch.testing.assert_close(fewer, residual / share.clamp_min(1e-3))


def test_the_robust_cost_is_least_at_the_shift_and_counts_what_overlaps():
    uv = walk(200, 2, pixels=2.0, outliers=0.15)
    one = torch.ones(200, 17).double()
    frames = torch.arange(200)
    lags = torch.arange(-4, 5)
    cost, weight = robust_costs(uv[0], one, uv[2], one, lags, frames, 2)
    mean = cost.sum(1) / weight.sum(1)
    assert int(lags[mean.argmin()]) == 0
    assert weight.sum(1).tolist() == [17 * (200 - abs(int(lag))) for lag in lags]
    assert bool((cost[weight == 0] == 0).all())


def test_pairs_of_views_move_together():
    """0 and 1 are tied firmly, and 2 and 3, and the two pairs loosely: no single view can move downhill."""
    lag = np.arange(-8, 9)
    firm, loose = 100.0 * lag**2, 1.0 * (lag - 2) ** 2
    costs = {(0, 1): firm, (2, 3): firm, (0, 2): loose, (1, 3): loose}
    found = _descend(costs, 4, 4)
    assert (found - found[0]).tolist() == [0, 0, 2, 2]


def test_sound_and_motion_are_reconciled():
    motion = TimeOffsets((0.0, 0.5), "motion", (2.0, 2.0), True)
    read_sound = TimeOffsets((0.0, 0.513), "audio", (1.0, 1.0), True)
    doubtful = TimeOffsets((0.0, 0.0), "motion", (0.1, 0.1), False, ("unknown",))
    assert combine_offsets(motion, None) == motion
    assert combine_offsets(motion, read_sound).starts == motion.starts
    assert combine_offsets(motion, read_sound).sure
    assert combine_offsets(doubtful, read_sound) == read_sound
    assert combine_offsets(doubtful, TimeOffsets((0.0, 3.0), "audio", (0.0, 0.0), False)) == doubtful
    other = combine_offsets(motion, TimeOffsets((0.0, 3.0), "audio", (1.0, 1.0), True))
    assert other.starts == motion.starts
    assert not other.sure
    assert "by up to 2.50 s" in other.warnings[-1]


def test_a_start_beyond_the_range_is_said_and_found_in_a_wider_one():
    starts, lengths = [0, 40, 700, 15], [1300] * 4
    poses = cut([walk(2000, 2)], starts, lengths)
    near = offsets_from_motion(poses, clocks(lengths))
    assert not near.sure
    assert near.searched == 10
    assert "cam2" in near.warnings[0]
    assert "up to 10 s apart were searched; --max-offset 60" in near.warnings[0]
    far = offsets_from_motion(poses, clocks(lengths), max_offset=60.0)
    assert far.starts == pytest.approx([start / FPS for start in starts])
    assert far.sure
    assert far.warnings == ()
