"""Shared rig: the cameras of several clips adjusted together, from what each clip gave alone.

Every clip brings its last bundle adjustment: observations with their weights, swaps put right, and its own joints, bone
lengths and lags. They are brought into one world by the cameras and adjusted together (geometry/pooled_bundle.py).
Unknown of the cameras is what is unknown in any of the clips: lenses that one clip shows to differ differ in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import torch

from epipose.calibration.adjustment import with_intrinsics
from epipose.calibration.calibrate import RigEstimate, chosen_frames, in_units_of
from epipose.calibration.initial_rig import InitialRig, relative_poses
from epipose.calibration.refine_rig import RefinedRig, refine_rig
from epipose.calibration.rig_difference import rig_alignment
from epipose.calibration.rig_options import RigOptions
from epipose.calibration.subject_repair import SubjectRepair, repaired_subject
from epipose.camera import Rig
from epipose.errors import CalibrationError
from epipose.geometry.bundle import bundle_adjust
from epipose.geometry.left_right import correct_swaps
from epipose.geometry.observation_source import ObservationSource
from epipose.geometry.observations import same_rays
from epipose.geometry.parameters import Bundle, BundleProblem, Free
from epipose.geometry.pooled_bundle import adjust_together
from epipose.geometry.pooled_uncertainty import uncertainty_together
from epipose.geometry.sampling import stretches
from epipose.geometry.uncertainty import Uncertainty
from epipose.geometry.view_graph import triangulate_views
from epipose.poses import Poses2D

_POINT_STEPS = 5  # of a clip's joints and bones, before the cameras move
_GENERALITY: dict[object, int] = {"known": 0, "shared": 1, "each": 2, False: 0, True: 1}


def shared_rig(estimates: Sequence[RigEstimate]) -> tuple[RigEstimate, ...]:
    """The clips' estimates with one rig, adjusted to all of them; lags and all but the cameras stay each clip's own.

    The first clip's world stays. The estimates must have been made from the same initial intrinsics (`same_start`).
    """
    reference = estimates[0]
    problems, starts = zip(*(_in_world_of(reference, estimate) for estimate in estimates), strict=True)
    free = _most_general([problem.free for problem in problems])
    problems = [replace(problem, free=replace(free, lag=problem.free.lag)) for problem in problems]
    bundles = adjust_together(problems, starts, min_gain=1e-5 if free.lens_known else 1e-6)
    sigma = uncertainty_together(
        problems,
        bundles,
        stretch=[stretches(problem.x.shape[1]) for problem in problems],
        part=reference.poses.skeleton.error_parts,
        measured=True,
    )
    return tuple(
        _with_cameras(estimate, reference.first.rig, bundle, problem, sigma)
        for estimate, bundle, problem in zip(estimates, bundles, problems, strict=True)
    )


def same_start(a: RigEstimate, b: RigEstimate) -> bool:
    """Whether both were made from the same initial intrinsics, so that they can be adjusted together as they are."""
    return same_rays(a.first.rig, b.first.rig)


def estimate_near(
    poses: Poses2D,
    known: RigEstimate,
    options: RigOptions = RigOptions(),
    *,
    alone: RigEstimate | None = None,
) -> RigEstimate:
    """The cameras of a clip, beginning with those of another one; ``alone`` is what it gave from nothing, if it did.

    Raises CalibrationError where a view never shows the subject.
    """
    start = replace(known.found.rig, lag=torch.zeros_like(known.found.rig.lag))
    repairs: dict[str, tuple[SubjectRepair, ...]] = {} if alone is None else alone.repairs
    if alone is not None:
        poses, start = alone.poses, replace(start, lag=alone.found.rig.lag)
    elif poses.xy.shape[2] > 1:
        poses, repairs = repaired_subject(poses, start)
    source = ObservationSource.of(poses, start)
    frames = chosen_frames(source, options.max_frames)
    given = known.first.rig.camera.with_pose(start.camera.R, start.camera.t)
    found = refine_rig(
        poses,
        replace(start, camera=given),
        frames,
        in_units_of(options, start, source.at(frames, velocity=False), poses.skeleton),
    )
    first = (
        _pairs_alone(poses, frames, known, options.seed) if alone is None else replace(alone.first, rig=known.first.rig)
    )
    return RigEstimate(poses, frames, first, found, source.through(found.rig), repairs)


def _pairs_alone(poses: Poses2D, frames: torch.Tensor, known: RigEstimate, seed: int) -> InitialRig:
    """Relative poses of the pairs where there are any, for the report; nothing is known of mirrored worlds."""
    observed = (
        ObservationSource.of(poses, known.first.rig)
        .at(frames, velocity=False)
        .weighted(poses.skeleton.evidence_weights)
    )
    try:
        pairs = relative_poses(observed, poses.views, seed)
    except CalibrationError:
        pairs = {}
    nothing = float("inf")
    return InitialRig(
        known.first.rig, pairs, torch.zeros(len(poses.views), dtype=torch.bool), nothing, nothing, nothing
    )


def _in_world_of(reference: RigEstimate, estimate: RigEstimate) -> tuple[BundleProblem, Bundle]:
    """A clip's last problem in the unit of the reference, and its bundle with the reference's cameras."""
    (problem, own), (_, cameras) = _solved(estimate), _solved(reference)
    move = rig_alignment((own.R, own.t), (cameras.R, cameras.t))
    if problem.priors.smoothness is not None:
        scaled = replace(problem.priors, smoothness=float(move.scale) * problem.priors.smoothness)
        problem = replace(problem, priors=scaled)
    own = own._replace(xyz=move.apply(own.xyz), bone_length=move.scale * own.bone_length)
    start = cameras._replace(xyz=own.xyz, bone_length=own.bone_length, bone_sigma=own.bone_sigma, lag=own.lag)
    fixed = replace(problem, free=Free(poses=False))
    points = bundle_adjust(
        fixed, start.R, start.t, start.xyz, start=start, bone_sigma=start.bone_sigma, steps=_POINT_STEPS
    )
    return problem, start._replace(xyz=points.xyz)


def _solved(estimate: RigEstimate) -> tuple[BundleProblem, Bundle]:
    problem, bundle = estimate.found.problem, estimate.found.bundle
    assert problem is not None  # the rig was estimated, not given
    assert bundle is not None
    return problem, bundle


def _most_general(frees: Sequence[Free]) -> Free:
    """Unknown is what is unknown in any of them, and each camera's own where it is so in any."""
    values = {
        field.name: max((getattr(free, field.name) for free in frees), key=lambda value: _GENERALITY[value])
        for field in fields(Free)
    }
    return Free(**values)


def _with_cameras(
    estimate: RigEstimate, given: Rig, bundle: Bundle, problem: BundleProblem, sigma: Uncertainty
) -> RigEstimate:
    """The estimate of a clip with the cameras of all, and its observations as these see them."""
    _, before = _solved(estimate)
    rig = replace(
        estimate.found.rig,
        camera=with_intrinsics(given.camera, bundle, problem.free),
        lag=estimate.found.rig.lag - before.lag + bundle.lag,
    )
    source = estimate.source.through(rig)
    used, swapped = correct_swaps(
        source.at(estimate.frames, velocity=False), rig.camera.R, rig.camera.t, estimate.poses.skeleton.flip
    )
    _, agreed = triangulate_views(used.weighted(estimate.poses.skeleton.evidence_weights), rig.camera.R, rig.camera.t)
    found = RefinedRig(
        rig, sigma._replace(lag=estimate.found.sigma.lag), problem.free, used, swapped, agreed,
        estimate.found.doubt, problem, bundle,
    )  # fmt: skip
    return replace(estimate, first=replace(estimate.first, rig=given), found=found, source=source)
