"""From a first rig to the final one: bundle adjustment with all that the footage can tell, and no more.

Besides the places of the cameras, three things may be unknown: how long the lenses are, how they distort, and by what
part of a frame the cameras' clocks differ. Each is estimated only as far as it must be, or as the footage supports it:
focal lengths where they were not given, distortion and clocks where they come out clearly different from none (by
four standard deviations). A figure that is estimated without need only adds its error to the cameras.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Camera, Rig
from epipose.geometry.bundle import Bundle, BundleProblem, Free, Priors, bundle_adjust
from epipose.geometry.left_right import correct_swaps
from epipose.geometry.observations import Observations, observe, same_rays
from epipose.geometry.parameters import Sharing
from epipose.geometry.sampling import evenly, stretches
from epipose.geometry.uncertainty import Uncertainty, uncertainty
from epipose.geometry.view_graph import triangulate_views
from epipose.poses import Poses2D

_FEW_FRAMES = 150  # for the rounds before the last
_EARLY_STEPS = 15
_CLEARLY = 4.0  # standard deviations by which a lens or a clock must differ from the plain one
_PERHAPS = 2.0  # and from which on a clock is worth a closer look
_LEAST_LAG = 0.05  # frames: smaller differences of clocks are left alone
_CLOCK_ROUNDS = 12  # at most; and the frames by which
_STILL_MOVING = 0.02  # a round must have moved a clock for another one to follow


@dataclass(frozen=True)
class RefinedRig:
    """The final rig with its uncertainty (see `Uncertainty`), and what the footage was found to support."""

    rig: Rig
    sigma: Uncertainty
    free: Free
    observed: Observations  # of the frames used, left and right repaired
    swapped: Bool[Tensor, "view frame"]
    trust: Float[Tensor, "frame joint"]
    focal_doubt: Float[Tensor, "view 2"]  # of lenses that were given: the share by which the footage would change them


@dataclass(frozen=True)
class _Task:
    """What stays the same from round to round."""

    poses: Poses2D
    given: Rig
    observed: Observations  # of all frames, by the given intrinsics
    constant_bones: bool
    priors: Priors

    def rays(self, rig: Rig) -> Observations:
        """The observations of all frames by a rig; those by the given intrinsics are there already."""
        return self.observed if same_rays(rig, self.given) else observe(self.poses, rig)

    def problem(self, raw: Observations, free: Free) -> BundleProblem:
        """The bundle adjustment of some observations."""
        bones = self.poses.skeleton.bones if self.constant_bones else ()
        return BundleProblem(raw.x, raw.weight, raw.noise, bones, free, self.priors, raw.velocity)


@dataclass(frozen=True)
class _Round:
    """One adjustment: the rig so far, what the bundle said in terms of the given lenses, and what it was based on."""

    rig: Rig
    frames: Tensor
    bundle: Bundle
    free: Free
    raw: Observations
    observed: Observations
    swapped: Bool[Tensor, "view frame"]
    trust: Float[Tensor, "frame joint"]


def refine_rig(
    poses: Poses2D,
    start: Rig,
    frames: Tensor,
    *,
    observed: Observations | None = None,
    focal: Sharing = "known",
    clocks: bool = True,
    constant_bones: bool = True,
    symmetric: bool = True,
    priors: Priors | None = None,
) -> RefinedRig:
    """Refine cameras, and lenses and clocks as far as they are unknown and the footage supports it.

    ``start``: intrinsics given or assumed, poses of a first rig. ``frames``: those to use. ``focal``: whether the focal
    lengths are known, shared by all cameras, or each camera's own.
    """
    priors = replace(priors or Priors(), symmetric=poses.skeleton.bone_flip if symmetric and constant_bones else None)
    observed = observe(poses, start) if observed is None else observed
    task = _Task(poses, start, observed, constant_bones, priors)
    few = frames[evenly(len(frames), _FEW_FRAMES)]
    now = _round(task, start, few, Free(focal=focal, lag=clocks), None, _EARLY_STEPS)
    now = _round(task, now.rig, few, now.free, now.bundle, _EARLY_STEPS)
    if clocks:
        now = _with_supported_clocks(task, now, frames)
    if focal != "known":
        now = _with_supported_distortion(task, now)
    now = _rounds(task, now, frames, steps=100, most=2)
    doubt = _focal_doubt(task, now) if focal == "known" else start.camera.K.new_zeros(len(start.names), 2).double()
    sigma = _sigma(task, now, now.bundle, now.free)
    return RefinedRig(now.rig, sigma, now.free, now.observed, now.swapped, now.trust, doubt)


def _round(task: _Task, rig: Rig, frames: Tensor, free: Free, before: Bundle | None, steps: int = 100) -> _Round:
    """Repair left and right, triangulate, adjust: once."""
    flip, votes = task.poses.skeleton.flip, task.poses.skeleton.votes
    R, t = rig.camera.R, rig.camera.t
    observed, swapped = correct_swaps(task.rays(rig).frames(frames), R, t, flip)
    raw = observed
    if free.focal != "known":  # the adjustment wants rays by the given lenses, which it corrects
        raw = task.rays(replace(task.given, lag=rig.lag)).frames(frames).swapped(swapped, flip)
    xyz, trust = triangulate_views(observed.weighted(votes), R, t)
    if before is not None:
        before = before._replace(lag=torch.zeros_like(before.lag))  # it is in the observations now
    raw = raw.weighted(votes)
    raw = replace(raw, weight=raw.weight * trust)
    min_gain = 1e-5 if free.focal == "known" else 1e-6
    bundle = bundle_adjust(task.problem(raw, free), R, t, xyz, start=before, steps=steps, min_gain=min_gain)
    rig = replace(rig, camera=_with_lens(task.given.camera, bundle, free), lag=rig.lag + bundle.lag)
    return _Round(rig, frames, bundle, free, raw, observed, swapped, trust)


def _rounds(task: _Task, now: _Round, frames: Tensor, steps: int, most: int) -> _Round:
    """Further rounds, until the clocks have come to rest.

    A joint's velocity in the image is noisy where it moves slowly, and noise in what a slope is fitted against makes
    the slope too small: each round finds a part of the lag, the next one reads the views later and finds the rest.
    """
    for _ in range(most):
        now = _round(task, now.rig, frames, now.free, now.bundle, steps)
        if float(now.bundle.lag.abs().max()) < _STILL_MOVING:
            break
    return now


def _with_lens(given: Camera, bundle: Bundle, free: Free) -> Camera:
    """The cameras the bundle found, their corrections of the lens written into K and the distortion."""
    camera = given.to(torch.float64).with_pose(bundle.R, bundle.t)
    if free.focal == "known":
        return camera
    K, f = camera.K.clone(), bundle.focal
    K[:, :2, :2] *= f[:, None, None]
    # Rays bend by the bundle's lens, then by the given one where that has brought them: the two as one, to r^4.
    (a, b), (k1, k2, p1, p2, k3) = bundle.radial.mT, camera.distortion.mT
    both = (a + f**2 * k1, b + 3 * a * f**2 * k1 + f**4 * k2, f * p1, f * p2, f**6 * k3)
    return replace(camera, K=K, distortion=torch.stack(both, 1))


def _sigma(task: _Task, now: _Round, bundle: Bundle, free: Free) -> Uncertainty:
    joints = torch.arange(now.raw.x.shape[2])
    part = torch.minimum(joints, torch.tensor(task.poses.skeleton.flip)).unique(return_inverse=True)[1]
    return uncertainty(task.problem(now.raw, free), bundle, stretch=stretches(now.raw.x.shape[1]), part=part)


def _with_supported_clocks(task: _Task, now: _Round, frames: Tensor) -> _Round:
    """Keep the clocks' differences where they are clear, else set them to none and stop estimating them.

    Where a few frames let suspect any, all are asked: with slow motion, few hardly tell lags from turns of the cameras.
    """
    few = now.frames
    if _clocks_differ(task, now, _PERHAPS):
        now = _rounds(task, now, frames, _EARLY_STEPS, _CLOCK_ROUNDS)
        if _clocks_differ(task, now, _CLEARLY):
            return now
    still = replace(now.rig, lag=task.given.lag)
    return _round(task, still, few, replace(now.free, lag=False), now.bundle, _EARLY_STEPS)


def _clocks_differ(task: _Task, now: _Round, deviations: float) -> bool:
    sigma = _sigma(task, now, now.bundle, now.free).lag
    lag = now.rig.lag - task.given.lag
    return bool((lag.abs() > (deviations * sigma).clamp(min=_LEAST_LAG)).any())


def _with_supported_distortion(task: _Task, now: _Round) -> _Round:
    """Estimate k1 and k2 as well, and keep them where k1 is clear."""
    free = replace(now.free, radial=now.free.focal)
    bundle = _again(task, now, free)
    sigma = _sigma(task, now, bundle, free)
    clear = (bundle.radial[:, 0].abs() > _CLEARLY * sigma.radial[:, 0]).all()
    if not bool(clear) or not bundle.cost < now.bundle.cost:
        return now
    rig = replace(now.rig, camera=_with_lens(task.given.camera, bundle, free))
    return replace(now, rig=rig, bundle=bundle, free=free)


def _focal_doubt(task: _Task, now: _Round) -> Float[Tensor, "view 2"]:
    """By what share the footage would change focal lengths that were given, were it asked, and how sure that is."""
    free = Free(focal="each")
    few = evenly(now.raw.x.shape[1], _FEW_FRAMES)
    part = replace(now, raw=now.raw.frames(few), bundle=now.bundle._replace(xyz=now.bundle.xyz[few]))
    bundle = _again(task, part, free)
    return torch.stack([bundle.focal - 1, _sigma(task, part, bundle, free).focal], 1)


def _again(task: _Task, now: _Round, free: Free) -> Bundle:
    """Adjust once more from where a round ended, with other unknowns."""
    was = now.bundle
    problem = task.problem(now.raw, free)
    return bundle_adjust(problem, was.R, was.t, was.xyz, start=was, bone_sigma=was.bone_sigma, steps=30)
