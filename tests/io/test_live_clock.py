"""Clocks of live sources: even stamps from uneven arrivals, one clock for several files."""

import time

import numpy as np

from epipose.io.live_clock import Pace, StreamClock


def test_frames_that_arrive_unevenly_were_taken_evenly() -> None:
    random = np.random.default_rng(0)
    stamps = 7000 + np.arange(400) / 30
    arrivals = np.arange(400) / 30 + 0.05 + random.exponential(0.02, 400)
    arrivals[0] = 0.05
    clock = StreamClock()
    taken = np.array([clock.captured(s, a) for s, a in zip(stamps, arrivals, strict=True)])
    assert (taken <= arrivals + 1e-9).all()
    assert np.abs(np.diff(taken) - 1 / 30).max() < 2e-3  # against 0.1 s between arrivals
    assert np.diff(arrivals).max() > 0.08


def test_a_clock_that_is_set_anew_counts_from_then_on() -> None:
    clock = StreamClock()
    assert clock.captured(100.0, 5.0) == 5.0
    assert clock.captured(101.0, 6.0) == 6.0
    assert clock.captured(0.0, 7.0) == 7.0
    assert clock.captured(5000.0, 8.0) == 8.0


def test_a_stream_clock_that_drifts_is_followed() -> None:
    clock, rate = StreamClock(), 1 + 200e-6  # 200 ppm: 0.12 s in ten minutes
    late = [t - clock.captured(t * rate, t) for t in np.arange(0, 600, 1 / 30)]
    assert max(late) < 0.01


def test_frames_without_stamps_were_taken_as_they_arrive() -> None:
    assert StreamClock().captured(None, 3.5) == 3.5


def test_a_pace_shows_its_first_second_when_it_is_started() -> None:
    pace = Pace(first=4.0)
    assert abs(pace.due(4.0) - time.monotonic()) < 0.1
    assert abs(pace.due(6.0) - pace.due(4.0) - 2.0) < 1e-9
    assert pace.seconds(pace.due(5.5)) == 5.5


def test_a_pace_that_was_put_back_stays_so_and_never_goes_forward() -> None:
    pace = Pace()
    begun = pace.due(0.0)
    pace.put_back(-3.0)
    assert abs(pace.due(-3.0) - time.monotonic()) < 0.1
    later = pace.due(0.0)
    assert later > begun + 2.9
    pace.put_back(10.0)
    assert pace.due(0.0) == later
