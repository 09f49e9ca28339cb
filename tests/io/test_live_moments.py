"""Moments of several sources: the frames that lie together, whatever the cameras do."""

import logging
import threading
import time

import numpy as np
import pytest

from epipose.io import live_moments
from epipose.io.live_moments import next_moment
from epipose.io.live_reader import LiveReader
from epipose.io.live_source import LiveFrame
from tests.helpers.made_sources import MadeSource


class Held:
    """Readers whose frames a test puts in by hand; no threads."""

    def __init__(self, *names, paced=False):
        self.news = threading.Condition()
        self.readers = [LiveReader(MadeSource(name, [], paced=paced), self.news, room=99) for name in names]

    def put(self, view, *seconds):
        reader = self.readers[view]
        for each in seconds:
            reader._put(LiveFrame(reader._count, each, time.monotonic(), None))

    def next(self, **options):
        return next_moment(
            self.readers, self.news, **{"max_spread": 0.05, "deadline": time.monotonic() + 0.3, **options}
        )


def times(moment):
    return [None if frame is None else round(frame.seconds, 4) for frame in moment.frames]


def test_the_newest_moment_that_all_have_reached():
    held = Held("a", "b", "c")
    held.put(0, 0.00, 0.10, 0.20, 0.30)
    held.put(1, 0.01, 0.11, 0.21)
    held.put(2, 0.12, 0.19, 0.26)
    moment = held.next()
    assert times(moment) == [0.2, 0.21, 0.19]
    assert moment.spread == pytest.approx(0.02)
    assert moment.seconds == pytest.approx(0.2)
    assert [reader.dropped for reader in held.readers] == [2, 2, 1]
    assert held.next() is None  # b has nothing new
    held.put(1, 0.31)
    assert times(held.next()) == [0.3, 0.31, 0.26]


def test_cameras_that_run_free_are_paired_as_near_as_can_be():
    random = np.random.default_rng(0)
    taken = [np.arange(200) / fps + random.normal(0, 0.002, 200) + random.random() for fps in (30, 25, 60)]
    events = sorted((seconds, view) for view, own in enumerate(taken) for seconds in own if seconds < 3)
    held, spreads, used = Held("a", "b", "c"), [], []
    for seconds, view in events:
        held.put(view, seconds)
        if all(reader.waiting for reader in held.readers):
            moment = held.next()
            assert None not in moment.frames
            spreads.append(moment.spread)
            used.append([frame.number for frame in moment.frames])
    assert len(spreads) > 40  # two seconds or more at the slowest camera's rate
    assert max(spreads) < 0.045
    assert np.mean(spreads) < 0.025
    assert (np.diff(used, axis=0) > 0).all()  # no frame twice


def test_a_frame_that_is_too_far_off_is_left_out():
    held = Held("a", "b", "c")
    held.put(0, 1.0)
    held.put(1, 1.01)
    held.put(2, 2.0)
    assert times(held.next()) == [1.0, 1.01, None]
    assert len(held.readers[2].waiting) == 1  # its time will come


def test_a_camera_that_is_silent_is_not_waited_for(monkeypatch):
    held = Held("a", "b", "c")
    held.put(0, 1.0)
    held.put(1, 1.0)
    assert held.next() is None
    monkeypatch.setattr(live_moments, "PATIENCE", 0.0)
    assert times(held.next()) == [1.0, 1.0, None]


def test_a_file_is_waited_for(monkeypatch):
    monkeypatch.setattr(live_moments, "PATIENCE", 0.0)
    held = Held("a", "b", "c", paced=True)
    held.put(0, 1.0)
    held.put(1, 1.0)
    assert held.next() is None


def test_sources_that_end_one_after_the_other():
    held = Held("a", "b", "c")
    held.put(0, 1.0)
    held.put(1, 1.0, 1.1)
    held.put(2, 1.0, 1.1)
    held.readers[0].ended = True
    assert times(held.next()) == [1.0, 1.0, 1.0]
    assert times(held.next()) == [None, 1.1, 1.1]
    held.readers[1].ended = True
    begun = time.monotonic()
    assert held.next(deadline=begun + 9) is None
    assert time.monotonic() - begun < 1


def test_the_rest_of_a_source_that_ended_long_ago_holds_nothing_up():
    held = Held("a", "b")
    held.put(0, 1.0)
    held.readers[0].ended = True
    held.put(1, 3.0, 3.1)
    begun = time.monotonic()
    assert held.next(deadline=begun + 9) is None
    assert time.monotonic() - begun < 1


def test_a_third_camera_with_a_wrong_clock_does_not_stop_the_others():
    held = Held("a", "b", "late")
    held.put(0, 11.9, 12.0)
    held.put(1, 11.9, 12.0)
    held.put(2, 9.9, 10.0)
    assert times(held.next()) == [12.0, 12.0, None]


def test_clocks_that_never_meet_are_told_of(monkeypatch, caplog):
    monkeypatch.setattr(live_moments, "_LONG", 0.0)
    held = Held("door", "window")
    held.put(0, 10.0)
    held.put(1, 12.0)
    with caplog.at_level(logging.WARNING):
        assert held.next() is None
    assert "window is 2.00 s ahead of door. Give the difference with --offsets" in caplog.text


def test_in_order_every_moment_of_the_slowest_comes_once():
    sources = [
        MadeSource(name, list(np.arange(count) / fps), paced=True)
        for name, fps, count in (("a", 60, 61), ("b", 20, 21), ("c", 30, 31))
    ]
    news = threading.Condition()
    readers = [LiveReader(source, news, room=4, every_frame=True) for source in sources]
    found = []
    for reader in readers:
        reader.__enter__()
    while (moment := next_moment(readers, news, max_spread=0.05, every_frame=True)) is not None:
        found.append(times(moment))
    for reader in readers:
        reader.__exit__(None, None, None)
    whole = [each for each in found if None not in each]
    np.testing.assert_allclose([each[1] for each in whole], np.arange(21) / 20, atol=1e-3)
    assert max(max(each) - min(each) for each in whole) < 0.018


def test_a_source_that_failed_is_an_error():
    held = Held("a", "b")
    held.readers[1].failure = ValueError("out of order")
    with pytest.raises(ValueError, match="out of order"):
        held.next()
