"""Learning rates over a training."""

import itertools

import pytest

from epipose.training.lr_schedule import rate


def test_steps_are_the_papers() -> None:
    rates = [rate(10 * epoch + 9, 10, 140, "steps", 0.0, (90, 120)) for epoch in range(140)]
    assert rates == pytest.approx([1.0] * 90 + [0.1] * 30 + [0.01] * 20)


def test_cosine_falls_from_one_to_nothing() -> None:
    rates = [rate(step, 10, 5, "cosine", 0.0, ()) for step in range(50)]
    assert rates[0] == 1
    assert rates[25] == pytest.approx(0.5)
    assert 0 < rates[-1] < 0.01
    assert all(a > b for a, b in itertools.pairwise(rates))


@pytest.mark.parametrize("schedule", ["steps", "cosine"])
def test_warm_up_rises_evenly_and_never_stands_at_nothing(schedule) -> None:
    rates = [rate(step, 10, 5, schedule, 1.5, (3,)) for step in range(50)]
    assert rates[:15] == pytest.approx([(step + 1) / 15 for step in range(15)])
    assert rates[15] == pytest.approx(1.0)
    assert rates[-1] < 0.2
