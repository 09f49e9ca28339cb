"""Filming and pooling: what is filmed, what is summed up, and that methods agree where there are no errors."""

import math

import pytest
import torch

from benchmarks.geometry import filming, pooling
from benchmarks.geometry.drawn_rigs import ring_rig
from benchmarks.geometry.simulation import simulate
from epipose.experiments.errors import degrees_between, relative_rotation


def test_cameras_of_a_ring_stand_where_they_are_put_and_see_the_middle():
    rig = ring_rig((0, 60, 180))
    center = rig.camera.center
    torch.testing.assert_close(center[:, :2].norm(dim=-1), torch.full((3,), 4.5, dtype=torch.float64))
    assert degrees_between(torch.eye(3), relative_rotation(rig, 0, 2)) > 150
    turn = math.degrees(math.atan2(*center[1, :2].flip(0).tolist()))
    assert turn == pytest.approx(60)
    middle = rig.camera.spread(1).project(torch.tensor([[0.0, 0.0, 0.9]], dtype=torch.float64))[:, 0]
    torch.testing.assert_close(middle, torch.tensor([959.5, 539.5], dtype=torch.float64).expand(3, 2))


def test_places_are_at_equal_distances():
    assert filming.all_round(4) == (0.0, 90.0, 180.0, 270.0) == filming.on_an_arc(4, 270)
    assert filming.all_round(2) == (0.0, 90.0)  # opposite ones would be a special case


def test_a_row_is_the_median_of_its_clips_and_counts_verdicts():
    runs = [
        {"verdict": "trust", "rotation_deg_median": 1.0, "label_pmpjpe_mm": 10.0},
        {"verdict": "check", "rotation_deg_median": 3.0, "label_pmpjpe_mm": None},
        {"verdict": "refused"},
    ]
    row = filming.summary(runs)
    assert (row["clips"], row["rotation_deg_median"], row["label_pmpjpe_mm"]) == (3, 2.0, 10.0)
    assert (row["trust"], row["check"], row["reject"], row["refused"]) == (1, 1, 0, 1)
    assert row["center_mm_mean"] is None


def test_every_method_finds_the_true_rotation_from_exact_keypoints():
    clip = simulate(3, frames=30, pixels=0.0, outliers=0.0, roam=1.0)
    pair = pooling.shared_keypoints(clip, 0, 1, torch.arange(30))
    true = relative_rotation(clip.rig, 0, 1)
    for name, R in pooling.rotations(pair, 0).items():
        assert R is not None, name
        assert degrees_between(R, true) < 0.05, name


def test_quartiles_are_over_clips_and_pairs():
    runs = [{"rotation_deg": {name: {"1": [1.0, 2.0], "3": [0.0, 0.0]} for name in pooling.METHODS}}] * 2
    rows = pooling.summary(runs)[pooling.RANSAC]
    assert rows[0] == {"frames": 1, "pairs": 4, "median_deg": 1.5, "lower_deg": 1.0, "upper_deg": 2.0}
