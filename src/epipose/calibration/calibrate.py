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
from epipose.geometry.observation_source import ObservationSource, SampledObservations
from epipose.geometry.observations import Observations
from epipose.geometry.sampling import evenly
from epipose.io.progress import progress
from epipose.poses import Poses2D
from epipose.reconstruction.label import triangulated
from epipose.reconstruction.scale import Scale
from epipose.reconstruction.world_frame import NOMINAL_STATURE, stature, upright
from epipose.skeleton import Skeleton

_INITIAL_FRAMES = 200  # for pairs of views; the final adjustment uses max_frames
_MIN_KEYPOINTS = 50  # of the subject in every view
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
    source: ObservationSource  # the keypoints as the rig sees them
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
    source = ObservationSource.of(poses, intrinsics)
    frames = chosen_frames(source, options.max_frames)
    with progress(total=3, desc="calibrate", unit="step") as bar:
        few = frames[evenly(len(frames), _INITIAL_FRAMES)]
        if options.focal != "known":
            sigma = options.focal_sigma or [None] * len(poses.views)
            intrinsics = with_likely_focal(source, few, sigma, options.seed)
            source = source.through(intrinsics)
        bar.update()
        first = initial_rig(source.at(few, velocity=False), intrinsics, poses.skeleton, options.seed)
        repairs: dict[str, tuple[SubjectRepair, ...]] = {}
        if poses.xy.shape[2] > 1:
            poses, repairs = repaired_subject(poses, first.rig)
        if repairs:
            source = ObservationSource.of(poses, intrinsics)
            first = initial_rig(source.at(few, velocity=False), intrinsics, poses.skeleton, options.seed)
        bar.update()
        if bool(first.swapped.any()):
            poses = poses.with_sides_swapped(first.swapped)
            source = replace(source, poses=poses)
        sampled = SampledObservations.of(source.through(first.rig), frames)
        options = in_units_of(options, first.rig, sampled.observed, poses.skeleton)
        found = refine_rig(poses, first.rig, frames, options, sampled=sampled)
        bar.update()
    return RigEstimate(poses, frames, first, found, source.through(found.rig), repairs)


def calibration_of(estimate: RigEstimate, fps: float, measure: Measure | None = None) -> Calibration:
    """The rig of an estimate on the floor and in metres (see `calibrate_rig`), with the report on it."""
    moved, up_sigma, scale = _set_on_the_floor(estimate.source, fps, measure)
    result = assess(estimate.poses, estimate.found, moved, estimate.first)
    return replace(result, up_sigma_deg=up_sigma, scale=scale, repairs=estimate.repairs)


def check_rig(poses: Poses2D, rig: Rig, *, max_frames: int = 500, measure: Measure | None = None) -> Calibration:
    """The report on cameras that are known already: how well they explain the subject's keypoints.

    ``measure``: as for `calibrate_rig`, for a rig that is not metric; its world is scaled about the origin, so that the
    axes and a floor at 0 stay. Raises CalibrationError as `calibrate_rig` does.
    """
    source = ObservationSource.of(poses, rig)
    frames = chosen_frames(source, max_frames)
    camera = rig.camera.to(torch.float64)
    rig = replace(rig, camera=camera)
    scale = None if measure is None else measure(*floor_points(source.through(rig)), rig)
    scaled = rig if scale is None else replace(rig.moved(scale.factor, _SAME_AXES, _SAME_ORIGIN), metric=True)
    observed, swapped = correct_swaps(source.at(frames, velocity=False), camera.R, camera.t, poses.skeleton.flip)
    return replace(assess(poses, given_rig(rig, observed, swapped), scaled, None), scale=scale)


def chosen_frames(source: ObservationSource, max_frames: int) -> Int[Tensor, " chosen"]:
    """At most ``max_frames`` frames, evenly drawn from those that show the subject in two views."""
    if max_frames < 10:
        raise InputError(f"max_frames is {max_frames}; at least 10 frames are needed, 500 are usual.")
    seen = source.seen()
    for name, keypoints in zip(source.poses.views, seen.keypoints.tolist(), strict=True):
        if keypoints < _MIN_KEYPOINTS:
            raise CalibrationError(
                f"View '{name}' shows only {keypoints} keypoints of the subject with confidence; at least "
                f"{_MIN_KEYPOINTS} are needed. Check that the person is in the image and large enough, or leave this "
                "view out."
            )
    frames = seen.indices()
    return frames[evenly(len(frames), max_frames)]


def in_units_of(options: RigOptions, rig: Rig, observed: Observations, skeleton: Skeleton) -> RigOptions:
    """The options with the smoothness, given for a person 1.7 m tall, in the unit of a rig without scale."""
    if options.smoothness is None:
        return options
    xyz, conf = triangulated(observed, rig, skeleton)
    return replace(options, smoothness=options.smoothness * stature(xyz, conf, skeleton) / NOMINAL_STATURE)


def _set_on_the_floor(
    source: ObservationSource, fps: float, measure: Measure | None
) -> tuple[Rig, float, Scale | None]:
    """The rig with z up, the floor at 0 and its scale; standard deviation of up (degrees); the scale, None if nominal."""
    skeleton, rig = source.poses.skeleton, source.rig
    xyz, conf = floor_points(source)
    scale = None if measure is None else measure(xyz, conf, rig)
    factor = NOMINAL_STATURE / stature(xyz, conf, skeleton) if scale is None else scale.factor
    world = upright(xyz, conf, skeleton, rig, fps, factor)
    assert world.rig is not None
    moved = replace(world.rig, metric=scale is not None)
    return moved, float(torch.rad2deg(torch.tensor(world.up_sigma))), scale


def floor_points(
    source: ObservationSource,
) -> tuple[Float[Tensor, "frame joint 3"], Float[Tensor, "frame joint"]]:
    """Joints and confidences in successive frames that show the subject most, by which floor and scale are found."""
    observed = source.at(source.seen().busiest(_WORLD_FRAMES), velocity=False)
    return triangulated(observed, source.rig, source.poses.skeleton, constant_bones=False)
