"""Rows of the geometry's benchmark: what is counted, and how."""

import math

import cv2
import numpy as np
import pytest
import torch

from benchmarks.geometry.all_geometry import PARTS
from benchmarks.geometry.bound import bound_of
from benchmarks.geometry.hopeless import seated_clip
from benchmarks.geometry.methods import NO_BONES, OURS, best_rival
from benchmarks.geometry.options import Options
from benchmarks.geometry.pooled_rows import pooled_part
from benchmarks.geometry.simulated_rows import DETECTOR, DRAWN, SIMPLE, _harm_share, _over_best_rival, _table
from benchmarks.geometry.simulation import simulate
from benchmarks.geometry.uncertainty_plot import binned, draw_calibration
from benchmarks.geometry.uncertainty_rows import Row, row_of, z_rms
from epipose.geometry.rotation import exp


def in_this_process(work, jobs, workers):
    """In place of `in_processes`: a function of a test cannot be sent to another process."""
    return map(work, jobs)


def run(case, **errors):
    return {
        **case._asdict(),
        "methods": {name: {"found": True, "rotation_deg_median": error} for name, error in errors.items()},
    }


def test_the_best_rival_is_neither_we_nor_we_without_bones():
    assert best_rival({OURS: 0.1, NO_BONES: 0.2, "a": 0.5, "b": 0.4, "gave up": None}) == ("b", 0.4)


def test_we_are_compared_by_medians_over_the_clips_and_on_drawn_rigs_by_the_worse_noise():
    runs = [
        run(case, **{OURS: mine * clip, NO_BONES: 1.0, "a": 1.0 * clip, "b": 2.0})
        for case, mine in ((SIMPLE, 0.5), (DETECTOR, 0.7), (DRAWN[0], 0.9), (DRAWN[1], 1.1))
        for clip in (0.9, 1.0, 5.0)
    ]
    assert _over_best_rival(runs) == {
        "sim_rotation_over_best_rival": pytest.approx(0.5),
        "detector_rotation_over_best_rival": pytest.approx(0.7),
        "drawn_rigs_rotation_over_best_rival": pytest.approx(1.1),
    }
    assert [row["clips"] for row in _table(runs, (SIMPLE, DETECTOR))] == [3] * 8


def test_the_prior_harms_where_bones_make_it_worse_by_five_per_cent():
    runs = [run(SIMPLE, **{OURS: mine, NO_BONES: 1.0}) for mine in (0.5, 1.0, 1.04, 1.06)]
    runs.append({**SIMPLE._asdict(), "methods": {OURS: {"found": False}, NO_BONES: {"found": True}}})
    assert _harm_share(runs) == 0.25


def test_z_is_one_for_errors_as_large_as_stated():
    assert z_rms([(0.5, 0.5), (2.0, 2.0)]) == 1.0
    assert z_rms([(1.0, 0.0), (1.0, 2.0)]) == pytest.approx(math.sqrt(2))
    assert z_rms([]) is None


def test_the_bound_leaves_out_what_is_far_off_and_needs_nothing_else(monkeypatch):
    """Without noise the cameras come out exactly, through however many outliers."""
    monkeypatch.setattr("benchmarks.geometry.bound._PIXELS", 0.01)
    clip = simulate(3, frames=40, pixels=1e-6, outliers=0.2, roam=1.5)
    assert bound_of(clip)["rotation_deg_max"] < 1e-3


def test_pairs_of_rejected_rigs_count_apart():
    runs = [
        {"verdict": "trust", "pairs": [(1.0, 1.0)]},
        {"verdict": "reject", "pairs": [(1.0, 9.0)]},
        {"verdict": "refused", "pairs": []},
    ]
    row = row_of(Row(2, True), runs)
    assert (row["pairs"], row["z_rms"], row["rejected"], row["refused"]) == (1, 1.0, 1, 1)
    assert row["z_rms_all"] == pytest.approx(math.sqrt(41))


def test_the_plot_bins_by_stated_sigma(tmp_path):
    sigma = np.geomspace(0.05, 5, 60)
    pairs = np.stack([sigma, 2 * sigma], -1)
    line = np.array(binned(pairs))
    assert np.allclose(line[:, 1] / line[:, 0], 2)
    assert (np.diff(line[:, 0]) > 0).all()
    path = tmp_path / "plot.png"
    draw_calibration({"given": pairs.tolist(), "hidden": []}, path)
    image = cv2.imread(str(path))
    assert image is not None
    assert image.shape[1] == 2 * image.shape[0]


def test_the_seated_man_sits_before_all_cameras():
    clip = seated_clip(1)
    assert clip.poses.xy.shape[:2] == (4, 57)
    assert float(clip.xyz[:, 0, 2].max()) < 0.8
    assert float(clip.xyz[:, 0, :2].norm(dim=-1).max()) < 0.5
    assert float((clip.poses.conf > 0).double().mean((1, 2, 3)).min()) > 0.8


def test_pooling_is_judged_against_the_median_single_clip():
    """A method that returns the true rig, but for a turn: the gain is the clips' own error over that turn."""
    turned = []

    def pooled(clips, intrinsics):
        assert [fps for _, fps in clips] == [50.0] * 3
        rig = simulate(500_000, frames=20).rig
        turn = exp(torch.tensor([[0.001, 0.0, 0.0], *[[0.0] * 3] * 3], dtype=torch.float64))
        turned.append(rig.names == intrinsics.names)
        return [type(rig)(rig.names, rig.camera.with_pose(turn @ rig.camera.R, rig.camera.t))] * len(clips)

    found = pooled_part(Options(quick=True), pooled, in_this_process)
    one = found["pooled"]["runs"][0]
    assert turned == [True]
    assert len(one["alone_deg"]) == 3
    assert one["gain"] == pytest.approx(sorted(one["alone_deg"])[1] / one["pooled_deg"])


def test_every_part_can_be_measured_alone():
    assert set(PARTS) == {
        "simulation", "bound", "uncertainty", "many_cameras", "pooled", "sample", "unknowns", "verdict", "hopeless",
        "speed",
    }  # fmt: skip
