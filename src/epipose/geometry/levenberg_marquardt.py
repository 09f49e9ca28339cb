"""Levenberg-Marquardt's loop: damped Gauss-Newton steps, the damping adapted to whether they lower the cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

State = TypeVar("State")
Stepped = Callable[[float], State | None]

_FIRST_DAMPING, _MIN_DAMPING, _MAX_DAMPING = 1e-4, 1e-10, 1e8
_FACTOR = 10.0  # by which the damping changes after every step


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
    step, or None where the equations have no solution. It ends when a step gains less than the share ``min_gain`` of
    the cost, or no damping helps.
    """
    damping, stepped = _FIRST_DAMPING, None
    for _ in range(steps):
        stepped = stepped or linearised(state)
        candidate = stepped(damping)
        if candidate is None or not cost(candidate) < cost(state):
            damping *= _FACTOR
            if damping > _MAX_DAMPING:
                break
            continue
        gain = cost(state) - cost(candidate)
        state, stepped, damping = candidate, None, max(damping / _FACTOR, _MIN_DAMPING)
        if gain < min_gain * cost(state):
            break
    return state
