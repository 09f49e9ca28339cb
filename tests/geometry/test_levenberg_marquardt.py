"""Levenberg-Marquardt's loop on Rosenbrock's valley, where undamped steps overshoot, and where it has to stop."""

import math

import pytest

from epipose.geometry.levenberg_marquardt import levenberg_marquardt, next_gain


def cost(state):
    x, y = state
    return (10 * (y - x * x)) ** 2 + (1 - x) ** 2


def linearised(state):
    x, y = state
    r, s = 10 * (y - x * x), 1 - x  # by (x, y): (-20 x, 10), (-1, 0)
    g = (-20 * x * r - s, 10 * r)

    def stepped(damping):
        a, b, d = (400 * x * x + 1) * (1 + damping), -200 * x, 100 * (1 + damping)
        det = a * d - b * b
        return x - (d * g[0] - b * g[1]) / det, y - (a * g[1] - b * g[0]) / det

    return stepped


def test_it_finds_the_minimum_and_never_goes_up():
    seen = []

    def noted(state):
        seen.append(cost(state))
        return linearised(state)

    found = levenberg_marquardt((-1.2, 1.0), noted, cost, steps=100, min_gain=1e-12)
    assert found == pytest.approx((1.0, 1.0), abs=1e-6)
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen))  # one set of equations per state, however often the damping is raised


def test_without_a_step_that_helps_it_ends_where_it_began():
    assert levenberg_marquardt(2.0, lambda state: lambda _: None, float, steps=1000, min_gain=0.0) == 2.0
    tried = []

    def uphill(state):
        return lambda damping: tried.append(damping) or state + 1

    assert levenberg_marquardt(2.0, uphill, float, steps=1000, min_gain=0.0) == 2.0
    assert tried == pytest.approx([1e-4, 1e-3, 1e-1, 1e2, 1e6])  # harder each time


def test_it_ends_after_a_small_gain_and_after_so_many_steps():
    def halved(state):
        return lambda damping: state / 2

    assert levenberg_marquardt(1.0, halved, float, steps=3, min_gain=0.0) == 0.125
    assert levenberg_marquardt(1.0, halved, float, steps=100, min_gain=1.5) == 0.5  # it gained as much as is left


def test_it_ends_when_the_next_step_is_not_worth_its_time():
    """Gains of 100, 1: the next one will be about 0.01. Slow or growing gains, and a first one, are their own measure."""
    assert next_gain(1.0, 100.0) == pytest.approx(0.01)
    assert next_gain(90.0, 100.0) == pytest.approx(81.0)
    assert next_gain(2.0, 1.0) == 2.0
    assert next_gain(3.0, 0.0) == 3.0
    assert next_gain(5.0, math.inf) == 5.0
