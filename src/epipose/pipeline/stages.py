"""The verbs on a clip folder: read what is there, do the work unless it is done, write the outcome and its record.

The mathematics is in the modules named after the verbs; here is only what belongs to files. Every function returns
whether it had work to do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from epipose.calibration.calibrate import calibrate, check_rig
from epipose.calibration.intrinsics import FocalChoice, known_rig_from, lens_for
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.detection.detect import detect_keypoints, detector_named, resolved_name
from epipose.detection.precomputed import read_keypoints
from epipose.errors import EpiposeError, RejectedError
from epipose.io.files import already_done, fingerprint, read_json, write_json, write_record
from epipose.people.association import associate
from epipose.people.subject import choose_subject
from epipose.poses import Poses2D, Poses3D
from epipose.reconstruction.label import GATE, MIN_PARALLAX_DEG, label_poses
from epipose.reconstruction.scale import measuring
from epipose.skeletons import H36M17
from epipose.sync.offsets import SyncMethod, estimate_offsets, gap_warnings
from epipose.sync.resample import on_timeline
from epipose.training.supervision import Mode, check_supervision, supervision
from epipose.viz.calibration_report import calibration_page

# What rests on 2D poses, and on cameras: it goes when they change, for nobody may see the old beside the new.
_FROM_POSES = ("calibrate.json", "rig.json", "calibration.json", "calibration.html")
_FROM_CAMERAS = ("label.json", "poses3d.npz")


def detect_clip(
    sources: Sequence[Path],
    out: Path,
    *,
    detector: str = "blazepose",
    poses: Path | None = None,
    sync: SyncMethod = "auto",
    offsets: Sequence[float] = (),
    overwrite: bool = False,
) -> bool:
    """Videos to ``clip.json`` (synchronised) and ``poses2d.npz`` on its timeline, with the subject as person 0.

    What the detector saw in the videos' own frames stays in ``detections.npz``: another synchronisation does not detect
    anew. ``offsets`` are the videos' starts in seconds, by hand.
    """
    if out.exists() and not out.is_dir():
        raise EpiposeError(f"--out {out} is a file; give a folder to write into.")
    clip = Clip.from_videos(sources)
    if offsets and len(offsets) != len(clip.views):
        raise EpiposeError(f"--offsets has {len(offsets)} starts for {len(clip.views)} videos; give one for each.")
    if not all(math.isfinite(start) for start in offsets):
        raise EpiposeError(f"--offsets are {' '.join(map(str, offsets))}; give finite seconds.")
    record, outputs = out / "detect.json", (out / "clip.json", out / "poses2d.npz")
    videos = fingerprint([view.video for view in clip.views])
    if record.exists() and not overwrite:
        before = read_json(record)
        if before.get("videos") != videos:
            raise EpiposeError(
                f"{out} holds another run, of other videos (views {', '.join(before.get('views', []))}). Give another "
                "--out, or --overwrite to replace it."
            )
    seen_by = {"detector": resolved_name(detector), "poses": None if poses is None else str(poses)}
    options = {**seen_by, "sync": sync, "offsets": list(offsets)}
    inputs = fingerprint(_files_in(poses)) + videos
    if already_done(record, options, inputs, outputs) and not overwrite:
        return False
    seen = _detections(clip, out, detector, poses, seen_by, inputs, anew=overwrite)
    found = estimate_offsets(sync, offsets, clip, seen)
    clip = clip.synchronised(found.starts)
    chosen, choice = choose_subject(on_timeline(seen, clip), clip.fps)
    record.unlink(missing_ok=True)  # from here on the outputs may be of two minds until the record says otherwise
    _remove(out, *_FROM_POSES, *_FROM_CAMERAS)
    clip.save(out)
    chosen.save(out / "poses2d.npz")
    warnings = [*found.warnings, *gap_warnings(clip), *choice.warnings()]
    more = {"subject": choice.to_json(), "sync": asdict(found), "warnings": warnings}
    write_record(record, options, inputs, videos=videos, views=list(clip.names), **more)
    return True


def _detections(
    clip: Clip, out: Path, detector: str, poses: Path | None, options: dict, inputs: str, *, anew: bool
) -> Poses2D:
    """What is seen in the videos' own frames: from ``detections.npz`` where that is still right, else found and kept."""
    record, output = out / "detections.json", out / "detections.npz"
    if already_done(record, options, inputs, (output,)) and not anew:
        return Poses2D.load(output)
    seen = detect_keypoints(clip, detector_named(detector)) if poses is None else read_keypoints(poses, clip)
    record.unlink(missing_ok=True)
    seen.save(output)
    write_record(record, options, inputs)
    return seen


def calibrate_clip(
    folder: Path,
    *,
    intrinsics: Path | None = None,
    known_rig: Path | None = None,
    height: float | None = None,
    bone: Sequence[str] = (),
    camera_distance: Sequence[str] = (),
    focal: FocalChoice = "auto",
    max_frames: int = 500,
    **options: Any,
) -> bool:
    """``poses2d.npz`` to ``rig.json`` and the report on it (JSON and a page); further options as for `calibrate`."""
    clip, poses = Clip.load(folder), Poses2D.load(folder / "poses2d.npz")
    if known_rig is not None and intrinsics is not None:
        raise EpiposeError("Give either --intrinsics or --known-rig: a known rig brings its own intrinsics.")
    if known_rig is not None and (height is not None or bone or camera_distance or focal != "auto"):
        raise EpiposeError(
            "--known-rig takes cameras as they are, with their scale and lenses: leave out --height, --bone, "
            "--camera-distance and --focal."
        )
    if known_rig is None and intrinsics is None and (folder / "intrinsics.json").exists():
        intrinsics = folder / "intrinsics.json"
    measure = measuring(poses.skeleton, clip.names, height, bone, camera_distance)
    record, page = folder / "calibrate.json", folder / "calibration.html"
    outputs = (folder / "rig.json", folder / "calibration.json", page)
    lengths = {"height": height, "bone": list(bone), "camera_distance": list(camera_distance)}
    asked = {**options, **lengths, "focal": focal, "max_frames": max_frames, "known": known_rig is not None}
    inputs = fingerprint([folder / "poses2d.npz", *(path for path in (intrinsics, known_rig) if path is not None)])
    if already_done(record, asked, inputs, outputs):
        return False
    if known_rig is not None:
        rig, note = known_rig_from(known_rig, clip)
        result = check_rig(poses, rig, max_frames=max_frames)
    else:
        lens = lens_for(clip, intrinsics, focal)
        note = lens.note
        result = calibrate(
            poses, lens.rig, fps=clip.fps, focal=lens.focal, focal_sigma=lens.sigma, measure=measure,
            max_frames=max_frames, **options,
        )  # fmt: skip
    _remove(folder, *_FROM_POSES, *_FROM_CAMERAS)
    report = result.report()
    report["notes"] = [*([note] if note else []), *detect_warnings(folder), *result.notes()]
    write_json(folder / "calibration.json", report)
    result.rig.save(folder / "rig.json")  # after the verdict on it, without which nobody may use it
    calibration_page(folder).save(page)
    write_record(record, asked, inputs)
    return True


def label_clip(
    folder: Path,
    *,
    mode: Mode = "self",
    people: Literal["subject", "all"] = "subject",
    min_parallax_deg: float = MIN_PARALLAX_DEG,
    gate: float = GATE,
    smoothness: float | None = None,
    force: bool = False,
) -> bool:
    """``poses2d.npz`` and ``rig.json`` to ``poses3d.npz``; where there are several people, they are told apart first.

    Other modes than "self" read the folder ``truth/`` and write to ``labels/<mode>/`` (see `supervision`). Raises
    RejectedError for cameras that calibration rejected, unless ``force``.
    """
    if mode == "self" and not force:
        check_not_rejected(folder)
    found = supervision(folder, mode) if mode == "self" else check_supervision(folder, mode)
    clip = Clip.load(folder)
    poses = None if found.poses2d is None else Poses2D.load(found.poses2d)
    rig = Rig.load(found.rig).select(clip.names)
    record, output = found.labels / "label.json", found.labels / "poses3d.npz"
    gates = {"gate": gate, "min_parallax_deg": min_parallax_deg, "smoothness": smoothness}
    options, inputs = {"people": people, **gates}, fingerprint(found.inputs())
    if already_done(record, options, inputs, (output,)):
        return False
    persons, sentences = [0], list[str]()
    if poses is None:
        labels = Poses3D.load(found.rig.with_name("poses3d.npz")).mapped_to(H36M17)
    else:
        if found.poses2d == folder / "poses2d.npz":
            poses = poses.with_sides_swapped(_swapped_throughout(folder, poses.views))
        if poses.conf.shape[2] > 1:
            several = associate(poses, rig, clip.fps)
            poses, sentences = several.poses, several.sentences()
            persons = several.real if people == "all" else [0]
        labels = label_poses(poses, rig, persons=persons, **gates)
    share = float((labels.conf[:, 0] > 0).float().mean())
    if share == 0:
        raise EpiposeError(
            f"No joint of {folder} could be triangulated with confidence: the views do not agree. "
            "Look at calibration.json, and check that the videos are synchronised."
        )
    record.unlink(missing_ok=True)
    labels.save(output)
    if found.labels != folder:
        rig.save(found.labels / "rig.json")
    measures = {"labelled_share": share, "mean_confidence": float(labels.conf[:, 0].mean())}  # of the subject
    write_record(record, options, inputs, **measures, persons=persons, people_found=sentences)
    return True


def _swapped_throughout(folder: Path, views: tuple[str, ...]) -> Bool[Tensor, " view"]:
    """The views whose left and right calibration found to be swapped from beginning to end."""
    report = folder / "calibration.json"
    cameras = read_json(report)["cameras"] if report.exists() else []
    swapped = {camera["name"] for camera in cameras if camera["swapped_throughout"]}
    return torch.tensor([view in swapped for view in views])


def detect_warnings(folder: Path) -> list[str]:
    """Plain words on synchronisation, dropped frames, and views in which it is not sure who was taken."""
    record = folder / "detect.json"
    return read_json(record)["warnings"] if record.exists() else []


def check_not_rejected(folder: Path) -> None:
    """Raise RejectedError where the verdict on the folder's cameras is "reject"."""
    report = folder / "calibration.json"
    verdict = read_json(report)["verdict"] if report.exists() else {"word": "check", "reasons": []}
    if verdict["word"] == "reject":
        raise RejectedError(
            f"The cameras of {folder} are rejected: {' '.join(verdict['reasons'])} Put that right and calibrate again "
            f"({report.with_suffix('.html')} says more), or give --force to use them as they are."
        )


def _remove(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def _files_in(poses: Path | None) -> list[Path]:
    if poses is None:
        return []
    if not poses.exists():
        raise EpiposeError(f"There is no file or folder {poses}.")
    return sorted(path for path in poses.rglob("*") if path.is_file()) if poses.is_dir() else [poses]
