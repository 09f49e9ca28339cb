"""Normal equations of some joints alone: what one body part says of the cameras, its points eliminated."""

from __future__ import annotations

import math

from jaxtyping import Float, Int
from torch import Tensor

from epipose.geometry.parameters import Bundle, BundleProblem, Priors
from epipose.geometry.residuals import BundleResiduals


def equations_of_joints(
    problem: BundleProblem, found: Bundle, joints: Int[Tensor, " some"]
) -> tuple[Float[Tensor, "shared shared"], Float[Tensor, " shared"]]:
    """Matrix and gradient by the unknowns that all joints share; without bones and priors.

    Bone lengths are no unknowns then: the columns are those of `BundleResiduals` for the problem without bones.
    """
    views = problem.x.shape[0]

    def each_alone(field: Tensor) -> Tensor:
        return field[:, :, joints].reshape(views, -1, 1, *field.shape[3:])

    velocity = None if problem.velocity is None else each_alone(problem.velocity)
    none = Priors(
        focal_sigma=math.inf, radial_sigma=math.inf, center_sigma=math.inf, aspect_sigma=math.inf, lag_sigma=math.inf
    )
    alone = BundleProblem(
        each_alone(problem.x), each_alone(problem.weight), each_alone(problem.noise), (), problem.free, none, velocity
    )
    xyz = found.xyz[:, joints].reshape(-1, 1, 3)
    state = found._replace(xyz=xyz, bone_length=found.bone_length[:0], bone_sigma=found.bone_sigma[:0])
    eliminated = BundleResiduals(alone, xyz, None).equations(state).damped(0.0).eliminate()
    return eliminated.shared, eliminated.shared_g
