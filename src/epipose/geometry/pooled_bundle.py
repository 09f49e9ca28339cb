"""Bundle adjustment of several clips by one rig: the sum of their normal equations, one clip in memory at a time.

Clips of one rig share its extrinsics and intrinsics; joints, bone lengths and lags are each clip's own. Every clip's own
unknowns are eliminated from its normal equations, what remains is of the size of the rig and is added up (reduced
normal equations of a partitioned block, Triggs et al. 2000, section 6.1). After the cameras' step each clip is
eliminated once more for its own step, rather than kept: time grows linearly with the number of clips, and memory for
the equations does not grow at all. The loop is bundle.py's (levenberg_marquardt.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.errors import InputError
from epipose.geometry.gauge import in_frame_of
from epipose.geometry.levenberg_marquardt import levenberg_marquardt
from epipose.geometry.parameters import Bundle, BundleProblem, Priors
from epipose.geometry.residuals import BundleResiduals
from epipose.geometry.schur import Eliminated

_OWN_SIGMAS = ("lag_sigma",)  # priors on what every clip has of its own


def adjust_together(
    problems: Sequence[BundleProblem], starts: Sequence[Bundle], *, steps: int = 50, min_gain: float = 1e-6
) -> list[Bundle]:
    """Minimise the sum of the clips' robust costs; the cameras of all results are the same.

    ``starts``: a bundle per clip, all with the same extrinsics and intrinsics, in one world. The priors on intrinsics
    count once, not once per clip. World frame and scale are those of the start, as in `bundle_adjust`. ``cost`` of a
    result is its clip's part. Raises InputError where the problems differ in what is unknown of the cameras.
    """
    residuals = [
        BundleResiduals(problem, start.xyz, start.bone_sigma)
        for problem, start in zip(with_shared_priors(problems), starts, strict=True)
    ]
    R, t = starts[0].R, starts[0].t
    states = [
        clip.start(R, t, start.xyz, starts[0]._replace(lag=start.lag))
        for clip, start in zip(residuals, starts, strict=True)
    ]
    states = levenberg_marquardt(
        states, lambda states: partial(_stepped, residuals, states), _total, steps=steps, min_gain=min_gain
    )
    return [in_frame_of(state, R, t) if problems[0].free.poses else state for state in states]


def with_shared_priors(problems: Sequence[BundleProblem]) -> list[BundleProblem]:
    """The problems, each with its share of the priors on the intrinsics, so that the sum of them is one prior.

    Raises InputError where the clips differ in what is unknown of their cameras.
    """
    if len({(replace(problem.free, lag=False), len(problem.x)) for problem in problems}) != 1:
        raise InputError(
            "Clips can only be adjusted together with the same unknowns of the same cameras; got "
            f"{'; '.join(f'{len(problem.x)} views, {problem.free}' for problem in problems)}."
        )
    return [replace(problem, priors=_part_of(problem.priors, len(problems))) for problem in problems]


def _part_of(priors: Priors, clips: int) -> Priors:
    """Standard deviations of the priors on intrinsics, each wider by the root of the number of clips."""

    def wider(sigma: float | tuple[float, ...]) -> float | tuple[float, ...]:
        return tuple(math.sqrt(clips) * s for s in sigma) if isinstance(sigma, tuple) else math.sqrt(clips) * sigma

    shared = [field.name for field in fields(priors) if field.name.endswith("_sigma") and field.name not in _OWN_SIGMAS]
    return replace(priors, **{name: wider(getattr(priors, name)) for name in shared})


class CameraEquations(NamedTuple):
    """A clip's normal equations for the cameras alone, and how its own unknowns follow from a step of theirs."""

    H: Float[Tensor, "camera camera"]
    g: Float[Tensor, " camera"]
    own_by_camera: Float[Tensor, "own camera"]  # minus the derivative of the clip's own unknowns
    own_g: Float[Tensor, " own"]  # minus their step when the cameras stay


def camera_equations(residuals: BundleResiduals, eliminated: Eliminated) -> CameraEquations | None:
    """Eliminate bone lengths and lags too; None where that part is not positive definite."""
    count = camera_unknowns(residuals)
    H, g = eliminated.shared, eliminated.shared_g
    factor, bad = torch.linalg.cholesky_ex(H[count:, count:])
    if bool(bad) or not bool(factor.isfinite().all()):
        return None
    to_camera = H[count:, :count]
    solved = torch.cholesky_solve(torch.cat([to_camera, g[count:, None]], 1), factor)
    by_camera, own_g = solved[:, :-1], solved[:, -1]
    return CameraEquations(
        H[:count, :count] - to_camera.mT @ by_camera, g[:count] - to_camera.mT @ own_g, by_camera, own_g
    )


def camera_unknowns(residuals: BundleResiduals) -> int:
    """How many of the shared unknowns are the cameras'; they are numbered first, then lags, then bones."""
    bones = int(residuals.bone_column.max()) + 1 - int(residuals.bone_column.min()) if residuals.B else 0
    lags = residuals.views - 1 if residuals.free.lag else 0
    return residuals.shared - bones - lags


def _stepped(residuals: list[BundleResiduals], states: list[Bundle], damping: float) -> list[Bundle] | None:
    """All states after one step, with their costs; None where there is no step."""
    H = g = torch.zeros((), dtype=states[0].R.dtype)
    for clip, state in zip(residuals, states, strict=True):
        part = camera_equations(clip, clip.equations(state).damped(damping).eliminate())
        if part is None:
            return None
        H, g = H + part.H, g + part.g
    factor, bad = torch.linalg.cholesky_ex(H)
    if bool(bad) or not bool(factor.isfinite().all()):
        return None
    step = -torch.cholesky_solve(g[:, None], factor)[:, 0]
    return [_moved(clip, state, damping, step) for clip, state in zip(residuals, states, strict=True)]


def _moved(clip: BundleResiduals, state: Bundle, damping: float, cameras: Tensor) -> Bundle:
    """A clip's state after a step of the cameras, its own unknowns following."""
    eliminated = clip.equations(state).damped(damping).eliminate()
    part = camera_equations(clip, eliminated)
    assert part is not None  # it was there before
    step = torch.cat([cameras, -(part.own_g + part.own_by_camera @ cameras)])
    candidate = clip.moved(state, step, eliminated.back_substitute(step))
    return candidate._replace(cost=clip.cost(candidate))


def _total(states: list[Bundle]) -> float:
    return sum(state.cost for state in states)
