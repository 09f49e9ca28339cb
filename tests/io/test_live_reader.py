"""Readers of live sources: the newest frame, what is dropped, and sources that go and come back."""

import logging
import threading
import time

import pytest

from epipose.errors import DamagedFileError
from epipose.io import live_reader
from epipose.io.live_reader import LiveReader
from epipose.io.live_source import live_source
from tests.helpers.live_streams import jpeg_server
from tests.helpers.made_sources import MadeSource


def waited_for(true) -> None:
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.parametrize("room", [1, 3])
def test_the_newest_frame_is_given_and_the_others_are_dropped(room):
    go = threading.Event()
    source = MadeSource("a", [k / 10 for k in range(10)], gate=lambda k: k != 5 or go.wait(5))
    with LiveReader(source, threading.Condition(), room=room) as reader:
        waited_for(lambda: reader.waiting and reader.waiting[-1].number == 4)
        assert reader.newest().number == 4
        assert reader.dropped == 4
        go.set()
        waited_for(lambda: reader.ended)
        assert reader.newest().number == 9
        assert reader.newest() is None
        assert reader.dropped == 8  # and none is lost without being counted: 8 dropped, 2 used


def test_every_frame_is_waited_for_where_all_are_wanted():
    with LiveReader(MadeSource("a", [0.0] * 30), threading.Condition(), every_frame=True) as reader:
        numbers = []
        while (frame := reader.newest()) is not None:
            numbers.append(frame.number)
            time.sleep(0.001)
    assert numbers == list(range(30))
    assert reader.dropped == 0


def test_a_deadline_ends_the_wait():
    never = threading.Event()
    source = MadeSource("a", [0.0], gate=lambda k: never.wait(5))
    with LiveReader(source, threading.Condition()) as reader:
        begun = time.monotonic()
        assert reader.newest(begun + 0.1) is None
        assert time.monotonic() - begun < 1
        never.set()


def test_times_never_go_back():
    with LiveReader(MadeSource("a", [1.0, 0.9, 1.2]), threading.Condition(), every_frame=True) as reader:
        assert [reader.newest().seconds for _ in range(3)] == [1.0, 1.0, 1.2]


@pytest.mark.parametrize("error", [DamagedFileError("cut short"), ZeroDivisionError()])
def test_whatever_goes_wrong_reaches_who_waits(error):
    def gate(number):
        if number == 1:
            raise error

    with LiveReader(MadeSource("a", [0.0, 1.0], gate=gate), threading.Condition(), every_frame=True) as reader:
        assert reader.newest().number == 0
        with pytest.raises(type(error)):
            reader.newest()


def test_a_source_that_was_lost_is_opened_again_and_its_frames_are_counted_on(monkeypatch, caplog):
    monkeypatch.setattr(live_reader, "_FIRST_PAUSE", 0.01)
    source = MadeSource("door", [0.0, 0.1], returns=True, opens=3)
    source.open()
    with caplog.at_level(logging.WARNING), LiveReader(source, threading.Condition(), every_frame=True) as reader:
        assert [reader.newest().number for _ in range(6)] == list(range(6))
        waited_for(lambda: source.opens < -2)  # it is away now, and not given up
        assert not reader.ended
    assert [record.getMessage() for record in caplog.records][:2] == [
        "door was lost; trying to get it back.",
        "door is back.",
    ]


def test_a_real_camera_that_closes_the_connection_comes_back(monkeypatch):
    monkeypatch.setattr(live_reader, "_FIRST_PAUSE", 0.05)
    from epipose.io.live_clock import Pace

    with jpeg_server(images=6, connections=2) as url:
        source = live_source(url, Pace(), (64, 48))
        source.open()
        with LiveReader(source, threading.Condition(), every_frame=True) as reader:
            numbers = [reader.newest().number for _ in range(8)]
    assert numbers == list(range(8))


def test_the_end_of_the_block_ends_the_thread():
    with LiveReader(MadeSource("a", [0.0] * 1000), threading.Condition(), every_frame=True) as reader:
        reader.newest()
    assert not reader._thread.is_alive()
