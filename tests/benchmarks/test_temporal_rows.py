"""Filters and rows of the temporal benchmark."""

import numpy as np
import pytest
import torch

from benchmarks.network.filters import GRID
from benchmarks.network.temporal_rows import Tracks, all_rows, choose_filters, constant_so_far, measured
from epipose.network.pose_track import TrackInputs
from epipose.skeletons import H36M17

FILTERS = [(kind, run) for kind, grid in GRID.items() for _, run in grid]


@pytest.mark.parametrize("fps", [12.5, 60.0])
def test_filters_leave_a_still_pose_and_causal_ones_the_past(fps):
    rng = np.random.default_rng(0)
    still = np.broadcast_to(rng.normal(size=(1, 17, 3)), (40, 17, 3)).copy()
    moving = rng.normal(size=(40, 17, 3))
    other = moving.copy()
    other[25:] += 1
    for kind, run in FILTERS:
        np.testing.assert_allclose(run(still, fps), still, atol=1e-9)
        before, after = run(moving, fps)[:25], run(other, fps)[:25]
        assert before.shape == (25, 17, 3)
        if "causal" in kind:
            np.testing.assert_allclose(before, after, atol=1e-12)
        else:
            assert np.abs(before - after).max() > 1e-3
        calm = np.diff(run(moving, fps), n=2, axis=0)
        assert np.abs(calm).mean() < np.abs(np.diff(moving, n=2, axis=0)).mean()


def noisy_tracks() -> Tracks:
    g = torch.Generator().manual_seed(0)
    true = 0.3 * torch.randn(3, 1, 17, 3, generator=g).expand(3, 40, 17, 3)
    true = true - true[:, :, :1]
    xyz = true + 0.03 * torch.randn(true.shape, generator=g)
    zero = torch.zeros(3, 40, 17)
    inputs = TrackInputs(xyz, xyz[..., :2], zero, zero, torch.ones(3, 40))
    return Tracks(inputs, true, torch.ones(3, 40, 17), 25.0)


def test_rows_state_gain_and_jitter():
    tracks = noisy_tracks()
    rows = all_rows(tracks, choose_filters(tracks), {}, measured(tracks.inputs.xyz, tracks))
    first = rows["as it is"]
    assert (first["temporal_gain"], first["jitter_over_detector"]) == (0, 1)
    assert first["acceleration_m_per_s2"] == pytest.approx(0.625 * float(first["acceleration_mm_per_frame2"]), abs=0.01)
    best = next(row for name, row in rows.items() if name.startswith("Butterworth (centred)"))
    assert float(best["temporal_gain"]) > 0.3
    assert float(best["jitter_over_detector"]) < 0.2
    later = measured(tracks.inputs.xyz, tracks._replace(counted=slice(20, None)))
    assert later["pmpjpe_mm"] != first["pmpjpe_mm"]


def test_bones_so_far_do_not_depend_on_later_frames():
    xyz = noisy_tracks().inputs.xyz[:1, :12]
    other = xyz.clone()
    other[:, 6:] *= 2
    assert torch.equal(constant_so_far(xyz)[:, :6], constant_so_far(other)[:, :6])
    lengths = H36M17.bone_lengths(constant_so_far(xyz))
    torch.testing.assert_close(lengths, lengths[..., list(H36M17.bone_flip)])
