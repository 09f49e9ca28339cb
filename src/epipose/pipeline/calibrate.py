"""Extrinsic self-calibration of a detected clip, with intrinsics from a file or estimated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from epipose.calibration.calibrate import calibrate_rig, check_rig
from epipose.calibration.intrinsics import choose_intrinsics, known_rig_from
from epipose.calibration.result import Calibration
from epipose.camera import Rig
from epipose.errors import InputError
from epipose.io.files import AnyPath
from epipose.io.options import with_changes
from epipose.pipeline.detect import DetectedClip
from epipose.pipeline.options import CalibrateOptions
from epipose.reconstruction.scale import scale_estimator


def calibrate(
    seen: DetectedClip,
    options: CalibrateOptions = CalibrateOptions(),
    *,
    intrinsics: Rig | AnyPath | None = None,
    known_rig: Rig | AnyPath | None = None,
    **changes: Any,
) -> Calibration:
    """Recover the extrinsics of all cameras, and unknown intrinsics, from the subject's motion.

    ``intrinsics``: K, distortion and size of every camera, as a Rig or a file (epipose JSON or Qualisys); without them
    focal lengths and distortion are estimated. ``known_rig``: cameras that are known, extrinsics too, which are only
    checked. ``changes`` are fields of `CalibrateOptions` by name, such as ``height=1.82`` (metres; makes the result
    metric). Raises CalibrationError where the views share too little, InputError for what does not fit the clip.
    """
    options, clip, poses = with_changes(options, changes), seen.clip, seen.keypoints
    check_sources(options, intrinsics, known_rig)
    if known_rig is not None:
        rig, note = known_rig_from(known_rig, clip)
        result = check_rig(poses, rig, max_frames=options.max_frames)
    else:
        measure = scale_estimator(poses.skeleton, clip.names, options.height, options.bone, options.camera_distance)
        chosen = choose_intrinsics(clip, intrinsics, options.focal)
        note = chosen.note
        result = calibrate_rig(
            poses, chosen.rig, fps=clip.fps, focal=chosen.focal, center=chosen.center, focal_sigma=chosen.sigma, clocks=options.clocks,
            constant_bones=options.constant_bones, symmetric=options.symmetric, smoothness=options.smoothness,
            measure=measure, max_frames=options.max_frames, seed=options.seed,
        )  # fmt: skip
    return replace(result, remarks=(*([note] if note else []), *seen.warnings))


def check_sources(options: CalibrateOptions, intrinsics: Rig | AnyPath | None, known_rig: Rig | AnyPath | None) -> None:
    """Raise InputError where a known rig is given together with what it already states."""
    if known_rig is None:
        return
    if intrinsics is not None:
        raise InputError("Give either --intrinsics or --known-rig: a known rig has its own intrinsics.")
    if options.height is not None or options.bone or options.camera_distance or options.focal != "auto":
        raise InputError(
            "--known-rig takes cameras as they are, with their scale and intrinsics: leave out --height, --bone, "
            "--camera-distance and --focal."
        )
