"""Refinement of the initial rig: bundle adjustment with the unknowns that the footage supports, and no more.

Besides the extrinsics, three things may be unknown: focal lengths, distortion, and by what part of a frame the cameras'
clocks differ. Each is estimated only as far as it must be, or as the footage supports it: focal lengths where they were
not given, distortion and lags where they come out clearly different from none (by four standard deviations). A number
that is estimated without need only adds its error to the cameras.
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
from epipose.lens.brown_conrady import composed
from epipose.poses import Poses2D

_FEW_FRAMES = 150  # for the rounds before the last
_EARLY_STEPS = 15
_CLEAR_SIGMAS = 4.0  # standard deviations by which a distortion or lag must differ from none to be kept
_SUSPECT_SIGMAS = 2.0  # and from which on a lag is estimated again from all frames
_MIN_LAG = 0.05  # frames: smaller lags are left alone
_MAX_LAG_ROUNDS = 12
_MAX_SETTLED_LAG = 0.02  # frames by which a round may move lags that have come to rest


@dataclass(frozen=True)
class RefinedRig:
    """The final rig with its uncertainty (see `Uncertainty`), and what it was estimated from."""

    rig: Rig
    sigma: Uncertainty
    free: Free
    observed: Observations  # of the frames used, swaps corrected
    swapped: Bool[Tensor, "view frame"]
    agreed: Float[Tensor, "frame joint"]  # 1 where two views or more agree on the point
    focal_doubt: Float[Tensor, "view 2"]  # share by which the footage would change a given focal length, and its sigma


@dataclass(frozen=True)
class _Task:
    """The inputs of a refinement, the same in every round."""

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
    """One adjustment: the rig, the bundle relative to the given intrinsics, and the observations behind it."""

    rig: Rig
    frames: Tensor
    bundle: Bundle
    free: Free
    raw: Observations
    observed: Observations
    swapped: Bool[Tensor, "view frame"]
    agreed: Float[Tensor, "frame joint"]  # 1 where two views or more agree on the point


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
    """Refine extrinsics, and intrinsics and lags as far as they are unknown and the footage supports it.

    ``start``: intrinsics given or assumed, poses of an initial rig. ``frames``: those to use. ``observed``: all frames
    of ``poses`` by ``start``, where they have been computed. ``focal``: whether the focal lengths are known, shared by
    all cameras, or each camera's own.
    """
    priors = replace(priors or Priors(), symmetric=poses.skeleton.bone_flip if symmetric and constant_bones else None)
    observed = observe(poses, start) if observed is None else observed
    task = _Task(poses, start, observed, constant_bones, priors)
    few = frames[evenly(len(frames), _FEW_FRAMES)]
    now = _round(task, start, few, Free(focal=focal, lag=clocks), None, _EARLY_STEPS)
    now = _round(task, now.rig, few, now.free, now.bundle, _EARLY_STEPS)
    if clocks:
        now = _with_supported_lags(task, now, frames)
    if focal != "known" and bool(start.camera.five_numbers.all()):
        now = _with_supported_distortion(task, now)
    now = _rounds(task, now, frames, steps=100, most=2)
    doubt = _focal_doubt(task, now) if focal == "known" else start.camera.K.new_zeros(len(start.names), 2).double()
    sigma = _sigma(task, now, now.bundle, now.free)
    return RefinedRig(now.rig, sigma, now.free, now.observed, now.swapped, now.agreed, doubt)


def _round(task: _Task, rig: Rig, frames: Tensor, free: Free, before: Bundle | None, steps: int = 100) -> _Round:
    """Correct swaps, triangulate, adjust: once."""
    flip, weights = task.poses.skeleton.flip, task.poses.skeleton.evidence_weights
    R, t = rig.camera.R, rig.camera.t
    observed, swapped = correct_swaps(task.rays(rig).frames(frames), R, t, flip)
    raw = observed
    if free.focal != "known":  # the adjustment takes rays by the given intrinsics, which it corrects
        raw = task.rays(replace(task.given, lag=rig.lag)).frames(frames).swapped(swapped, flip)
    xyz, agreed = triangulate_views(observed.weighted(weights), R, t)
    if before is not None:
        before = before._replace(lag=torch.zeros_like(before.lag))  # it is in the observations now
    raw = raw.weighted(weights)
    raw = replace(raw, weight=raw.weight * agreed)
    min_gain = 1e-5 if free.focal == "known" else 1e-6
    bundle = bundle_adjust(task.problem(raw, free), R, t, xyz, start=before, steps=steps, min_gain=min_gain)
    rig = replace(rig, camera=_with_intrinsics(task.given.camera, bundle, free), lag=rig.lag + bundle.lag)
    return _Round(rig, frames, bundle, free, raw, observed, swapped, agreed)


def _rounds(task: _Task, now: _Round, frames: Tensor, steps: int, most: int) -> _Round:
    """Further rounds, until the lags have come to rest.

    A joint's velocity in the image is noisy where it moves slowly, and noise in what a slope is fitted against makes
    the slope too small: each round finds a part of the lag, the next one reads the views later and finds the rest.
    """
    for _ in range(most):
        now = _round(task, now.rig, frames, now.free, now.bundle, steps)
        if float(now.bundle.lag.abs().max()) < _MAX_SETTLED_LAG:
            break
    return now


def _with_intrinsics(given: Camera, bundle: Bundle, free: Free) -> Camera:
    """The cameras the bundle found, its corrections written into K and the distortion."""
    camera = given.to(torch.float64).with_pose(bundle.R, bundle.t)
    if free.focal == "known":
        return camera
    K, f = camera.K.clone(), bundle.focal
    K[:, :2, :2] *= f[:, None, None]
    # Rays are distorted by the bundle's model, then by the given one; a fisheye's distortion is left as it is.
    both = composed(camera.distortion, f, bundle.radial)
    return replace(camera, K=K, distortion=torch.where(camera.fisheye[:, None], camera.distortion, both))


def _sigma(task: _Task, now: _Round, bundle: Bundle, free: Free) -> Uncertainty:
    joints = torch.arange(now.raw.x.shape[2])
    part = torch.minimum(joints, torch.tensor(task.poses.skeleton.flip)).unique(return_inverse=True)[1]
    return uncertainty(task.problem(now.raw, free), bundle, stretch=stretches(now.raw.x.shape[1]), part=part)


def _with_supported_lags(task: _Task, now: _Round, frames: Tensor) -> _Round:
    """Keep lags where they are clear, else set them to none and stop estimating them.

    Where a few frames suggest any, all are used: with slow motion, few hardly tell lags from turns of the cameras.
    """
    few = now.frames
    if _lags_differ(task, now, _SUSPECT_SIGMAS):
        now = _rounds(task, now, frames, _EARLY_STEPS, _MAX_LAG_ROUNDS)
        if _lags_differ(task, now, _CLEAR_SIGMAS):
            return now
    still = replace(now.rig, lag=task.given.lag)
    return _round(task, still, few, replace(now.free, lag=False), now.bundle, _EARLY_STEPS)


def _lags_differ(task: _Task, now: _Round, sigmas: float) -> bool:
    sigma = _sigma(task, now, now.bundle, now.free).lag
    lag = now.rig.lag - task.given.lag
    return bool((lag.abs() > (sigmas * sigma).clamp(min=_MIN_LAG)).any())


def _with_supported_distortion(task: _Task, now: _Round) -> _Round:
    """Estimate k1 and k2 as well, and keep them where k1 is clear."""
    free = replace(now.free, radial=now.free.focal)
    bundle = _again(task, now, free)
    sigma = _sigma(task, now, bundle, free)
    clear = (bundle.radial[:, 0].abs() > _CLEAR_SIGMAS * sigma.radial[:, 0]).all()
    if not bool(clear) or not bundle.cost < now.bundle.cost:
        return now
    rig = replace(now.rig, camera=_with_intrinsics(task.given.camera, bundle, free))
    return replace(now, rig=rig, bundle=bundle, free=free)


def _focal_doubt(task: _Task, now: _Round) -> Float[Tensor, "view 2"]:
    """The share by which the footage would change focal lengths that were given, and its standard deviation."""
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
