"""Bundle adjustment: extrinsics, intrinsics, lags and joints together, by robust Levenberg-Marquardt.

The unknowns are six numbers per camera, three per joint and frame, one length per bone, and, where they are not
known, the cameras' focal lengths, radial distortion, and the share of a frame by which their clocks differ. A
person's bones do not change length, which ties the joints of one frame together and one frame to the next: it is what
a single bone seen from two sides can tell about a camera. The residuals stand in residuals.py, how the equations are
solved in schur.py, the loop in levenberg_marquardt.py, the covariance of the answer in uncertainty.py. Robustness by
Cauchy weights, re-weighted in every step.
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter

from jaxtyping import Float
from torch import Tensor

from epipose.geometry.gauge import in_frame_of
from epipose.geometry.image_residuals import in_columns
from epipose.geometry.levenberg_marquardt import Stepped, levenberg_marquardt
from epipose.geometry.parameters import Bundle, BundleProblem, Free, Priors
from epipose.geometry.point_solver import Columns, search
from epipose.geometry.residuals import BundleResiduals

_POINT_STEPS = 5  # of every point by itself after each step of all

__all__ = ["Bundle", "BundleProblem", "Free", "Priors", "bundle_adjust"]


def bundle_adjust(
    problem: BundleProblem,
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    xyz: Float[Tensor, "frame joint 3"],
    *,
    start: Bundle | None = None,
    bone_sigma: Float[Tensor, " bone"] | None = None,
    steps: int = 100,
    min_gain: float = 1e-6,
) -> Bundle:
    """Minimise sum of weight * log(1 + |r|^2) over cameras, points, bone lengths and what else is free.

    ``R``, ``t`` (cam_from_world) and ``xyz``: where the search begins. ``start``: an earlier result whose intrinsics
    and lags to go on from. ``bone_sigma``: the expected error of the logarithm of a bone's length, where it cannot be
    measured on ``xyz`` because that was adjusted before. It ends when the next step can be expected to gain less than
    the share ``min_gain`` of the cost; cameras come to rest long before the last badly seen point does. The world frame
    and the scale are free in the equations; they come back as camera 0 and as the distance between cameras 0 and 1 of
    the start.
    """
    tied = bool(problem.bones) or problem.priors.smoothness is not None
    points_alone = not tied and problem.free.lens_known and (start is None or start.lens_as_given)
    residuals = BundleResiduals(problem, xyz, bone_sigma)
    linearised = partial(_linearised, residuals, points_alone)
    state = residuals.start(R, t, xyz, start)
    state = levenberg_marquardt(state, linearised, attrgetter("cost"), steps=steps, min_gain=min_gain)
    return in_frame_of(state, R, t) if problem.free.poses else state


def _linearised(residuals: BundleResiduals, points_alone: bool, state: Bundle) -> Stepped[Bundle]:
    """The equations at a state, as `levenberg_marquardt` takes them; ``points_alone``: each is refined by itself, too."""
    equations = residuals.equations(state)

    def stepped(damping: float) -> Bundle | None:
        step = equations.damped(damping).solve()
        if step is None:
            return None
        candidate = residuals.moved(state, *step)
        candidate = _with_points_refined(residuals, candidate) if points_alone else candidate
        return candidate._replace(cost=residuals.cost(candidate))

    return stepped


def _with_points_refined(residuals: BundleResiduals, state: Bundle) -> Bundle:
    """The state with every point refined by itself: most converge long before the few that were seen badly."""
    x = residuals.read_at(state.lag)
    columns = Columns(x.flatten(2), residuals.weight.flatten(1), residuals.noise.flatten(1))
    start = in_columns(state.xyz)
    xyz = search(start.flatten(1), state.R, state.t, columns, _POINT_STEPS)
    return state._replace(xyz=xyz.reshape(start.shape).permute(2, 1, 0))
