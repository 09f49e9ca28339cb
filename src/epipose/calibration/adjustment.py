"""One round of calibration's adjustment: swaps corrected, joints triangulated, noise measured, everything adjusted.

A round starts from a rig and a choice of unknowns and ends with a better rig. What the next round takes over is in
`Round`; which unknowns there are, and how many rounds, is decided in refine_rig.py and supported_unknowns.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Camera, Rig
from epipose.geometry.bundle import Bundle, BundleProblem, Free, Priors, bundle_adjust
from epipose.geometry.left_right import correct_swaps
from epipose.geometry.noise_components import measured_noise, part_weights
from epipose.geometry.observation_source import SampledObservations
from epipose.geometry.observations import Observations
from epipose.geometry.rotation import angle_between
from epipose.geometry.sampling import stretches
from epipose.geometry.uncertainty import Uncertainty, uncertainty
from epipose.geometry.view_graph import triangulate_views
from epipose.lens.brown_conrady import composed
from epipose.poses import Poses2D

FEW_FRAMES = 150  # for the rounds before the last
EARLY_STEPS = 15
_SAME_SWAPS = 0.01  # radians
_LATE_STEPS = 30  # of an adjustment that starts where another ended


@dataclass(frozen=True)
class Task:
    """The inputs of a refinement, the same in every round."""

    sampled: SampledObservations  # by the given intrinsics
    priors: Priors

    @property
    def poses(self) -> Poses2D:
        """The keypoints of all frames."""
        return self.sampled.source.poses

    @property
    def given(self) -> Rig:
        """The given intrinsics, with the poses and lags of an initial rig."""
        return self.sampled.source.rig

    def problem(self, raw: Observations, free: Free, bones: bool = False) -> BundleProblem:
        """The bundle adjustment of some observations."""
        skeleton = self.poses.skeleton
        priors = self.priors if bones else replace(self.priors, symmetric=None)
        return BundleProblem(
            raw.x, raw.weight, raw.noise, skeleton.bones if bones else (), free, priors, raw.velocity
        )  # fmt: skip


@dataclass(frozen=True)
class Round:
    """One adjustment: the rig, the bundle relative to the given intrinsics, and the observations behind it."""

    rig: Rig
    frames: Tensor
    bundle: Bundle
    free: Free
    raw: Observations  # by the given intrinsics, as they were weighted
    observed: Observations  # by the rig's intrinsics
    swapped: Bool[Tensor, "view frame"]
    R_at_swaps: Float[Tensor, "view 3 3"]  # the cameras' rotations when swaps were last looked for
    agreed: Float[Tensor, "frame joint"]  # 1 where two views or more agree on the point
    joint_weight: Float[Tensor, " joint"]  # of each joint in ``raw``
    bones: bool = False  # whether bones of constant length took part


@dataclass(frozen=True)
class Setting:
    """What a round is to do: its frames, unknowns and steps; ``measured``: take the noise from the residuals."""

    frames: Tensor
    free: Free
    steps: int = 100
    measured: bool = False


def adjusted(task: Task, rig: Rig, setting: Setting, before: Round | None) -> Round:
    """Correct swaps, triangulate, adjust: once."""
    skeleton, free = task.poses.skeleton, setting.free
    R, t = rig.camera.R, rig.camera.t
    observed, swapped, R_at_swaps = _with_swaps_corrected(task, rig, setting.frames, before)
    raw = observed
    if not free.lens_known:  # the adjustment takes rays by the given intrinsics, which it corrects
        raw = task.sampled.at(setting.frames, replace(task.given, lag=rig.lag)).swapped(swapped, skeleton.flip)
    weight = skeleton.evidence_weights.double() if before is None else before.joint_weight
    xyz, agreed = triangulate_views(observed.weighted(weight), R, t)
    if setting.measured:
        tuned = measured_noise(observed, R, t, skeleton.error_parts)
        raw = replace(raw, noise=raw.noise * tuned.noise / observed.noise, weight=tuned.weight)
    raw = raw.weighted(weight)
    raw = replace(raw, weight=raw.weight * agreed)
    start = None
    if before is not None:
        start = before.bundle._replace(lag=torch.zeros_like(before.bundle.lag))  # it is in the observations now
    min_gain = 1e-5 if free.lens_known else 1e-6
    problem = task.problem(raw, free)
    bundle = bundle_adjust(problem, R, t, xyz, start=start, steps=setting.steps, min_gain=min_gain)
    rig = replace(rig, camera=with_intrinsics(task.given.camera, bundle, free), lag=rig.lag + bundle.lag)
    return Round(rig, setting.frames, bundle, free, raw, observed, swapped, R_at_swaps, agreed, weight)


def _with_swaps_corrected(
    task: Task, rig: Rig, frames: Tensor, before: Round | None
) -> tuple[Observations, Bool[Tensor, "view frame"], Float[Tensor, "view 3 3"]]:
    """Observations with sides right, which were swapped, and the rotations that it was found with.

    Swaps are as wide as a body: cameras that have turned by less than `_SAME_SWAPS` see the same ones, whatever else of
    the rig has changed.
    """
    observed, R, flip = task.sampled.at(frames, rig), rig.camera.R, task.poses.skeleton.flip
    last = before if before is not None and torch.equal(frames, before.frames) else None
    if last is not None and float(angle_between(R, last.R_at_swaps).max()) < _SAME_SWAPS:
        return observed.swapped(last.swapped, flip), last.swapped, last.R_at_swaps
    return *correct_swaps(observed, R, rig.camera.t, flip), R


def reweighted(task: Task, now: Round) -> Round:
    """The round with the weight of each body part taken from its pull on the cameras, for the next round."""
    base = task.problem(now.raw.weighted(1 / now.joint_weight), now.free)
    return replace(now, joint_weight=part_weights(base, now.bundle, task.poses.skeleton.error_parts))


def again(task: Task, now: Round, free: Free, bones: bool = False, min_gain: float = 1e-5) -> Bundle:
    """Adjust once more from where a round ended, with other unknowns."""
    was = now.bundle
    return bundle_adjust(
        task.problem(now.raw, free, bones),
        was.R,
        was.t,
        was.xyz,
        start=was,
        bone_sigma=was.bone_sigma if bones and len(was.bone_sigma) else None,  # bones that were held before
        steps=_LATE_STEPS,
        min_gain=min_gain,
    )


def sigma_of(task: Task, now: Round, bundle: Bundle, free: Free, bones: bool = False) -> Uncertainty:
    """Standard deviations of an adjustment of a round's observations."""
    return uncertainty(
        task.problem(now.raw, free, bones), bundle, stretch=stretches(now.raw.x.shape[1]),
        part=task.poses.skeleton.error_parts, measured=True,
    )  # fmt: skip


def with_intrinsics(given: Camera, bundle: Bundle, free: Free) -> Camera:
    """The cameras the bundle found, its corrections written into K and the distortion."""
    camera = given.to(torch.float64).with_pose(bundle.R, bundle.t)
    if free.lens_known:
        return camera
    K, f = camera.K.clone(), bundle.focal
    K[:, :2, 2] += (K[:, :2, :2] @ bundle.center[..., None])[..., 0]
    root = bundle.aspect.sqrt()
    K[:, :2, :2] *= (f[:, None] * torch.stack([root, 1 / root], 1))[:, None]
    both = composed(camera.distortion, f, bundle.radial)
    return replace(camera, K=K, distortion=torch.where(camera.fisheye[:, None], camera.distortion, both))
