"""Clock drift: a walk of minutes filmed by cameras of which some run fast or slow; only keypoints are given."""

import numpy as np
import pytest

from epipose.sync.clock_drift import _line
from epipose.sync.from_motion import offsets_from_motion
from tests.helpers.clocks import FPS, filmed

STARTS = (0.0, 0.7, 1.9, 0.3)


@pytest.mark.slow
def test_drifts_over_three_minutes_are_found_and_the_frames_put_right():
    """500 ppm are 2.7 frames at the end; what remains is a small part of one."""
    rates = (1.0, 1.0005, 1.0, 0.9997)
    found = offsets_from_motion(*filmed(180, STARTS, rates))
    assert found.sure
    assert found.rates[0] == found.rates[2] == 1
    assert found.rates[1] == pytest.approx(1.0005, abs=4e-5)
    assert found.rates[3] == pytest.approx(0.9997, abs=4e-5)
    for view in (1, 3):  # both ends of the video
        for own in (0.0, 180.0):
            at, true = found.starts[view] + own / found.rates[view], STARTS[view] + own / rates[view]
            assert abs(at - true) * FPS < 0.25
    assert len(found.notes) == 2
    assert "cam1: its clock runs " in found.notes[0]
    assert "ppm fast against cam0's" in found.notes[0]
    assert "ppm slow against cam0's" in found.notes[1]


@pytest.mark.parametrize("seed", range(3))
def test_clocks_that_run_alike_are_given_no_drift(seed):
    found = offsets_from_motion(*filmed(60, STARTS, (1.0,) * 4, seed))
    assert found.sure
    assert found.rates == ()
    assert found.notes == ()
    assert found.starts == pytest.approx(STARTS, abs=1e-6)


def test_a_short_clip_tells_nothing_about_drift():
    found = offsets_from_motion(*filmed(20, STARTS, (1.0, 1.001, 1.0, 1.0)))
    assert found.sure
    assert found.rates == ()


def test_a_line_through_offsets_ignores_windows_that_tell_nothing():
    moments = np.arange(20) * 240.0
    offsets = 12 - 5e-4 * moments + 0.03 * np.random.default_rng(0).standard_normal(20)
    offsets[[3, 11]], offsets[7] = (40.0, -9.0), np.nan
    drift = _line(moments, offsets)
    assert drift.slope == pytest.approx(-5e-4, abs=2e-5)
    assert drift.clear
    assert drift.offset - drift.slope * drift.middle == pytest.approx(12, abs=0.06)


def test_a_drift_that_is_only_likely_is_named_and_not_applied():
    moments = np.arange(10) * 240.0
    noise = np.tile([0.12, -0.12], 5)
    drift = _line(moments, 5e-4 * moments + noise)
    assert drift.likely
    assert not drift.clear


def test_too_few_windows_have_no_line():
    drift = _line(np.arange(5) * 240.0, 3 + 0.01 * np.arange(5))
    assert not drift.likely
    assert drift.offset == pytest.approx(3.02)
