"""Levenberg-Marquardt's loop: damped Gauss-Newton steps, the damping adapted to whether they lower the cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

State = TypeVar("State")
Stepped = Callable[[float], State | None]

_FIRST_DAMPING, _MIN_DAMPING, _MAX_DAMPING = 1e-4, 1e-7, 1e8
_FACTOR = 10.0  # by which the damping falls after a step, and rises where it failed: by 10, by 100 the next time


def levenberg_marquardt(
    state: State,
    linearised: Callable[[State], Stepped[State]],
    cost: Callable[[State], float],
    *,
    steps: int,
    min_gain: float,
) -> State:
    """The state of least cost that ``steps`` steps from ``state`` reach.

    ``linearised`` forms the normal equations at a state and gives a function from the damping to the state after the
    step, or None where the equations have no solution. It ends when the next step can be expected to gain less than
    the share ``min_gain`` of the cost, or no damping helps.
    """
    damping, rise, stepped, last_gain = _FIRST_DAMPING, _FACTOR, None, 0.0
    for _ in range(steps):
        stepped = stepped or linearised(state)
        candidate = stepped(damping)
        if candidate is None or not cost(candidate) < cost(state):
            damping, rise = damping * rise, rise * _FACTOR
            if damping > _MAX_DAMPING:
                break
            continue
        gain = cost(state) - cost(candidate)
        state, stepped = candidate, None
        if next_gain(gain, last_gain) < min_gain * cost(state):
            break
        damping, rise, last_gain = max(damping / _FACTOR, _MIN_DAMPING), _FACTOR, gain
    return state


def next_gain(gain: float, last_gain: float) -> float:
    """What the next step will gain, as gains shrink by about the same factor from step to step.

    ``last_gain``: 0 for none, infinite where the search began from an impossible state; neither foretells anything.
    """
    return gain * min(gain / last_gain, 1.0) if 0 < last_gain < math.inf else gain
