"""Extrinsic self-calibration from human motion: the cameras of a clip from one person's keypoints.

An initial rig from a few frames (initial_rig.py), the subject put right where somebody else had been taken for it
(subject_repair.py), then bundle adjustment with everything that is unknown (refine_rig.py), the world frame on the
floor (reconstruction/world_frame.py), and the verdict (assess.py, verdict.py). Without a known length the scale is
nominal: the person is made 1.7 m tall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epipose.calibration.assess import assess, given_rig
from epipose.calibration.initial_rig import InitialRig, initial_rig, with_likely_focal
from epipose.calibration.refine_rig import RefinedRig, refine_rig
from epipose.calibration.result import Calibration
from epipose.calibration.rig_options import RigOptions
from epipose.calibration.subject_repair import SubjectRepair, repaired_subject
from epipose.camera import Rig
from epipose.errors import CalibrationError, InputError
from epipose.geometry.left_right import correct_swaps
from epipose.geometry.observations import Observations, observe, same_rays
from epipose.geometry.sampling import evenly
from epipose.io.progress import progress
from epipose.poses import Poses2D
from epipose.reconstruction.label import triangulated
from epipose.reconstruction.scale import Scale
from epipose.reconstruction.world_frame import NOMINAL_STATURE, stature, upright
from epipose.skeleton import Skeleton

_INITIAL_FRAMES = 200  # for pairs of views; the final adjustment uses max_frames
_WORLD_FRAMES = 3000  # in a row, to see feet stand still
_SAME_AXES, _SAME_ORIGIN = torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
Measure = Callable[[Tensor, Tensor, Rig], Scale | None]


@dataclass(frozen=True)
class RigEstimate:
    """Cameras of one clip in no particular world, and what they were estimated from."""

    poses: Poses2D  # the subject repaired, views that are swapped throughout put right
    frames: Int[Tensor, " chosen"]
    first: InitialRig
    found: RefinedRig
    observed: Observations  # of all frames, as the rig sees them
    repairs: dict[str, tuple[SubjectRepair, ...]]


def calibrate_rig(
    poses: Poses2D,
    intrinsics: Rig,
    options: RigOptions = RigOptions(),
    *,
    fps: float = 30.0,
    measure: Measure | None = None,
) -> Calibration:
    """Recover the cameras' poses from one person's keypoints.

    ``intrinsics``: the cameras' K, distortion and size in the order of ``poses.views``; their R and t are ignored.
    ``options``: what else is unknown. ``fps``: frames per second of the clip. ``measure``: gives the metric scale (see
    `epipose.reconstruction.scale.metric_scale`) of joints (frame, joint, 3), their confidence, and a rig. Raises
    CalibrationError when views share too few joints or agree on no rig.
    """
    return calibration_of(estimate_rig(poses, intrinsics, options), fps, measure)


def estimate_rig(poses: Poses2D, intrinsics: Rig, options: RigOptions = RigOptions()) -> RigEstimate:
    """The cameras before a world frame and a scale are chosen; for arguments and errors see `calibrate_rig`."""
    observed = observe(poses, intrinsics)
    frames = chosen_frames(observed, poses.views, options.max_frames)
    with progress(total=3, desc="calibrate", unit="step") as bar:
        few = frames[evenly(len(frames), _INITIAL_FRAMES)]
        if options.focal != "known":
            sigma = options.focal_sigma or [None] * len(poses.views)
            intrinsics = with_likely_focal(poses, intrinsics, few, sigma, options.seed)
            observed = observe(poses, intrinsics)
        bar.update()
        first = initial_rig(observed.frames(few), intrinsics, poses.skeleton, options.seed)
        repairs: dict[str, tuple[SubjectRepair, ...]] = {}
        if poses.xy.shape[2] > 1:
            poses, repairs = repaired_subject(poses, first.rig)
        if repairs:
            observed = observe(poses, intrinsics)
            first = initial_rig(observed.frames(few), intrinsics, poses.skeleton, options.seed)
        bar.update()
        poses, observed = poses.with_sides_swapped(first.swapped), _with_sides_swapped(observed, first.swapped, poses)
        options = in_units_of(options, first.rig, observed.frames(frames), poses.skeleton)
        found = refine_rig(poses, first.rig, frames, options, observed=observed)
        bar.update()
    if not same_rays(found.rig, first.rig):
        observed = observe(poses, found.rig)
    return RigEstimate(poses, frames, first, found, observed, repairs)


def calibration_of(estimate: RigEstimate, fps: float, measure: Measure | None = None) -> Calibration:
    """The rig of an estimate on the floor and in metres (see `calibrate_rig`), with the report on it."""
    poses, rig = estimate.poses, estimate.found.rig
    moved, up_sigma, scale = _set_on_the_floor(estimate.observed, poses.skeleton, rig, fps, measure)
    result = assess(poses, estimate.found, moved, estimate.first)
    return replace(result, up_sigma_deg=up_sigma, scale=scale, repairs=estimate.repairs)


def check_rig(poses: Poses2D, rig: Rig, *, max_frames: int = 500, measure: Measure | None = None) -> Calibration:
    """The report on cameras that are known already: how well they explain the subject's keypoints.

    ``measure``: as for `calibrate_rig`, for a rig that is not metric; its world is scaled about the origin, so that the
    axes and a floor at 0 stay. Raises CalibrationError as `calibrate_rig` does.
    """
    observed = observe(poses, rig)
    frames = chosen_frames(observed, poses.views, max_frames)
    camera = rig.camera.to(torch.float64)
    rig = replace(rig, camera=camera)
    scale = None if measure is None else measure(*floor_points(observed, poses.skeleton, rig), rig)
    scaled = rig if scale is None else replace(rig.moved(scale.factor, _SAME_AXES, _SAME_ORIGIN), metric=True)
    observed, swapped = correct_swaps(observed.frames(frames), camera.R, camera.t, poses.skeleton.flip)
    return replace(assess(poses, given_rig(rig, observed, swapped), scaled, None), scale=scale)


def chosen_frames(observed: Observations, names: tuple[str, ...], max_frames: int) -> Tensor:
    """At most ``max_frames`` frames, evenly drawn from those that show the subject in two views."""
    if max_frames < 10:
        raise InputError(f"max_frames is {max_frames}; at least 10 frames are needed, 500 are usual.")
    _check_everyone_is_seen(observed, names)
    seen = observed.seen_frames()
    return seen[evenly(len(seen), max_frames)]


def _check_everyone_is_seen(observed: Observations, names: tuple[str, ...]) -> None:
    for name, seen in zip(names, (observed.weight > 0).flatten(1).sum(1).tolist(), strict=True):
        if seen < 50:
            raise CalibrationError(
                f"View '{name}' shows only {seen} keypoints of the subject with confidence; at least 50 are needed. "
                "Check that the person is in the image and large enough, or leave this view out."
            )


def _with_sides_swapped(observed: Observations, views: Tensor, poses: Poses2D) -> Observations:
    """The observations with left and right swapped throughout some views."""
    return observed.swapped(views[:, None].expand(observed.weight.shape[:2]), poses.skeleton.flip)


def in_units_of(options: RigOptions, rig: Rig, observed: Observations, skeleton: Skeleton) -> RigOptions:
    """The options with the smoothness, given for a person 1.7 m tall, in the unit of a rig without scale."""
    if options.smoothness is None:
        return options
    xyz, conf = triangulated(observed, rig, skeleton)
    return replace(options, smoothness=options.smoothness * stature(xyz, conf, skeleton) / NOMINAL_STATURE)


def _set_on_the_floor(
    observed: Observations, skeleton: Skeleton, rig: Rig, fps: float, measure: Measure | None
) -> tuple[Rig, float, Scale | None]:
    """The rig with z up, the floor at 0 and its scale; standard deviation of up (degrees); the scale, None if nominal.

    ``observed``: all frames, as the rig sees them.
    """
    xyz, conf = floor_points(observed, skeleton, rig)
    scale = None if measure is None else measure(xyz, conf, rig)
    factor = NOMINAL_STATURE / stature(xyz, conf, skeleton) if scale is None else scale.factor
    world = upright(xyz, conf, skeleton, rig, fps, factor)
    assert world.rig is not None
    moved = replace(world.rig, metric=scale is not None)
    return moved, float(torch.rad2deg(torch.tensor(world.up_sigma))), scale


def floor_points(
    observed: Observations, skeleton: Skeleton, rig: Rig
) -> tuple[Float[Tensor, "frame joint 3"], Float[Tensor, "frame joint"]]:
    """Joints and confidences in successive frames that show the subject most, by which floor and scale are found."""
    return triangulated(observed.frames(observed.busiest(_WORLD_FRAMES)), rig, skeleton, constant_bones=False)
