"""Refinement of the initial rig: bundle adjustment with the unknowns that the footage supports.

Besides the extrinsics, three things may be unknown: the lenses, by what part of a frame the cameras' clocks differ, and
how well the detector sees each part of the body. Noise and part weights are measured on the residuals
(geometry/noise_components.py); the others are estimated as far as they must be, or as the footage supports it
(supported_unknowns.py). One round is in adjustment.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Bool, Float
from torch import Tensor

from epipose.calibration.adjustment import EARLY_STEPS, FEW_FRAMES, Round, Setting, Task, adjusted, reweighted, sigma_of
from epipose.calibration.rig_options import RigOptions
from epipose.calibration.supported_unknowns import (
    IntrinsicsDoubt,
    assumption_doubt,
    intrinsics_doubt,
    until_lags_rest,
    with_assumed_lens,
    with_supported_bones,
    with_supported_lags,
    with_supported_lens,
)
from epipose.camera import Rig
from epipose.geometry.bundle import Bundle, BundleProblem, Free, Priors
from epipose.geometry.observation_source import ObservationSource, SampledObservations
from epipose.geometry.observations import Observations
from epipose.geometry.sampling import evenly
from epipose.geometry.uncertainty import Uncertainty
from epipose.poses import Poses2D

# Standard deviation of either coordinate of an assumed principal point, as a share of the image's longer side: those of
# the eleven rigs of Human3.6M lie 1 to 2 per cent off the middle.
_CENTER_SHARE = 0.015
_WEIGHT_ROUNDS = 2


@dataclass(frozen=True)
class RefinedRig:
    """The final rig with its uncertainty (see `Uncertainty`), and what it was estimated from."""

    rig: Rig
    sigma: Uncertainty
    free: Free
    observed: Observations  # of the frames used, swaps corrected
    swapped: Bool[Tensor, "view frame"]
    agreed: Float[Tensor, "frame joint"]  # 1 where two views or more agree on the point
    doubt: IntrinsicsDoubt
    problem: BundleProblem | None = None  # the last adjustment and its result; None for a rig that was given
    bundle: Bundle | None = None


def refine_rig(
    poses: Poses2D,
    start: Rig,
    frames: Tensor,
    options: RigOptions = RigOptions(),
    *,
    sampled: SampledObservations | None = None,
) -> RefinedRig:
    """Refine extrinsics, and intrinsics and lags as far as they are unknown and the footage supports it.

    ``start``: intrinsics given or assumed, poses of an initial rig. ``frames``: those to use. ``options``: what is
    unknown, and the smoothness in the unit of ``start``'s world. ``sampled``: the observations of
    ``frames`` by ``start``, where they have been made.
    """
    longer = (start.camera.size.max(-1).values / start.camera.focal).double()
    priors = Priors(
        symmetric=poses.skeleton.bone_flip if options.symmetric else None,
        smoothness=options.smoothness,
        center_sigma=tuple((_CENTER_SHARE * longer).tolist()),
    )
    task = Task(sampled or SampledObservations.of(ObservationSource.of(poses, start), frames), priors)
    now = _early(task, start, frames, Free(focal=options.focal, lag=options.clocks))
    if options.focal != "known":
        now = with_supported_lens(task, with_assumed_lens(task, now, options))
    if options.clocks:
        now = with_supported_lags(task, now, frames)
    for _ in range(_WEIGHT_ROUNDS):
        now = until_lags_rest(task, reweighted(task, now), Setting(frames, now.free, measured=True), most=2)
    sigma = sigma_of(task, now, now.bundle, now.free)
    if options.constant_bones:
        now, sigma = with_supported_bones(task, now, sigma)
    doubt = intrinsics_doubt(task, now) if options.focal == "known" else assumption_doubt(task, now, sigma)
    problem = task.problem(now.raw, now.free, now.bones)
    return RefinedRig(now.rig, sigma, now.free, now.observed, now.swapped, now.agreed, doubt, problem, now.bundle)


def _early(task: Task, start: Rig, frames: Tensor, free: Free) -> Round:
    """Rounds on a few frames: as expected of a detector first, then with its noise and part weights as measured."""
    few = Setting(frames[evenly(len(frames), FEW_FRAMES)], free, EARLY_STEPS)
    now = adjusted(task, start, few, None)
    now = adjusted(task, now.rig, replace(few, measured=True), now)
    return adjusted(task, now.rig, replace(few, measured=True), reweighted(task, now))
