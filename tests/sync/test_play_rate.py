"""Slow motion and time lapse: a walk of seconds of which one file plays slower or faster; only keypoints are given."""

import numpy as np
import pytest

from epipose import Poses2D
from epipose.sync.from_motion import offsets_from_motion
from epipose.sync.play_rate import with_play_rates
from tests.helpers.clocks import filmed

STARTS = (0.0, 0.7, 1.9, 0.3)


def found_with(seconds, rates, starts=STARTS, seed=0):
    poses, times = filmed(seconds, starts, rates, seed)
    return with_play_rates(offsets_from_motion(poses, times), poses, times)


@pytest.mark.parametrize("rates", [(1.0, 4.0, 1.0, 1.0), (1.0, 1.0, 2.0, 1.0), (1.0, 0.5, 1.0, 1.0)])
def test_a_file_that_plays_at_another_speed_is_found(rates):
    found = found_with(16, rates)
    assert found.rates == rates
    assert found.starts == pytest.approx(STARTS, abs=0.02)
    assert found.sure
    assert len(found.notes) == 1
    assert ("slow motion" if max(rates) > 1 else "time lapse") in found.notes[0]


@pytest.mark.slow
def test_the_first_of_the_views_may_be_the_slow_one():
    found = found_with(12, (2.0, 1.0, 1.0, 1.0), (3.0, 0.7, 1.9, 0.3))
    assert found.rates == (2.0, 1.0, 1.0, 1.0)
    assert found.starts == pytest.approx((2.7, 0.4, 1.6, 0.0), abs=0.02)


def test_of_two_views_one_is_taken_for_slow_motion_rather_than_the_other_for_time_lapse():
    found = found_with(16, (1.0, 4.0), (0.0, 0.7))
    assert found.rates == (1.0, 4.0)
    assert found.starts == pytest.approx((0.0, 0.7), abs=0.02)


def test_a_view_of_something_else_is_no_slow_motion():
    poses, times = filmed(16, STARTS, (1.0,) * 4, seed=1)
    xy = poses.xy.clone()
    xy[2] = filmed(16, STARTS, (1.0,) * 4, seed=50)[0].xy[2]
    other = Poses2D(xy, poses.conf, poses.skeleton, poses.views)
    found = with_play_rates(offsets_from_motion(other, times), other, times)
    assert not found.sure
    assert found.rates == ()
    assert found.notes == ()


def test_what_fits_is_not_tried_at_other_speeds():
    poses, times = filmed(16, STARTS, (1.0,) * 4)
    plain = offsets_from_motion(poses, times)
    assert with_play_rates(plain, poses, times) == plain
    assert plain.rates == ()
    assert np.ptp(plain.support) < 2
