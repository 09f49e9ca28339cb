"""Export of a clip folder, poses, cameras or a network to the file formats of other programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.exporters.base import Recording, Written
from epipose.exporters.options import ExportOptions
from epipose.exporters.registry import exporter_for
from epipose.formats.cameras import format_of, read_cameras
from epipose.io.files import AnyPath
from epipose.io.options import with_changes
from epipose.io.staged import settle
from epipose.io.writable import check_folder
from epipose.poses import Poses3D
from epipose.reconstruction.fill import FILLED_CONFIDENCE, fill_gaps
from epipose.reconstruction.trajectory_filter import filtered, parse_filter


def export(
    source: Poses3D | Rig | AnyPath, out: AnyPath, options: ExportOptions = ExportOptions(), **changes: Any
) -> Written:
    """Write 3D poses, cameras or a trained network for another program; the ending of ``out`` says in which format.

    ``source``: poses, cameras, a clip folder with labels or cameras, a file of either, or a model folder. ``changes``
    are fields of `ExportOptions` by name, such as ``unit="mm"``. Returns the files and warnings on what they do not
    hold. 3D paths are filled and filtered as ``options`` say, in the file alone. Raises InputError for an unknown
    ending, and for a source without what the format is for.
    """
    options, out = with_changes(options, changes), Path(out)
    write = exporter_for(out)
    check_folder(out.parent)
    if options.filter is not None:
        parse_filter(options.filter)
    recording, notes = smoothed(recording_of(source), options)
    files, warnings = write(recording, out, options)
    return Written(files, (*recording.notes, *notes, *warnings))


def smoothed(recording: Recording, options: ExportOptions) -> tuple[Recording, tuple[str, ...]]:
    """The recording with gaps filled and paths filtered as the options say, and a sentence on what was filled.

    Raises InputError for a filter that is none, and where there are no 3D poses to fill or filter.
    """
    if options.filter is None and options.fill == 0:
        return recording, ()
    by = None if options.filter is None else parse_filter(options.filter)
    poses, filled = fill_gaps(recording.need_poses(), options.fill)
    notes = ()
    if filled:
        share = filled / int((poses.conf > 0).sum())
        notes = (
            f"{filled} joint positions ({share:.1%}) are filled in, over gaps of up to {options.fill} frames; their "
            f"confidence is {FILLED_CONFIDENCE:g}.",
        )
    if by is not None:
        poses = filtered(poses, by, recording.fps)
    return replace(recording, poses=poses), notes


def recording_of(source: Poses3D | Rig | AnyPath) -> Recording:
    """What there is to export; InputError where a file or folder holds none of it."""
    if isinstance(source, Poses3D):
        return Recording("poses", poses=source)
    if isinstance(source, Rig):
        return Recording("rig", rig=source)
    path = Path(source)
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        raise InputError(f"There is no file or folder {path}.")
    if path.suffix == ".npz":
        return Recording(path.stem, poses=Poses3D.load(path))
    return _of_cameras(path)


def _of_cameras(path: Path) -> Recording:
    file = read_cameras(path, poses=True)
    return Recording(path.resolve().stem, rig=file.rig, notes=file.notes)


def _of_folder(folder: Path) -> Recording:
    name = folder.resolve().name
    settle(folder)
    if (folder / "config.json").exists():
        from epipose.network.posenet import TrainedPoseNet

        return Recording(name, model=TrainedPoseNet.load(folder))
    files = {file: folder / file for file in ("clip.json", "rig.json", "poses3d.npz") if (folder / file).exists()}
    if not files and format_of(folder) is not None:
        return _of_cameras(folder)
    if not files:
        raise InputError(
            f"{folder} has nothing to export: expected a clip folder with poses3d.npz (epipose label) or rig.json "
            "(epipose calibrate), a folder of cameras, or a model folder with config.json (epipose train)."
        )
    return Recording(
        name,
        poses=Poses3D.load(files["poses3d.npz"]) if "poses3d.npz" in files else None,
        rig=Rig.load(files["rig.json"]) if "rig.json" in files else None,
        clip=Clip.load(folder, with_videos=False) if "clip.json" in files else None,
    )
