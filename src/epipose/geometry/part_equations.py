"""Normal equations of body parts: what each part alone says of the cameras, its points eliminated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jaxtyping import Int
from torch import Tensor

from epipose.geometry.parameters import Bundle, BundleProblem, Priors
from epipose.geometry.residuals import BundleResiduals
from epipose.geometry.schur import Eliminated


def joints_of_parts(part: Int[Tensor, " joint"]) -> list[Int[Tensor, " _"]]:
    """The numbers of every part's joints; ``part``: its number for every joint."""
    return [(part == number).nonzero()[:, 0] for number in range(int(part.max()) + 1)]


def equations_of_parts(problem: BundleProblem, found: Bundle, parts: Sequence[Int[Tensor, " _"]]) -> list[Eliminated]:
    """Matrix and gradient by the unknowns that all joints share, for every part (the numbers of its joints).

    Without bones and priors. Bone lengths are no unknowns then: the columns are those of `BundleResiduals` for the
    problem without bones.
    """
    residuals = BundleResiduals(replace(problem, bones=(), priors=Priors()), found.xyz, None)
    images = residuals.images(found)
    return [residuals.image_equations(images.of(joints)).damped(0.0).eliminate() for joints in parts]
