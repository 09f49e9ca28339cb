"""Reading ahead: the same items, made before they are asked for, and an end for everything that was begun."""

import threading
import time

import pytest

from epipose.io.read_ahead import read_ahead


def test_items_come_in_order() -> None:
    assert list(read_ahead(range(100), depth=4)) == list(range(100))
    assert list(read_ahead([])) == []


def test_some_are_made_before_they_are_asked_for_but_no_more() -> None:
    made: list[int] = []

    def items():
        for number in range(20):
            made.append(number)
            yield number

    stream = read_ahead(items(), depth=3)
    assert next(stream) == 0
    deadline = time.monotonic() + 5
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert made == [0, 1, 2, 3], "the one given, and three more"
    stream.close()


def test_an_error_comes_where_the_item_would_have_come() -> None:
    def items():
        yield 1
        yield 2
        raise ValueError("the third")

    stream = read_ahead(items())
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(stream)


def test_the_source_is_closed_and_its_thread_ends() -> None:
    closed: list[str] = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(threading.current_thread().name)

    before = threading.active_count()
    stream = read_ahead(items())
    next(stream)
    stream.close()
    assert len(closed) == 1
    assert closed[0].startswith("read-ahead"), "where the items were made: decoders dislike other threads"
    assert threading.active_count() == before
