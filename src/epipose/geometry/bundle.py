"""Bundle adjustment: cameras, lenses, clocks and joints together, so that every view explains every joint.

The unknowns are six numbers per camera, three per joint and frame, one length per bone, and, where they are not
known, the cameras' focal lengths, radial distortion, and the share of a frame by which their clocks differ. A
person's bones do not change length, which ties the joints of one frame together and one frame to the next: it is what
a single bone seen from two sides can tell about a camera. What each kind of evidence contributes stands in
residuals.py, how the equations are solved in arrow.py, how sure the answer is in uncertainty.py; here is the loop.
Robustness by Cauchy weights, re-weighted in every step; damping by Levenberg and Marquardt.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from epipose.geometry.parameters import Bundle, Free, Priors
from epipose.geometry.residuals import Problem
from epipose.geometry.triangulate import triangulate_from

_SETTLING = 5  # steps of every point by itself after each step of all

__all__ = ["Bundle", "Free", "Priors", "bundle_adjust"]


def bundle_adjust(
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    xyz: Float[Tensor, "frame joint 3"],
    x: Float[Tensor, "view frame joint 2"],
    weight: Float[Tensor, "view frame joint"],
    noise: Float[Tensor, "view frame joint"],
    bones: Sequence[tuple[int, int]] = (),
    *,
    free: Free | None = None,
    priors: Priors | None = None,
    velocity: Float[Tensor, "view frame joint 2"] | None = None,
    start: Bundle | None = None,
    bone_sigma: Float[Tensor, " bone"] | None = None,
    steps: int = 100,
    least_gain: float = 1e-6,
) -> Bundle:
    """Minimise sum of weight * log(1 + |r|^2) over cameras, points, bone lengths and what else is ``free``.

    ``x``: observations on z = 1 (by the focal length known or assumed, undistorted as far as the lens is known) with
    ``weight`` 0 where missing; ``noise``: their expected error in the same unit; ``velocity``: their motion in the
    image per frame, needed where clocks are free. ``bones``: (parent, child) pairs, a forest, that keep one length.
    ``start``: an earlier result whose lenses and clocks to go on from. ``bone_sigma``: how far the logarithm of a
    bone's length may be off, where it cannot be measured on ``xyz`` because that was adjusted before. It ends when a
    step gains less than the share ``least_gain`` of the cost; cameras come to rest long before the last badly seen
    point does. The world frame and the scale are free in the equations; they come back as camera 0 and as the distance
    between cameras 0 and 1 of the start.
    """
    shape = xyz.shape
    apart = not bones and (priors is None or priors.smoothness is None)
    alone = apart and (free is None or free == Free())
    if apart:
        # nothing ties the joints of a frame together: every joint is a frame of its own
        xyz = xyz.reshape(-1, 1, 3)
        x, weight, noise = (of.reshape(len(R), -1, 1, *of.shape[3:]) for of in (x, weight, noise))
        velocity = None if velocity is None else velocity.reshape(x.shape)
    problem = Problem(xyz, x, weight, noise, tuple(bones), free or Free(), priors or Priors(), velocity, bone_sigma)
    state = problem.start(R, t, xyz, start)
    damping = 1e-4
    equations = problem.equations(state)
    for _ in range(steps):
        step = equations.damped(damping).solve()
        candidate = None if step is None else problem.moved(state, *step)
        if candidate is not None:
            candidate = _settled(problem, candidate) if alone else candidate
            candidate = candidate._replace(cost=problem.cost(candidate))
        if candidate is None or not candidate.cost < state.cost:
            damping *= 10
            if damping > 1e8:
                break
            continue
        gain, state, damping = state.cost - candidate.cost, candidate, max(damping / 10, 1e-10)
        if gain < least_gain * state.cost:
            break
        equations = problem.equations(state)
    state = state._replace(xyz=state.xyz.reshape(shape))
    return _in_the_frame_of(state, R, t) if problem.free.poses else state


def _settled(problem: Problem, state: Bundle) -> Bundle:
    """The state with every point moved on by itself: most are ready long before the few that were seen badly."""
    x, weight, noise = (of[:, :, 0].movedim(0, 1) for of in (problem.x, problem.weight, problem.noise))
    points = triangulate_from(state.xyz[:, 0], state.R, state.t, x, weight, noise, steps=_SETTLING)
    return state._replace(xyz=points.xyz[:, None])


def _in_the_frame_of(state: Bundle, R: Tensor, t: Tensor) -> Bundle:
    """Move the result so that camera 0, and the length of the baseline from it to camera 1, are those of (R, t)."""

    def baseline(R: Tensor, t: Tensor) -> Tensor:
        return (R[1].mT @ t[1] - R[0].mT @ t[0]).norm()

    scale = baseline(R, t) / baseline(state.R, state.t)
    turn = state.R[0].mT @ R[0]  # old world <- new world
    in_camera_0 = state.xyz @ state.R[0].mT + state.t[0]
    xyz = (scale * in_camera_0 - t[0]) @ R[0]
    shift = scale * (state.R[0].mT @ (t[0] / scale - state.t[0]))
    return state._replace(
        R=state.R @ turn,
        t=scale * state.t + (state.R @ shift[:, None])[..., 0],
        xyz=xyz,
        bone_length=scale * state.bone_length,
    )
