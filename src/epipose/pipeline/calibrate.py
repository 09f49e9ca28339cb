"""Extrinsic self-calibration of a detected clip, or of several by one rig, with intrinsics given or estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, overload

from epipose.calibration.calibrate import Measure, calibrate_rig, check_rig
from epipose.calibration.intrinsics import IntrinsicsChoice, choose_intrinsics, known_rig_from
from epipose.calibration.pooled import ClipInput
from epipose.calibration.pooled import calibrate_together as pooled
from epipose.calibration.result import Calibration
from epipose.calibration.rig_options import RigOptions
from epipose.camera import Rig
from epipose.errors import InputError
from epipose.formats.cameras import read_cameras
from epipose.io.files import AnyPath
from epipose.io.options import with_changes
from epipose.pipeline.detect import DetectedClip
from epipose.pipeline.options import CalibrateOptions
from epipose.reconstruction.scale import scale_estimator


@overload
def calibrate(
    seen: DetectedClip,
    options: CalibrateOptions = ...,
    *,
    intrinsics: Rig | AnyPath | None = ...,
    known_rig: Rig | AnyPath | None = ...,
    **changes: Any,
) -> Calibration: ...


@overload
def calibrate(
    seen: Sequence[DetectedClip],
    options: CalibrateOptions = ...,
    *,
    intrinsics: Rig | AnyPath | None = ...,
    known_rig: Rig | AnyPath | None = ...,
    **changes: Any,
) -> tuple[Calibration, ...]: ...


def calibrate(
    seen: DetectedClip | Sequence[DetectedClip],
    options: CalibrateOptions = CalibrateOptions(),
    *,
    intrinsics: Rig | AnyPath | None = None,
    known_rig: Rig | AnyPath | None = None,
    **changes: Any,
) -> Calibration | tuple[Calibration, ...]:
    """Recover the extrinsics of all cameras, and unknown intrinsics, from the subject's motion.

    ``seen``: a clip; or several of the same cameras, with other people or of other days, which together give one rig
    and a calibration for each clip. ``intrinsics``: K, distortion and size of every camera, as a Rig or a file of any
    format in `epipose.formats.cameras`; without them focal lengths and distortion are estimated. ``known_rig``: cameras
    that are known, extrinsics too, which are only checked; where they are not metric, the lengths in ``options`` scale
    them. ``changes`` are fields of `CalibrateOptions` by name, such as ``height=1.82`` (metres; makes the result metric;
    of several clips, the subject's of the first one). Raises CalibrationError where the views share too little,
    InputError for what does not fit the clip.
    """
    options = with_changes(options, changes)
    check_sources(options, intrinsics, known_rig)
    if not isinstance(seen, DetectedClip):
        clips = {f"clip {number}": clip for number, clip in enumerate(seen, start=1)}
        return calibrate_together(clips, options, intrinsics=intrinsics, known_rig=known_rig)
    clip, poses = seen.clip, seen.keypoints
    if known_rig is not None:
        rig, note = known_rig_from(known_rig, clip)
        _check_not_scaled(rig, options)
        result = check_rig(poses, rig, max_frames=options.max_frames, measure=_measure(seen, options))
    else:
        chosen = choose_intrinsics(clip, intrinsics, options.focal)
        note = chosen.note
        measure = _measure(seen, options)
        result = calibrate_rig(poses, chosen.rig, _rig_options(chosen, options), fps=clip.fps, measure=measure)
    return replace(result, remarks=(*result.remarks, *([note] if note else []), *seen.warnings))


def calibrate_together(
    clips: Mapping[str, DetectedClip],
    options: CalibrateOptions = CalibrateOptions(),
    *,
    intrinsics: Rig | AnyPath | None = None,
    known_rig: Rig | AnyPath | None = None,
) -> tuple[Calibration, ...]:
    """One rig from several clips, by name; see `calibrate`. A known rig is checked against each clip by itself."""
    seen = list(clips.values())
    if not seen:
        raise InputError("No clip was given; one or more detected clips are expected.")
    if known_rig is not None:
        return tuple(calibrate(clip, options, known_rig=known_rig) for clip in seen)
    _check_same_views(clips)
    chosen = choose_intrinsics(seen[0].clip, intrinsics, options.focal)
    of_another = replace(options, height=None, bone=())  # the lengths that are given are of the first clip's subject
    inputs = [
        ClipInput(name, one.keypoints, one.clip.fps, _measure(one, options if one is seen[0] else of_another))
        for name, one in clips.items()
    ]
    results = pooled(inputs, chosen.rig, _rig_options(chosen, options))
    note = [chosen.note] if chosen.note else []
    return tuple(
        replace(result, remarks=(*result.remarks, *note, *one.warnings))
        for result, one in zip(results, seen, strict=True)
    )


def _check_same_views(clips: Mapping[str, DetectedClip]) -> None:
    """Raise InputError where a clip has other views than the first one, or images of another size."""
    (first, expected), *others = (
        (name, {view.name: (view.width, view.height) for view in seen.clip.views}) for name, seen in clips.items()
    )
    for name, views in others:
        if list(views) != list(expected):
            raise InputError(
                f"Clips of the same cameras have the same views in the same order: {first} has {', '.join(expected)}, "
                f"{name} has {', '.join(views)}. Rename the videos, or calibrate {name} by itself."
            )
        for view, (width, height) in views.items():
            if (width, height) != expected[view]:
                raise InputError(
                    f"View '{view}' has {width}x{height} pixels in {name} and {expected[view][0]}x{expected[view][1]} in "
                    f"{first}: that is another camera, or another setting of it. Calibrate {name} by itself."
                )


def _rig_options(chosen: IntrinsicsChoice, options: CalibrateOptions) -> RigOptions:
    return RigOptions(
        focal=chosen.focal,
        center=chosen.center,
        focal_sigma=chosen.sigma,
        clocks=options.clocks,
        constant_bones=options.constant_bones,
        symmetric=options.symmetric,
        smoothness=options.smoothness,
        max_frames=options.max_frames,
        seed=options.seed,
    )


def _measure(seen: DetectedClip, options: CalibrateOptions) -> Measure:
    lengths = (options.height, options.bone, options.camera_distance)
    return scale_estimator(seen.keypoints.skeleton, seen.clip.names, *lengths)


def check_sources(options: CalibrateOptions, intrinsics: Rig | AnyPath | None, known_rig: Rig | AnyPath | None) -> None:
    """Raise InputError where a known rig is given together with what it already states, and for unreadable cameras.

    Needs no clip, so that hours of detection are not spent on a file that is not there.
    """
    if intrinsics is not None and not isinstance(intrinsics, Rig):
        read_cameras(intrinsics)
    if known_rig is None:
        return
    if intrinsics is not None:
        raise InputError("Give either --intrinsics or --known-rig: a known rig has its own intrinsics.")
    if options.focal != "auto":
        raise InputError("--known-rig takes cameras with their intrinsics as they are: leave out --focal.")
    rig = known_rig if isinstance(known_rig, Rig) else read_cameras(known_rig, poses=True).rig
    _check_not_scaled(rig, options)


def _check_not_scaled(rig: Rig, options: CalibrateOptions) -> None:
    """Raise InputError where lengths are given for a rig that is metric already."""
    if rig.metric and (options.height is not None or options.bone or options.camera_distance):
        raise InputError(
            "The known rig is metric: its lengths are metres already, and another length could only contradict it. Leave "
            'out --height, --bone and --camera-distance; to scale it anew, give it as a rig.json with "metric": false.'
        )
