"""Pipeline stages on a clip folder: detection, calibration and labelling with their files and records.

The work is in detect.py, calibrate.py and label.py; here is only what belongs to files. Every stage reads what is
there, does the work unless it is done, writes the outcome with its record as one set of files, and returns whether it
had work to do. It holds the folder's lock meanwhile.
``changes`` are fields of the options by name.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from epipose.calibration.result import Calibration, check_not_rejected
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.detection.precomputed import GivenPoses
from epipose.errors import CalibrationError, InputError
from epipose.formats.cameras import files_of
from epipose.io.files import already_done, fingerprint, read_object, write_record
from epipose.io.lock import folder_lock
from epipose.io.options import with_changes
from epipose.io.records import as_json
from epipose.io.staged import Staged, staged
from epipose.pipeline.calibrate import calibrate, calibrate_together, check_sources
from epipose.pipeline.detect import (
    DetectedClip,
    DetectionRecord,
    checked_options,
    clip_for,
    keypoints_in,
    recorded,
    sampled,
    synchronised,
)
from epipose.pipeline.label import Labels, labels_of, timed
from epipose.pipeline.options import CalibrateOptions, DetectOptions, LabelOptions
from epipose.poses import Poses2D, Poses3D
from epipose.reconstruction.scale import scale_estimator
from epipose.skeletons import skeleton_named
from epipose.training.supervision import Mode, check_supervision, supervision
from epipose.viz.calibration_report import calibration_page

# Files derived from 2D poses, and from cameras: removed when these change, so that no outdated file remains.
_FROM_POSES = ("calibrate.json", "rig.json", "calibration.json", "calibration.html")
_FROM_CAMERAS = ("label.json", "poses3d.npz")


def detect_clip(
    sources: Sequence[Path],
    out: Path,
    options: DetectOptions = DetectOptions(),
    *,
    overwrite: bool = False,
    **changes: Any,
) -> bool:
    """Videos to ``clip.json`` (synchronised) and ``poses2d.npz`` on its timeline, with the subject as person 0.

    Keypoints in the videos' own frames stay in ``detections.npz``: another synchronisation does not detect anew.
    """
    options = with_changes(options, changes)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; give a folder to write into.")
    clip = clip_for(sources, options)
    options = checked_options(clip, options)
    with folder_lock(out):
        return _detect_clip(clip, out, options, overwrite=overwrite)


def _detect_clip(clip: Clip, out: Path, options: DetectOptions, *, overwrite: bool) -> bool:
    """`detect_clip` for options that are checked, with the folder's lock."""
    record, outputs = out / "detect.json", (out / "clip.json", out / "poses2d.npz")
    made_from = recorded(clip, options)
    if record.exists() and not overwrite:
        before = read_object(record)
        if before.get("videos") != made_from.videos:
            raise InputError(
                f"{out} holds another run, of other videos (views {', '.join(before.get('views', []))}). Give another "
                "--out, or --overwrite to replace it."
            )
    done = already_done(record, made_from.options, made_from.inputs, outputs) and _has_views_of(out, clip)
    if done and not overwrite:
        return False
    if options.every != 1:
        found = sampled(clip, options)
    else:
        found = synchronised(clip, _detections(clip, out, options, made_from, anew=overwrite), options)
    with staged(out, removes=(record.name, *_FROM_POSES, *_FROM_CAMERAS)) as stage:
        found.write_into(stage, made_from)
    return True


def _has_views_of(out: Path, clip: Clip) -> bool:
    """Whether the clip folder's views have the names of the clip's and their videos are where the clip's are."""
    there = Clip.load(out, with_videos=False)
    return [(view.name, view.video) for view in there.views] == [(view.name, view.video) for view in clip.views]


def _detections(clip: Clip, out: Path, options: DetectOptions, made_from: DetectionRecord, *, anew: bool) -> GivenPoses:
    """Keypoints in the videos' own frames: from ``detections.npz`` where that still holds, else detected and kept."""
    record, output = out / "detections.json", out / "detections.npz"
    asked = {key: made_from.options[key] for key in ("detector", "detector_option", "poses", "joints", "size", "fps")}
    if already_done(record, asked, made_from.inputs, (output,)) and not anew:
        poses = Poses2D.load(output)
        if poses.views == clip.names:
            return GivenPoses(poses, tuple(read_object(record).get("notes", ())))
    kept = out / "detections"
    seen = keypoints_in(clip, options, kept)
    with staged(out) as stage:
        seen.poses.save(stage.path(output.name))
        write_record(stage.path(record.name), asked, made_from.inputs, notes=list(seen.notes))
    shutil.rmtree(kept, ignore_errors=True)
    return seen


def calibrate_clip(
    folder: Path,
    options: CalibrateOptions = CalibrateOptions(),
    *,
    intrinsics: Path | None = None,
    known_rig: Path | None = None,
    **changes: Any,
) -> bool:
    """``poses2d.npz`` to ``rig.json`` and the report on it (JSON and a page); for what is given see `calibrate`."""
    options = with_changes(options, changes)
    check_sources(options, intrinsics, known_rig)
    Clip.load(folder)  # a folder that is none is not locked
    with folder_lock(folder):
        return _calibrate_clip(folder, options, intrinsics, known_rig)


def _calibrate_clip(folder: Path, options: CalibrateOptions, intrinsics: Path | None, known_rig: Path | None) -> bool:
    """`calibrate_clip` with the folder's lock."""
    seen = DetectedClip.load(folder)
    if known_rig is None and intrinsics is None and (folder / "intrinsics.json").exists():
        intrinsics = folder / "intrinsics.json"
    # lengths are checked before any work
    skeleton, names = seen.keypoints.skeleton, seen.clip.names
    scale_estimator(skeleton, names, options.height, options.bone, options.camera_distance)
    record, outputs = folder / "calibrate.json", _calibrated(folder)
    asked = {**as_json(options), "known": known_rig is not None}
    given = [file for path in (intrinsics, known_rig) if path is not None for file in files_of(path)]
    inputs = fingerprint([folder / "poses2d.npz", *given])
    if already_done(record, asked, inputs, outputs):
        return False
    result = calibrate(seen, options, intrinsics=intrinsics, known_rig=known_rig)
    del seen  # of a long clip it is large, and the page reads the keypoints again
    with staged(folder, removes=(*_FROM_POSES, *_FROM_CAMERAS)) as stage:
        _write_calibration(stage, result, asked, inputs)
    return True


def _write_calibration(stage: Staged, result: Calibration, asked: Mapping[str, Any], inputs: str) -> None:
    result.write_into(stage)
    calibration_page(stage.target, result).save(stage.path("calibration.html"))
    write_record(stage.path("calibrate.json"), asked, inputs)


def calibrate_clips(
    folders: Sequence[Path],
    options: CalibrateOptions = CalibrateOptions(),
    *,
    intrinsics: Path | None = None,
    **changes: Any,
) -> bool:
    """`calibrate_clip` for clips of the same cameras together: one rig in all folders, a report in each.

    Every record lists all clips: when one changes, all are calibrated anew. Nothing is put in place before everything
    is computed and written; a folder whose set of files is not in place after a failure has the old one, whole.
    """
    options = with_changes(options, changes)
    names = _clip_names(folders)
    for folder in folders:
        Clip.load(folder)  # a folder that is none is not locked
    with ExitStack() as locks:
        for folder in folders:
            locks.enter_context(folder_lock(folder))
        return _calibrate_clips(names, options, intrinsics)


def _calibrate_clips(names: Mapping[str, Path], options: CalibrateOptions, intrinsics: Path | None) -> bool:
    """`calibrate_clips` for folders by name, with their locks."""
    folders = list(names.values())
    intrinsics = intrinsics or _same_intrinsics(folders)
    given = () if intrinsics is None else files_of(intrinsics)
    seen = [{"clip": name, "poses2d": fingerprint([folder / "poses2d.npz"])} for name, folder in names.items()]
    asked, inputs = {**as_json(options), "known": False, "same_cameras": seen}, fingerprint(given)
    if all(already_done(folder / "calibrate.json", asked, inputs, _calibrated(folder)) for folder in folders):
        return False
    clips = {name: DetectedClip.load(folder) for name, folder in names.items()}
    results = calibrate_together(clips, options, intrinsics=intrinsics)
    with ExitStack() as sets:  # all are written, then one after the other is put in place
        for folder, result in zip(folders, results, strict=True):
            stage = sets.enter_context(staged(folder, removes=(*_FROM_POSES, *_FROM_CAMERAS)))
            _write_calibration(stage, result, asked, inputs)
    return True


def _clip_names(folders: Sequence[Path]) -> dict[str, Path]:
    """The folders by their names, whole paths where two have the same. Raises InputError for a folder given twice."""
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError(f"A clip folder is given twice: {', '.join(map(str, folders))}. Give every clip once.")
    short = [folder.resolve().name for folder in folders]
    return dict(zip(short if len(set(short)) == len(short) else map(str, folders), folders, strict=True))


def _same_intrinsics(folders: Sequence[Path]) -> Path | None:
    """``intrinsics.json`` of the first folder that has one. Raises InputError where another folder's is different."""
    files = [folder / "intrinsics.json" for folder in folders if (folder / "intrinsics.json").exists()]
    for file in files[1:]:
        if fingerprint([file]) != fingerprint(files[:1]):
            raise InputError(
                f"{file} differs from {files[0]}, but the same cameras have the same intrinsics. Give --intrinsics, or "
                "calibrate the clips by themselves."
            )
    return files[0] if files else None


def _calibrated(folder: Path) -> tuple[Path, ...]:
    return folder / "rig.json", folder / "calibration.json", folder / "calibration.html"


def label_clip(
    folder: Path, options: LabelOptions = LabelOptions(), *, mode: Mode = "self", force: bool = False, **changes: Any
) -> bool:
    """``poses2d.npz`` and ``rig.json`` to ``poses3d.npz``; where there are several people, they are associated first.

    Other modes than "self" read the folder ``truth/`` and write to ``labels/<mode>/`` (see `supervision`). Raises
    RejectedError for cameras that calibration rejected, unless ``force``.
    """
    options = with_changes(options, changes)
    if not folder.is_dir():
        raise InputError(f"There is no clip folder {folder}. Make one: epipose detect VIDEOS --out {folder}")
    _check_detected_throughout(folder)
    with folder_lock(folder):
        return _label_clip(folder, options, mode, force)


def _label_clip(folder: Path, options: LabelOptions, mode: Mode, force: bool) -> bool:
    """`label_clip` with the folder's lock."""
    judged = (folder / "calibration.json").exists()
    if mode == "self" and judged:
        check_not_rejected(Calibration.load(folder), force, folder)
    found = supervision(folder, mode) if mode == "self" else check_supervision(folder, mode)
    clip, rig = Clip.load(folder), Rig.load(found.rig)
    poses = None if found.poses2d is None else replace(Poses2D.load(found.poses2d), xyz=None)  # nothing reads it here
    record, output = found.labels / "label.json", found.labels / "poses3d.npz"
    inputs = fingerprint(found.inputs())
    if already_done(record, asdict(options), inputs, (output,)):
        return False
    if poses is None:
        known = Poses3D.load(found.rig.with_name("poses3d.npz"))
        wanted = known.skeleton if options.skeleton == "native" else skeleton_named(options.skeleton)
        labels = Labels(timed(known.mapped_to(wanted), clip))
    else:
        swaps_count = judged and found.poses2d == folder / "poses2d.npz"
        labels = labels_of(
            clip, poses, rig, Calibration.load(folder).swapped_throughout if swaps_count else (), options
        )
    measures = _measures(labels, folder)
    with staged(found.labels) as stage:
        labels.poses.save(stage.path(output.name))
        if found.labels != folder:
            rig.select(clip.names).save(stage.path("rig.json"))
        write_record(stage.path(record.name), asdict(options), inputs, **measures)
    return True


def _check_detected_throughout(folder: Path) -> None:
    """Raise InputError for a clip in which only as many frames were looked at as cameras need."""
    record = folder / "detect.json"
    if record.exists() and read_object(record).get("options", {}).get("every") == 0:
        raise InputError(
            f"{folder} has keypoints in as few frames as cameras need (detect --every 0, calibrate --auto), too few for "
            f"labels. Detect the videos into another folder, and calibrate that with --known-rig {folder / 'rig.json'}."
        )


def _measures(labels: Labels, folder: Path) -> dict[str, Any]:
    """What label.json says of the labels; the shares are the subject's. Raises CalibrationError where there is none."""
    share = float((labels.poses.conf[:, 0] > 0).float().mean())
    if share == 0:
        raise CalibrationError(
            f"No joint of {folder} could be triangulated with confidence: the views do not agree. "
            "Look at calibration.json, and check that the videos are synchronised."
        )
    people = {"persons": list(labels.persons), "people_found": list(labels.people_found)}
    return {"labelled_share": share, "mean_confidence": float(labels.poses.conf[:, 0].mean()), **people}
