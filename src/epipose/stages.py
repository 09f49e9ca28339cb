"""The verbs on a clip folder: read what is there, do the work unless it is done, write the outcome and its record.

The mathematics is in the modules named after the verbs; here is only what belongs to files. Every function returns
whether it had work to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from epipose.calibrate import calibrate, check_rig
from epipose.calibration import Calibration
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.detect import detect, detector_named, resolved
from epipose.detect.given import given
from epipose.errors import EpiposeError
from epipose.files import already_done, fingerprint, read_json, write_json, write_record
from epipose.intrinsics import assumed_intrinsics, intrinsics_from, known_rig_from
from epipose.label import label
from epipose.poses import Poses2D
from epipose.subject import choose_subject, doubts


def detect_clip(
    sources: Sequence[Path],
    out: Path,
    *,
    detector: str = "blazepose",
    poses: Path | None = None,
    overwrite: bool = False,
) -> bool:
    """Videos to ``clip.json`` and ``poses2d.npz`` with the subject as person 0."""
    if out.exists() and not out.is_dir():
        raise EpiposeError(f"--out {out} is a file; give a folder to write into.")
    clip = Clip.from_videos(sources)
    record, outputs = out / "detect.json", (out / "clip.json", out / "poses2d.npz")
    videos = fingerprint([view.video for view in clip.views])
    if record.exists() and not overwrite:
        before = read_json(record)
        if before.get("videos") != videos:
            raise EpiposeError(
                f"{out} holds another run, of other videos (views {', '.join(before.get('views', []))}). Give another "
                "--out, or --overwrite to replace it."
            )
    options = {"detector": resolved(detector), "poses": None if poses is None else str(poses)}
    inputs = fingerprint(_files_in(poses)) + videos
    if already_done(record, options, inputs, outputs) and not overwrite:
        return False
    found = detect(clip, detector_named(detector)) if poses is None else given(poses, clip)
    found, reasons = choose_subject(found, clip.fps)
    record.unlink(missing_ok=True)  # from here on the outputs may be of two minds until the record says otherwise
    if overwrite:
        for stale in ("rig.json", "calibration.json", "calibrate.json", "poses3d.npz", "label.json"):
            (out / stale).unlink(missing_ok=True)
    clip.save(out)
    found.save(out / "poses2d.npz")
    write_record(record, options, inputs, videos=videos, views=list(clip.names), subject=reasons)
    return True


def calibrate_clip(
    folder: Path,
    *,
    intrinsics: Path | None = None,
    known_rig: Path | None = None,
    constant_bones: bool = True,
    max_frames: int = 500,
    seed: int = 0,
) -> bool:
    """``poses2d.npz`` to ``rig.json`` and the report ``calibration.json``."""
    clip, poses = Clip.load(folder), Poses2D.load(folder / "poses2d.npz")
    if known_rig is not None and intrinsics is not None:
        raise EpiposeError("Give either --intrinsics or --known-rig: a known rig brings its own intrinsics.")
    if known_rig is None and intrinsics is None and (folder / "intrinsics.json").exists():
        intrinsics = folder / "intrinsics.json"
    record, outputs = folder / "calibrate.json", (folder / "rig.json", folder / "calibration.json")
    options = {"constant_bones": constant_bones, "max_frames": max_frames, "seed": seed, "known": known_rig is not None}
    inputs = fingerprint([folder / "poses2d.npz", *(path for path in (intrinsics, known_rig) if path is not None)])
    if already_done(record, options, inputs, outputs):
        return False
    if known_rig is not None:
        rig, note = known_rig_from(known_rig, clip)
        result = check_rig(poses, rig, max_frames=max_frames)
    else:
        rig, note = assumed_intrinsics(clip) if intrinsics is None else intrinsics_from(intrinsics, clip)
        result = calibrate(poses, rig, constant_bones=constant_bones, max_frames=max_frames, seed=seed)
    record.unlink(missing_ok=True)
    _save_calibration(folder, result, [*([note] if note else []), *subject_doubts(folder)])
    write_record(record, options, inputs)
    return True


def label_clip(folder: Path, *, min_parallax_deg: float = 5.0) -> bool:
    """``poses2d.npz`` and ``rig.json`` to ``poses3d.npz``."""
    poses, rig = Poses2D.load(folder / "poses2d.npz"), Rig.load(folder / "rig.json")
    record, output = folder / "label.json", folder / "poses3d.npz"
    options = {"min_parallax_deg": min_parallax_deg}
    inputs = fingerprint([folder / "poses2d.npz", folder / "rig.json"])
    if already_done(record, options, inputs, (output,)):
        return False
    labels = label(poses, rig, min_parallax_deg=min_parallax_deg)
    share = float((labels.conf > 0).float().mean())
    if share == 0:
        raise EpiposeError(
            f"No joint of {folder} could be triangulated with confidence: the views do not agree. "
            "Look at calibration.json, and check that the videos are synchronised."
        )
    record.unlink(missing_ok=True)
    labels.save(output)
    write_record(record, options, inputs, labelled_share=share, mean_confidence=float(labels.conf.mean()))
    return True


def subject_doubts(folder: Path) -> list[str]:
    """Plain words on the views in which it is not sure that the right person was taken; empty where all is well."""
    record = folder / "detect.json"
    return doubts(read_json(record)["subject"]) if record.exists() else []


def _save_calibration(folder: Path, result: Calibration, notes: list[str]) -> None:
    report = result.report()
    report["warnings"] = [*notes, *report["warnings"]]
    result.rig.save(folder / "rig.json")
    write_json(folder / "calibration.json", report)


def _files_in(poses: Path | None) -> list[Path]:
    if poses is None:
        return []
    if not poses.exists():
        raise EpiposeError(f"There is no file or folder {poses}.")
    return sorted(path for path in poses.rglob("*") if path.is_file()) if poses.is_dir() else [poses]
