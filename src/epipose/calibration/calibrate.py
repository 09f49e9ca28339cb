"""Who stood where: the cameras of a clip from the motion of the person all of them filmed.

A first rig from a few frames (first_rig.py), the subject put right where somebody else had been taken for it
(repair.py), then everything adjusted together (adjust.py), set upright on the floor (world.py), and judged
(calibration.py, verdict.py). Without a known length the scale is nominal: the person is made 1.7 m tall.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from epipose.calibration.assess import assess, known
from epipose.calibration.initial_rig import first_rig, with_likely_focal
from epipose.calibration.refine_rig import adjust
from epipose.calibration.result import Calibration
from epipose.calibration.subject_repair import repaired_subject
from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.geometry.bundle import Priors
from epipose.geometry.left_right import unswapped
from epipose.geometry.observations import Observations, observe
from epipose.geometry.parameters import Sharing
from epipose.geometry.sampling import evenly
from epipose.poses import Poses2D
from epipose.reconstruction.label import triangulated
from epipose.reconstruction.scale import Scale
from epipose.reconstruction.world_frame import NOMINAL_STATURE, stature, upright

_FIRST_FRAMES = 200  # for pairs of views; the final adjustment uses max_frames
_WORLD_FRAMES = 3000  # in a row, to see feet stand still
Measure = Callable[[Tensor, Tensor, Rig], Scale | None]


def calibrate_rig(
    poses: Poses2D,
    intrinsics: Rig,
    *,
    fps: float = 30.0,
    focal: Sharing = "known",
    focal_sigma: Sequence[float | None] | None = None,
    clocks: bool = True,
    constant_bones: bool = True,
    symmetric: bool = True,
    smoothness: float | None = None,
    measure: Measure | None = None,
    max_frames: int = 500,
    seed: int = 0,
) -> Calibration:
    """Recover the cameras' poses from one person's joints.

    ``intrinsics``: the cameras' K, distortion and size in the order of ``poses.views``; their R and t are ignored. With
    ``focal`` "shared" or "each", K is only where the search begins, and ``focal_sigma`` says per view how well it is
    known (None: not at all). ``clocks``: find by what part of a frame views are late. ``smoothness``: expected second
    difference of a joint's path from frame to frame, in metres of a person 1.7 m tall (None: no such prior; it wants
    ``max_frames`` not to skip frames). ``measure``: gives the metric scale (see
    `epipose.reconstruction.scale.metric_scale`) of joints (frame, joint, 3), their confidence, and a rig. Raises
    EpiposeError when views share too few joints or agree on no rig.
    """
    frames = _chosen_frames(poses, intrinsics, max_frames)
    with tqdm(total=4, desc="calibrate", unit="step", delay=2, disable=None) as progress:
        few = frames[evenly(len(frames), _FIRST_FRAMES)]
        if focal != "known":
            intrinsics = with_likely_focal(poses, intrinsics, few, focal_sigma or [None] * len(poses.views), seed)
        progress.update()
        first = first_rig(poses, intrinsics, few, seed)
        repairs: dict[str, Any] = {}
        if poses.xy.shape[2] > 1:
            poses, repairs = repaired_subject(poses, first.rig)
        if repairs:
            first = first_rig(poses, intrinsics, few, seed)
        progress.update()
        poses = poses.with_sides_swapped(first.swapped)
        found = adjust(
            poses, first.rig, frames, focal=focal, clocks=clocks, constant_bones=constant_bones, symmetric=symmetric,
            priors=Priors(smoothness=_in_units_of(first.rig, poses, frames, smoothness)),
        )  # fmt: skip
        progress.update()
        moved, up_sigma, scale = _set_on_the_floor(poses, found.rig, fps, measure)
        progress.update()
    result = assess(poses, found, moved, first)
    return replace(result, up_sigma_deg=up_sigma, scale=scale, repairs=repairs)


def check_rig(poses: Poses2D, rig: Rig, *, max_frames: int = 500) -> Calibration:
    """The report on cameras that are known already: what they make of the subject's joints."""
    frames = _chosen_frames(poses, rig, max_frames)
    camera = rig.camera.to(torch.float64)
    observed, swapped = unswapped(observe(poses, rig).frames(frames), camera.R, camera.t, poses.skeleton.flip)
    rig = replace(rig, camera=camera)
    return assess(poses, known(rig, observed, swapped), rig, None)


def _chosen_frames(poses: Poses2D, rig: Rig, max_frames: int) -> Tensor:
    """At most ``max_frames`` frames, evenly drawn from those that show the subject in two views."""
    if max_frames < 10:
        raise EpiposeError(f"max_frames is {max_frames}; at least 10 frames are needed, 500 are usual.")
    observed = observe(poses, rig)
    _check_everyone_is_seen(observed, poses.views)
    seen = observed.seen_frames()
    return seen[evenly(len(seen), max_frames)]


def _check_everyone_is_seen(observed: Observations, names: tuple[str, ...]) -> None:
    for name, seen in zip(names, (observed.weight > 0).flatten(1).sum(1).tolist(), strict=True):
        if seen < 50:
            raise EpiposeError(
                f"View '{name}' shows only {seen} joints of the subject with confidence; at least 50 are needed. "
                "Check that the person is in the image and large enough, or leave this view out."
            )


def _in_units_of(rig: Rig, poses: Poses2D, frames: Tensor, metres: float | None) -> float | None:
    """A length given for a person 1.7 m tall, in the unit of a rig without scale."""
    if metres is None:
        return None
    xyz, conf = triangulated(observe(poses, rig).frames(frames), rig, poses.skeleton)
    return metres * stature(xyz, conf, poses.skeleton) / NOMINAL_STATURE


def _set_on_the_floor(poses: Poses2D, rig: Rig, fps: float, measure: Measure | None) -> tuple[Rig, float, Scale | None]:
    """The rig with z up, the floor at 0 and its scale; how sure up is (degrees); and the scale, None if nominal."""
    observed = observe(poses, rig)
    observed = observed.frames(observed.busiest(_WORLD_FRAMES))
    xyz, conf = triangulated(observed, rig, poses.skeleton, constant_bones=False)
    scale = None if measure is None else measure(xyz, conf, rig)
    factor = NOMINAL_STATURE / stature(xyz, conf, poses.skeleton) if scale is None else scale.factor
    world = upright(xyz, conf, poses.skeleton, rig, fps, factor)
    assert world.rig is not None
    moved = replace(world.rig, metric=scale is not None)
    return moved, float(torch.rad2deg(torch.tensor(world.up_sigma))), scale
